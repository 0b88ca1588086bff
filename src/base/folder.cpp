#include "base/folder.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openset/base/error.hpp"

namespace openset {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
    std::error_code ignored; // what cannot be looked at is told by who opens it
    return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

[[noreturn]] void throw_output_error(const std::string& name) {
    throw Error(ErrorKind::output, name + ": cannot write: " + std::strerror(errno));
}

bool stands_under_its_name(int descriptor, const fs::path& path) {
    struct stat opened {
    }, named{};
    return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

Descriptor open_folder(const fs::path& folder) {
    Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.value() < 0) throw_output_error(folder.string());
    return descriptor;
}

} // namespace

fs::path without_slash(fs::path folder) {
    if (!folder.has_filename()) folder = folder.parent_path();
    return folder;
}

void check_place_for_folder(const fs::path& folder) {
    const fs::path name = without_slash(folder);
    std::error_code problem;
    if (is_there(name) && !fs::is_directory(name, problem))
        throw Error(ErrorKind::output, name.string() + ": is a file, expected the name of a folder to write");
    if (fs::is_symlink(name, problem))
        throw Error(ErrorKind::output,
                    name.string() + ": is a link, which a folder cannot replace; name the folder itself");
    const fs::path around = name.has_parent_path() ? name.parent_path() : ".";
    if (!fs::is_directory(around, problem))
        throw Error(ErrorKind::output, around.string() + ": no such folder; make it, or choose another place");
}

Descriptor lock_folder(const fs::path& folder) {
    while (true) {
        Descriptor descriptor = open_folder(folder);
        if (::flock(descriptor.value(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            throw Error(ErrorKind::output, folder.string() +
                                               ": another run is writing it; wait until that one has ended, or choose "
                                               "another -o");
        }
        // Between opening and locking, the run that held the lock may have given the folder its final name.
        if (stands_under_its_name(descriptor.value(), folder)) return descriptor;
    }
}

void sync_folder(const fs::path& folder) {
    const Descriptor descriptor = open_folder(folder);
    // Some file systems cannot sync folders; they have no need to.
    if (::fsync(descriptor.value()) != 0 && errno != EINVAL) throw_output_error(folder.string());
}

void replace_folder(const fs::path& from, const fs::path& to,
                    const std::function<void(const fs::path& old)>& remove_old) {
    const auto cannot_make = [&to] {
        throw Error(ErrorKind::output, to.string() + ": cannot be made: " + std::strerror(errno));
    };
    if (!is_there(to)) {
        if (::rename(from.c_str(), to.c_str()) != 0) cannot_make();
        return;
    }
    fs::path replaced = from; // what has the new one's old name once they are exchanged
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0) {
        // Not on every file system: for a moment nothing has the name then.
        replaced += ".old";
        if (::rename(to.c_str(), replaced.c_str()) != 0 || ::rename(from.c_str(), to.c_str()) != 0) cannot_make();
    }
    remove_old(replaced);
}

} // namespace openset
