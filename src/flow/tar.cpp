#include "flow/tar.hpp"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <exception>
#include <locale.h>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "flow/failed_input.hpp"
#include "openset/flow/input.hpp"

namespace openset::flow {
namespace {

using namespace std::string_view_literals;

constexpr std::int64_t block_size = 512; // the format's
constexpr std::size_t buffer_size = 1 << 16;
constexpr std::size_t first_room = 1 << 24; // a damaged header may name any size: more is taken as the bytes come

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin(), [](char m, auto b) {
               return static_cast<unsigned char>(m) == b;
           });
}

/// libarchive converts names to the locale's charset, and normalises them where that is UTF-8. In "C" a name that is not
/// ASCII cannot be converted and comes as it is.
class NamesAsTheyAre {
public:
    NamesAsTheyAre() : before_(::uselocale(c_locale())) {}
    NamesAsTheyAre(const NamesAsTheyAre&) = delete;
    NamesAsTheyAre& operator=(const NamesAsTheyAre&) = delete;
    ~NamesAsTheyAre() { ::uselocale(before_); }

private:
    static locale_t c_locale() {
        static const locale_t locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
        return locale;
    }

    locale_t before_;
};

bool is_hidden(std::string_view name) {
    while (!name.empty()) {
        const std::string_view component = name.substr(0, name.find('/'));
        if (component.starts_with('.') && component != "." && component != "..") return true;
        name.remove_prefix(std::min(name.size(), component.size() + 1));
    }
    return false;
}

/// Why there is nothing to read at this place of the archive.
std::optional<std::string> why_without_content(archive_entry* member) {
    if (::archive_entry_hardlink(member) != nullptr)
        return "a hard link: its content stands in the archive under another name";
    switch (::archive_entry_filetype(member)) {
    case AE_IFREG: return std::nullopt;
    case AE_IFLNK: return "a symbolic link: its content is not in the archive under this name";
    case AE_IFCHR:
    case AE_IFBLK: return "a device: its content is not in the archive";
    case AE_IFIFO: return "a FIFO: its content is not in the archive";
    default: return "no regular file: its content is not in the archive";
    }
}

bool is_fine(int result) { return result == ARCHIVE_OK || result == ARCHIVE_WARN; }

class Tar : public InputSource {
public:
    Tar(std::unique_ptr<ByteSource> bytes, std::string name, const ScanOptions& options)
        : bytes_(std::move(bytes)), name_(std::move(name)), max_bytes_(options.max_bytes),
          stopped_(options.cancellation), buffer_(buffer_size) {}

    std::optional<Input> next() override { return advance(&Tar::read_content); }

    // The content is read piece by piece, so that a member which next() would not give is none here either.
    std::optional<std::string> skip() override {
        auto input = advance(&Tar::skip_content);
        if (!input) return std::nullopt;
        return std::move(input->path);
    }

    void stop() noexcept override { stopped_.request(); }

private:
    /// pass  reads or skips the content of a member with so many bytes
    std::optional<Input> advance(int (Tar::*pass)(Input& member, std::uint64_t size)) {
        const NamesAsTheyAre names;
        while (!ended_) {
            archive_entry* member = nullptr;
            if (const int result = next_header(member); !is_fine(result)) return end(result);
            const char* const told = ::archive_entry_pathname(member);
            const std::string_view member_name = told != nullptr ? told : "";
            if (::archive_entry_filetype(member) == AE_IFDIR || is_hidden(member_name)) continue;
            Input input{name_ + "//" + std::string(member_name), std::nullopt, std::nullopt};
            const auto size = static_cast<std::uint64_t>(::archive_entry_size(member));
            if (auto why = why_without_content(member)) {
                input = failed_input(std::move(input.path), ErrorKind::unreadable, std::move(*why));
            } else if (size > max_bytes_) {
                input = failed_input(std::move(input.path), ErrorKind::too_large,
                                     std::to_string(size) + " bytes, expected at most " + std::to_string(max_bytes_));
            } else if (const int result = (this->*pass)(input, size); !is_fine(result)) {
                return end(result);
            }
            ++given_;
            return input;
        }
        return std::nullopt;
    }

    int next_header(archive_entry*& member) {
        if (!archive_) {
            archive_.reset(::archive_read_new());
            if (!archive_) throw std::bad_alloc();
            ::archive_read_support_format_tar(archive_.get());
            ::archive_read_set_format_option(archive_.get(), "tar", "read_concatenated_archives", "1");
            const int result = ::archive_read_open(archive_.get(), this, nullptr, &Tar::read_block, nullptr);
            if (!is_fine(result)) return result;
        } else {
            if (const int result = ::archive_read_data_skip(archive_.get()); !is_fine(result)) return result;
            members_bytes_ = ::archive_filter_bytes(archive_.get(), 0);
        }
        return ::archive_read_next_header(archive_.get(), &member);
    }

    int read_content(Input& member, std::uint64_t size) {
        std::vector<std::uint8_t>& content = member.bytes.emplace();
        try {
            while (content.size() < size) {
                const std::size_t filled = content.size();
                content.resize(std::min(size, std::max(first_room, 2 * filled)));
                const auto count =
                    ::archive_read_data(archive_.get(), content.data() + filled, content.size() - filled);
                if (count < 0) return static_cast<int>(count);
                // A sparse member may end in a hole.
                content.resize(count == 0 ? size : filled + static_cast<std::size_t>(count));
            }
        } catch (const std::bad_alloc&) {
            member = failed_input(std::move(member.path), ErrorKind::too_large,
                                  std::to_string(size) + " bytes: not enough memory for them");
        }
        return ARCHIVE_OK;
    }

    int skip_content(Input& /*member*/, std::uint64_t size) {
        std::vector<std::uint8_t> room(std::min<std::uint64_t>(size, buffer_size));
        for (std::uint64_t passed = 0; passed < size;) {
            const auto count = ::archive_read_data(archive_.get(), room.data(), room.size());
            if (count < 0) return static_cast<int>(count);
            passed = count == 0 ? size : passed + static_cast<std::uint64_t>(count);
        }
        return ARCHIVE_OK;
    }

    std::optional<Input> end(int result) {
        ended_ = true;
        if (stopped_.requested()) return std::nullopt;
        const auto fail = [this](ErrorKind kind, const std::string& what) {
            return failed_input(name_, kind, what + ", after " + std::to_string(given_) + " of its members");
        };
        if (read_failure_) return fail(read_failure_->kind(), read_failure_->what());
        // An archive ends with blocks of zeros. libarchive does without, but one that was cut between two members would
        // look whole then.
        if (result == ARCHIVE_EOF && bytes_read_ - members_bytes_ >= block_size) return std::nullopt;
        if (bytes_ended_) return fail(ErrorKind::truncated, "the archive ends early");
        const char* const reason = ::archive_error_string(archive_.get());
        return fail(ErrorKind::corrupt,
                    std::string("the archive is damaged (") + (reason != nullptr ? reason : "no reason known") + ")");
    }

    /// For libarchive, through which no exception may pass.
    static la_ssize_t read_block(archive* /*archive*/, void* self, const void** block) noexcept {
        Tar& tar = *static_cast<Tar*>(self);
        *block = tar.buffer_.data();
        try {
            const auto count = tar.bytes_->read(tar.buffer_, tar.stopped_);
            if (!count) return ARCHIVE_FATAL;
            tar.bytes_read_ += static_cast<std::int64_t>(*count);
            tar.bytes_ended_ = *count == 0;
            return static_cast<la_ssize_t>(*count);
        } catch (const Error& error) {
            tar.read_failure_ = error;
        } catch (const std::exception& error) {
            tar.read_failure_ = Error(ErrorKind::unreadable, error.what());
        }
        return ARCHIVE_FATAL;
    }

    std::unique_ptr<ByteSource> bytes_;
    std::string name_;
    std::uint64_t max_bytes_;
    Cancellation stopped_;
    std::vector<std::uint8_t> buffer_;
    std::optional<Error> read_failure_;
    std::int64_t bytes_read_ = 0, members_bytes_ = 0; ///< the second up to the end of the last member
    bool bytes_ended_ = false;
    std::unique_ptr<archive, int (*)(archive*)> archive_{nullptr, ::archive_read_free};
    std::int64_t given_ = 0;
    bool ended_ = false;
};

} // namespace

bool is_tar(std::span<const std::uint8_t> beginning) {
    constexpr std::size_t magic_offset = 257;
    return beginning.size() > magic_offset && begins_with(beginning.subspan(magic_offset), "ustar");
}

std::optional<std::string> told_as_compressed(std::span<const std::uint8_t> beginning) {
    struct Compression {
        std::string_view magic, name, tool;
    };
    constexpr auto compressions = std::to_array<Compression>({{"\x1F\x8B"sv, "gzip", "zcat"},
                                                              {"\x28\xB5\x2F\xFD"sv, "zstd", "zstdcat"},
                                                              {"\xFD\x37zXZ\0"sv, "xz", "xzcat"},
                                                              {"BZh"sv, "bzip2", "bzcat"}});
    const auto* const found = std::ranges::find_if(
        compressions, [&](const Compression& compression) { return begins_with(beginning, compression.magic); });
    if (found == compressions.end()) return std::nullopt;
    return "compressed with " + std::string(found->name) +
           "; a tar archive is read through a pipe: " + std::string(found->tool) + " FILE | openset infer ... -";
}

std::unique_ptr<InputSource> scan_tar(std::unique_ptr<ByteSource> bytes, std::string name, const ScanOptions& options) {
    return std::make_unique<Tar>(std::move(bytes), std::move(name), options);
}

} // namespace openset::flow
