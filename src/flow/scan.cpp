#include "openset/flow/input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <functional>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/byte_source.hpp"

namespace openset::flow {
namespace {

struct FolderIdentity {
    dev_t device;
    ino_t inode;
    bool operator==(const FolderIdentity&) const = default;
};

std::optional<struct stat> status_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return status;
}

/// A folder that is being walked.
struct OpenFolder {
    std::string prefix; ///< the folder's path with a `/` at the end
    FolderIdentity identity;
    std::vector<std::string> entries; ///< folders among them end in `/`
    std::size_t next = 0;
};

bool is_folder(const dirent& entry, const std::string& path) {
    if (entry.d_type == DT_DIR) return true;
    if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return false;
    const auto status = status_of(path);
    return status && S_ISDIR(status->st_mode);
}

Input failed_input(std::string path, const std::string& message, ErrorKind kind = ErrorKind::unreadable) {
    return {std::move(path), std::nullopt, io::Failure{std::string(to_string(kind)), message}};
}

Input standard_input() {
    try {
        return {"-", read_to_end({}, *openset::standard_input(), 2000000000, Cancellation()), std::nullopt};
    } catch (const Error& error) {
        return failed_input("-", error.what(), error.kind());
    }
}

/// Walks what one name after the other stands for; the names come from a function, nullopt ends them.
class Walk : public InputSource {
public:
    using NextName = std::function<std::optional<std::string>()>;

    enum class Dash { standard_input, a_name };

    Walk(NextName next_name, Dash dash) : next_name_(std::move(next_name)), dash_(dash) {}

    std::optional<Input> next() override {
        while (true) {
            if (open_.empty()) {
                const auto name = next_name_();
                if (!name) return std::nullopt;
                if (auto input = visit(*name)) return input;
                continue;
            }
            OpenFolder& folder = open_.back();
            if (folder.next == folder.entries.size()) {
                open_.pop_back();
                continue;
            }
            const std::string path = folder.prefix + folder.entries[folder.next++];
            if (!path.ends_with('/')) return Input{path, std::nullopt, std::nullopt};
            if (auto input = enter(path)) return input;
        }
    }

private:
    std::optional<Input> visit(const std::string& name) {
        if (name == "-" && dash_ == Dash::standard_input) return standard_input();
        const auto status = status_of(name);
        if (!status || !S_ISDIR(status->st_mode)) return Input{name, std::nullopt, std::nullopt};
        return enter(name.ends_with('/') ? name : name + "/");
    }

    /// Opens the folder; an input comes back only where that fails.
    std::optional<Input> enter(const std::string& prefix) {
        const auto fail = [&](const std::string& message) {
            return failed_input(prefix.substr(0, prefix.size() - 1), message);
        };
        const auto status = status_of(prefix);
        if (!status) return fail(std::string("cannot enter the folder: ") + std::strerror(errno));
        const FolderIdentity identity{status->st_dev, status->st_ino};
        // A link that leads back into a folder being walked: its pictures are listed there already.
        if (std::ranges::any_of(open_, [&](const OpenFolder& above) { return above.identity == identity; }))
            return std::nullopt;

        const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(prefix.c_str()), ::closedir);
        if (!listing) return fail(std::string("cannot enter the folder: ") + std::strerror(errno));
        OpenFolder folder{prefix, identity, {}, 0};
        while (true) {
            errno = 0; // readdir() tells an error from the end by errno alone
            const dirent* const entry = ::readdir(listing.get());
            if (entry == nullptr) break;
            std::string name = entry->d_name;
            if (name.starts_with('.')) continue;
            if (is_folder(*entry, prefix + name)) name += '/';
            folder.entries.push_back(std::move(name));
        }
        if (errno != 0) return fail(std::string("cannot list the folder: ") + std::strerror(errno));
        std::ranges::sort(folder.entries);
        open_.push_back(std::move(folder));
        return std::nullopt;
    }

    NextName next_name_;
    Dash dash_;
    std::vector<OpenFolder> open_;
};

} // namespace

std::unique_ptr<InputSource> scan(std::vector<std::string> paths) {
    auto next_path = [paths = std::move(paths), index = std::size_t{0}]() mutable -> std::optional<std::string> {
        if (index == paths.size()) return std::nullopt;
        return paths[index++];
    };
    return std::make_unique<Walk>(std::move(next_path), Walk::Dash::standard_input);
}

std::unique_ptr<InputSource> scan_list(std::istream& list) {
    auto next_line = [&list]() -> std::optional<std::string> {
        for (std::string line; std::getline(list, line);) {
            if (line.ends_with('\r')) line.pop_back();
            if (!line.empty()) return line;
        }
        if (list.bad()) throw Error(ErrorKind::unreadable, "the list of inputs: cannot be read to its end");
        return std::nullopt;
    };
    return std::make_unique<Walk>(std::move(next_line), Walk::Dash::a_name);
}

} // namespace openset::flow
