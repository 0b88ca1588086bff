#include "infer/sort_into.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/sha256.hpp"

namespace openset::infer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_name = 255; ///< bytes, on every file system of Linux
constexpr std::size_t longest_ending = 32;

[[noreturn]] void throw_output_error(const fs::path& path, int code) {
    throw Error(ErrorKind::output, path.string() + ": cannot be made: " + std::strerror(code));
}

std::string short_hash(const std::string& text) {
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).substr(0, 8);
}

/// At most `length` bytes, without cutting a character of UTF-8 in two.
std::string shortened(std::string text, std::size_t length) {
    if (text.size() <= length) return text;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) --length;
    text.resize(length);
    return text;
}

std::string with_hash(const std::string& name, const std::string& label) {
    const std::string hash = "-" + short_hash(label);
    return shortened(name, longest_name - hash.size()) + hash;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// A name that a folder can have and that shells and people can handle.
std::string safe_name(const std::string& label) {
    std::string name = label;
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || is_control(c); }, '_');
    if (name.empty()) return "_";
    if (name.front() == '.') name.front() = '_';
    // unknown -> unknown_, unknown_ -> unknown__: no two labels meet, and none meets the folder of the rejected.
    const std::string without_trail = name.substr(0, name.find_last_not_of('_') + 1);
    if (without_trail == "unknown" || without_trail == "failed") name += '_';
    return name.size() > longest_name ? with_hash(name, label) : name;
}

/// The last component of a path, made a name that a file can have.
std::string file_name(std::string path) {
    while (path.ends_with('/')) path.pop_back();
    std::string name = path.substr(path.rfind('/') + 1); // npos + 1 is 0
    std::ranges::replace(name, '\0', '_');
    if (name.empty() || name == "." || name == "..") return "_";
    return numbered_name(name, 1);
}

bool is_link_to(const fs::path& entry, const fs::path& target) {
    std::error_code not_a_link;
    return fs::read_symlink(entry, not_a_link) == target && !not_a_link;
}

bool holds(const fs::path& entry, std::span<const std::uint8_t> bytes) {
    struct stat status {};
    if (::lstat(entry.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    if (static_cast<std::uint64_t>(status.st_size) != bytes.size()) return false;
    try {
        return std::ranges::equal(read_file(entry), bytes);
    } catch (const Error&) {
        return false; // what cannot be read is another picture's
    }
}

/// A file in the making, under a hidden name in the folder where it is to stand; gone unless it was given its name.
class NewFile {
public:
    NewFile(const fs::path& folder, std::span<const std::uint8_t> bytes)
        : path_(folder / (".openset-" + std::to_string(std::random_device()()) + ".partial")) {
        const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0) throw_output_error(path_, errno);
        const int problem = write_all(descriptor, bytes);
        const bool closed = ::close(descriptor) == 0;
        if (problem == 0 && closed) return;
        ::unlink(path_.c_str());
        throw_output_error(path_, problem != 0 ? problem : errno);
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() { ::unlink(path_.c_str()); }

    /// False where something has the name already.
    bool take_name(const fs::path& name) const {
        if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) return true;
        // Some file systems know the one way, some the other.
        if (errno != EEXIST && ::link(path_.c_str(), name.c_str()) == 0) return true;
        if (errno == EEXIST) return false;
        throw_output_error(name, errno);
    }

private:
    static int write_all(int descriptor, std::span<const std::uint8_t> bytes) {
        while (!bytes.empty()) {
            const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return errno;
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
        return 0;
    }

    fs::path path_;
};

/// Finds the picture's place among those of its name.
/// next_number  of names that two pictures had
/// place        tries an entry: true when the picture stands there, made now or before
void place_numbered(const fs::path& folder, const std::string& name, std::unordered_map<std::string, int>& next_number,
                    const std::function<bool(const fs::path&)>& place) {
    if (place(folder / name)) return;
    int& number = next_number.try_emplace(name, 2).first->second;
    while (!place(folder / numbered_name(name, number))) ++number;
    ++number;
}

} // namespace

std::map<std::string, std::string> label_folders(const std::vector<std::string>& labels) {
    std::map<std::string, std::string> names;
    std::map<std::string, int> wanted_by;
    for (const std::string& label : labels) names.emplace(label, safe_name(label));
    for (const auto& [label, name] : names) ++wanted_by[name];
    for (auto& [label, name] : names) {
        // A label that is a fine name keeps it.
        if (wanted_by[name] > 1 && name != label) name = with_hash(name, label);
    }
    return names;
}

std::string numbered_name(const std::string& name, int number) {
    const std::string suffix = number > 1 ? "-" + std::to_string(number) : "";
    const std::size_t dot = name.rfind('.');
    const bool has_ending = dot != std::string::npos && dot > 0 && name.size() - dot <= longest_ending;
    const std::string ending = has_ending ? name.substr(dot) : "";
    const std::string stem = name.substr(0, name.size() - ending.size());
    return shortened(stem, longest_name - suffix.size() - ending.size()) + suffix + ending;
}

SortInto::SortInto(fs::path folder, const std::vector<std::string>& labels, bool copy)
    : root_(std::move(folder)), copy_(copy), folder_names_(label_folders(labels)) {
    std::error_code problem;
    if (fs::exists(root_, problem) && !fs::is_directory(root_, problem))
        throw Error(ErrorKind::usage, "--sort-into " + root_.string() + ": is a file, expected a folder");
    working_folder_ = fs::current_path(problem);
    if (problem) throw Error(ErrorKind::output, "cannot find the working folder: " + problem.message());
}

SortInto::Folder& SortInto::folder_of(const io::Verdict& verdict) {
    std::string name(to_string(verdict.outcome));
    if (verdict.outcome == io::Outcome::known) {
        const auto known = folder_names_.find(verdict.label);
        name = known != folder_names_.end() ? known->second : safe_name(verdict.label);
    }
    const auto [entry, is_new] = folders_.try_emplace(name);
    if (!is_new) return entry->second;
    entry->second.path = root_ / name;
    std::error_code problem;
    fs::create_directories(entry->second.path, problem);
    if (problem) throw_output_error(entry->second.path, problem.value());
    return entry->second;
}

void SortInto::add(const io::Row& row, const std::vector<std::uint8_t>* bytes) {
    std::error_code ignored;
    if (row.failure && bytes == nullptr && !fs::exists(row.path, ignored)) return; // a link in an archive, a typo
    Folder& folder = folder_of(row.verdict);
    const std::string name = file_name(row.path);
    if (bytes != nullptr) return copy(folder, name, *bytes);
    if (!copy_) return link(folder, name, row.path);
    std::vector<std::uint8_t> content;
    try {
        content = read_file(row.path);
    } catch (const Error& error) {
        if (row.failure) return link(folder, name, row.path);
        throw Error(ErrorKind::output, row.path + ": cannot be copied: " + error.what());
    }
    copy(folder, name, content);
}

void SortInto::link(Folder& folder, const std::string& name, const fs::path& picture) {
    const fs::path target = working_folder_ / picture;
    place_numbered(folder.path, name, folder.next_number, [&target](const fs::path& entry) {
        if (::symlink(target.c_str(), entry.c_str()) == 0) return true;
        if (errno == EPERM) {
            throw Error(ErrorKind::output, entry.string() + ": this file system has no symbolic links; use --copy");
        }
        if (errno != EEXIST) throw_output_error(entry, errno);
        return is_link_to(entry, target);
    });
}

void SortInto::copy(Folder& folder, const std::string& name, const std::vector<std::uint8_t>& bytes) {
    std::optional<NewFile> file;
    place_numbered(folder.path, name, folder.next_number, [&](const fs::path& entry) {
        struct stat status {};
        if (::lstat(entry.c_str(), &status) == 0) return holds(entry, bytes);
        if (!file) file.emplace(folder.path, bytes);
        return file->take_name(entry) || holds(entry, bytes);
    });
}

} // namespace openset::infer
