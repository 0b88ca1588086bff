#include "openset/flow/input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "flow/failed_input.hpp"
#include "flow/sorted_names.hpp"
#include "flow/tar.hpp"
#include "openset/base/error.hpp"

namespace openset::flow {
namespace {

struct FolderIdentity {
    dev_t device;
    ino_t inode;
    bool operator==(const FolderIdentity&) const = default;
};

/// A folder that is being walked.
struct OpenFolder {
    std::string prefix; ///< the folder's path with a `/` at the end
    FolderIdentity identity;
    SortedNames entries; ///< folders among them end in `/`
};

bool is_folder(const dirent& entry, DIR* listing) {
    if (entry.d_type == DT_DIR) return true;
    if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return false;
    struct stat status {};
    return ::fstatat(::dirfd(listing), entry.d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

/// Bytes of which the first were read already.
class PutTogether : public ByteSource {
public:
    PutTogether(std::vector<std::uint8_t> beginning, std::unique_ptr<ByteSource> rest)
        : beginning_(std::move(beginning)), rest_(std::move(rest)) {}

    std::optional<std::size_t> read(std::span<std::uint8_t> room, const Cancellation& cancellation) override {
        if (given_ == beginning_.size()) return rest_->read(room, cancellation);
        const std::size_t count = std::min(room.size(), beginning_.size() - given_);
        std::copy_n(beginning_.begin() + static_cast<std::ptrdiff_t>(given_), count, room.begin());
        given_ += count;
        return count;
    }

private:
    std::vector<std::uint8_t> beginning_;
    std::size_t given_ = 0;
    std::unique_ptr<ByteSource> rest_;
};

/// Walks what one name after the other stands for.
class Walk : public InputSource {
public:
    Walk(std::vector<std::string> arguments, const ScanOptions& options)
        : arguments_(std::move(arguments)), stopped_(options.cancellation), max_bytes_(options.max_bytes) {}
    Walk(NameList list, const ScanOptions& options)
        : list_(std::move(list)), stopped_(options.cancellation), max_bytes_(options.max_bytes) {}

    std::optional<Input> next() override { return advance(Content::wanted); }

    std::optional<std::string> skip() override {
        auto input = advance(Content::passed_over);
        if (!input) return std::nullopt;
        return std::move(input->path);
    }

    void stop() noexcept override { stopped_.request(); }

private:
    enum class Content { wanted, passed_over };

    std::optional<Input> advance(Content content) {
        while (!stopped_.requested()) {
            if (archive_) {
                if (auto member = next_member(content)) return member;
                archive_.reset();
            } else if (!open_.empty()) {
                if (auto input = next_entry()) return input;
            } else {
                const auto name = next_name();
                if (!name) break;
                if (auto input = begin(*name, content)) return input;
            }
        }
        return std::nullopt;
    }

    std::optional<std::string> next_name() {
        if (!list_)
            return next_argument_ < arguments_.size() ? std::optional(arguments_[next_argument_++]) : std::nullopt;
        auto name = list_->next(stopped_);
        while (name && name->empty()) name = list_->next(stopped_);
        return name;
    }

    // What follows gives an input where the name is one, and nothing where it stands for several: advance() goes on with
    // them.

    std::optional<Input> begin(const std::string& name, Content content) {
        if (name == "-" && !list_) return begin_standard_input(content);
        struct stat status {};
        if (::stat(name.c_str(), &status) == 0) {
            if (S_ISDIR(status.st_mode)) return enter(name.ends_with('/') ? name : name + "/");
            if (!list_ || name.ends_with(".tar")) return begin_file(name);
        }
        return Input{name, std::nullopt, std::nullopt};
    }

    std::optional<Input> next_entry() {
        const auto entry = open_.back().entries.next();
        if (!entry) {
            open_.pop_back();
            return std::nullopt;
        }
        const std::string path = open_.back().prefix + std::string(*entry);
        if (path.ends_with('/')) return enter(path);
        if (path.ends_with(".tar")) return begin_file(path);
        return Input{path, std::nullopt, std::nullopt};
    }

    std::optional<Input> next_member(Content content) {
        if (content == Content::wanted) return archive_->next();
        auto path = archive_->skip();
        if (!path) return std::nullopt;
        return Input{std::move(*path), std::nullopt, std::nullopt};
    }

    std::optional<Input> begin_file(const std::string& path) {
        try {
            return begin_bytes(path, open_regular_file(path), Content::passed_over);
        } catch (const Error&) { // whoever reads the file meets it again, and tells it
            return Input{path, std::nullopt, std::nullopt};
        }
    }

    std::optional<Input> begin_standard_input(Content content) {
        try {
            return begin_bytes("-", standard_input(), content);
        } catch (const Error& error) {
            return failed_input("-", error.kind(), error.what());
        }
    }

    std::optional<Input> begin_bytes(const std::string& name, std::unique_ptr<ByteSource> bytes, Content content) {
        auto beginning = read_beginning(*bytes);
        if (!beginning) return std::nullopt;
        if (is_tar(*beginning)) {
            auto all = std::make_unique<PutTogether>(std::move(*beginning), std::move(bytes));
            archive_ = scan_tar(std::move(all), name, {&stopped_, max_bytes_});
            return std::nullopt;
        }
        if (auto compressed = told_as_compressed(*beginning))
            return failed_input(name, ErrorKind::unsupported_format, std::move(*compressed));
        if (content == Content::passed_over) return Input{name, std::nullopt, std::nullopt};
        auto picture = read_to_end(std::move(*beginning), *bytes, max_bytes_, stopped_);
        if (!picture) return std::nullopt;
        return Input{name, std::move(picture), std::nullopt};
    }

    std::optional<std::vector<std::uint8_t>> read_beginning(ByteSource& bytes) const {
        std::vector<std::uint8_t> beginning(telling_bytes);
        const auto count = read_fully(bytes, beginning, stopped_);
        if (!count) return std::nullopt;
        beginning.resize(*count);
        return beginning;
    }

    /// Opens the folder; an input comes back only where that fails.
    std::optional<Input> enter(const std::string& prefix) {
        const auto fail = [&](const std::string& message) {
            return failed_input(prefix.substr(0, prefix.size() - 1), ErrorKind::unreadable, message);
        };
        const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(prefix.c_str()), ::closedir);
        struct stat status {};
        if (!listing || ::fstat(::dirfd(listing.get()), &status) != 0)
            return fail(std::string("cannot enter the folder: ") + std::strerror(errno));
        const FolderIdentity identity{status.st_dev, status.st_ino};
        // A link that leads back into a folder being walked: its pictures are listed there already.
        if (std::ranges::any_of(open_, [&](const OpenFolder& above) { return above.identity == identity; }))
            return std::nullopt;

        OpenFolder folder{prefix, identity, {}};
        while (true) {
            errno = 0; // readdir() tells an error from the end by errno alone
            const dirent* const entry = ::readdir(listing.get());
            if (entry == nullptr) break;
            std::string name = entry->d_name;
            if (name.starts_with('.')) continue;
            if (is_folder(*entry, listing.get())) name += '/';
            if (!folder.entries.add(name)) return fail("cannot list the folder: its names take more than 4 GiB");
        }
        if (errno != 0) return fail(std::string("cannot list the folder: ") + std::strerror(errno));
        folder.entries.sort();
        open_.push_back(std::move(folder));
        return std::nullopt;
    }

    std::vector<std::string> arguments_;
    std::size_t next_argument_ = 0;
    std::optional<NameList> list_; ///< instead of arguments
    Cancellation stopped_;
    std::uint64_t max_bytes_;
    std::vector<OpenFolder> open_;
    std::unique_ptr<InputSource> archive_; ///< that is being read
};

} // namespace

std::unique_ptr<InputSource> scan(std::vector<std::string> paths, const ScanOptions& options) {
    return std::make_unique<Walk>(std::move(paths), options);
}

std::unique_ptr<InputSource> scan_list(NameList list, const ScanOptions& options) {
    return std::make_unique<Walk>(std::move(list), options);
}

} // namespace openset::flow
