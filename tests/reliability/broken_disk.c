/* A disk that breaks, for LD_PRELOAD: one call on a file below a folder fails.
 *
 *   BROKEN_BELOW   the folder, an absolute path without links
 *   BROKEN_AT      number of the call that fails, from 1; 0: none does
 *   BROKEN_STAYS   1: every later call fails too, the disk is gone
 *   BROKEN_ERRNO   with what: EIO (5), ENOSPC (28), EMFILE (24)...
 *   BROKEN_LOG     file that gets a line for each call, "NUMBER NAME PATH"; the one that failed with a ! in front
 *
 * Calls are those that ask the disk: open, read, write, sync, rename, remove, mkdir, stat of an open file, list, and mapping. A mapped
 * file does not fail where it is mapped but where its last page is looked at: by SIGBUS, as it would on a disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long calls = 0;

static const char* setting(const char* name) {
    const char* value = getenv(name);
    return value ? value : "";
}

static int is_below(const char* path) {
    const char* folder = setting("BROKEN_BELOW");
    const size_t length = strlen(folder);
    return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Whether this call is the one to fail; errno is set then. */
static int fails_at(const char* call, const char* path) {
    if (!is_below(path)) return 0;
    pthread_mutex_lock(&turn);
    const long number = ++calls;
    const long at = atol(setting("BROKEN_AT"));
    const int fails = at > 0 && (number == at || (number > at && *setting("BROKEN_STAYS")));
    const char* log = setting("BROKEN_LOG");
    if (*log) {
        char line[4400];
        const int length = snprintf(line, sizeof line, "%s%ld %s %s\n", fails ? "!" : "", number, call, path);
        const int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (file >= 0) {
            if (syscall(SYS_write, file, line, length < (int)sizeof line ? length : (int)sizeof line) < 0) abort();
            syscall(SYS_close, file);
        }
    }
    pthread_mutex_unlock(&turn);
    if (fails) errno = atoi(setting("BROKEN_ERRNO"));
    return fails;
}

/* A relative path becomes what the process means by it. */
static int path_fails(const char* call, int folder, const char* path) {
    if (!path) return 0;
    if (path[0] == '/') return fails_at(call, path);
    char link[64], place[4096], whole[8200];
    if (folder == AT_FDCWD) {
        if (!getcwd(place, sizeof place)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        const ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, place, sizeof place - 1);
        if (length <= 0) return 0;
        place[length] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", place, path);
    return fails_at(call, whole);
}

static int file_fails(const char* call, int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return fails_at(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static mode_t mode_of(int flags, va_list more) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; }

#define OPENS(name)                                                                                                    \
    int name(const char* path, int flags, ...) {                                                                       \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        const mode_t mode = mode_of(flags, more);                                                                      \
        va_end(more);                                                                                                  \
        return path_fails("open", AT_FDCWD, path) ? -1 : REAL(name)(path, flags, mode);                                \
    }
#define OPENS_AT(name)                                                                                                 \
    int name(int folder, const char* path, int flags, ...) {                                                           \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        const mode_t mode = mode_of(flags, more);                                                                      \
        va_end(more);                                                                                                  \
        return path_fails("open", folder, path) ? -1 : REAL(name)(folder, path, flags, mode);                          \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

#define OPENS_STREAM(name)                                                                                             \
    FILE* name(const char* path, const char* mode) {                                                                   \
        return path_fails("open", AT_FDCWD, path) ? NULL : REAL(name)(path, mode);                                     \
    }
OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)

DIR* opendir(const char* path) { return path_fails("list", AT_FDCWD, path) ? NULL : REAL(opendir)(path); }
struct dirent* readdir(DIR* folder) { return file_fails("list", dirfd(folder)) ? NULL : REAL(readdir)(folder); }
struct dirent64* readdir64(DIR* folder) { return file_fails("list", dirfd(folder)) ? NULL : REAL(readdir64)(folder); }

ssize_t read(int file, void* to, size_t bytes) { return file_fails("read", file) ? -1 : REAL(read)(file, to, bytes); }
ssize_t pread(int file, void* to, size_t bytes, off_t at) {
    return file_fails("read", file) ? -1 : REAL(pread)(file, to, bytes, at);
}
ssize_t pread64(int file, void* to, size_t bytes, off64_t at) {
    return file_fails("read", file) ? -1 : REAL(pread64)(file, to, bytes, at);
}
/* libc reads for streams by a call of its own that nothing stands before: the stream is marked instead. */
size_t fread(void* to, size_t size, size_t count, FILE* stream) {
    if (!file_fails("read", fileno(stream))) return REAL(fread)(to, size, count, stream);
    stream->_flags |= 0x0020; /* _IO_ERR_SEEN: what ferror() tells */
    return 0;
}
ssize_t write(int file, const void* from, size_t bytes) {
    return file_fails("write", file) ? -1 : REAL(write)(file, from, bytes);
}
ssize_t pwrite(int file, const void* from, size_t bytes, off_t at) {
    return file_fails("write", file) ? -1 : REAL(pwrite)(file, from, bytes, at);
}
ssize_t pwrite64(int file, const void* from, size_t bytes, off64_t at) {
    return file_fails("write", file) ? -1 : REAL(pwrite64)(file, from, bytes, at);
}
int fsync(int file) { return file_fails("sync", file) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return file_fails("sync", file) ? -1 : REAL(fdatasync)(file); }
int ftruncate(int file, off_t bytes) { return file_fails("cut", file) ? -1 : REAL(ftruncate)(file, bytes); }
int ftruncate64(int file, off64_t bytes) { return file_fails("cut", file) ? -1 : REAL(ftruncate64)(file, bytes); }
int rename(const char* from, const char* to) { return path_fails("rename", AT_FDCWD, to) ? -1 : REAL(rename)(from, to); }
int unlink(const char* path) { return path_fails("remove", AT_FDCWD, path) ? -1 : REAL(unlink)(path); }
int mkdir(const char* path, mode_t mode) { return path_fails("mkdir", AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode); }
int fstat(int file, struct stat* to) { return file_fails("stat", file) ? -1 : REAL(fstat)(file, to); }
int fstat64(int file, struct stat64* to) { return file_fails("stat", file) ? -1 : REAL(fstat64)(file, to); }

static void* mapped(void* place, size_t bytes, int file) {
    if (place == MAP_FAILED || !file_fails("map", file)) return place;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), last = (bytes - 1) / page * page;
    const int nothing = (int)syscall(SYS_memfd_create, "nothing", 0u);
    /* A page behind the end of an empty file: looking at it is SIGBUS. */
    if (nothing < 0 || syscall(SYS_mmap, (char*)place + last, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, nothing, 0L) == -1) abort();
    return place;
}
void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
    void* const place = (void*)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);
    return file < 0 ? place : mapped(place, bytes, file);
}
void* mmap64(void* at, size_t bytes, int protection, int flags, int file, off64_t offset) {
    return mmap(at, bytes, protection, flags, file, offset);
}
