#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace openset {

/// Where results go. Every method throws Error(output) when the bytes cannot be written, naming the file and the
/// reason. Not thread-safe.
class ByteSink {
public:
    virtual ~ByteSink() = default;
    virtual void write(std::string_view bytes) = 0;
    /// Hands what was written so far to the operating system: a reader sees it, a killed process does not lose it.
    virtual void flush() = 0;
    /// Everything was written: the result may take its final name.
    virtual void commit() = 0;
};

/// The name a result file carries while it is being written: `<path>.partial`.
std::filesystem::path partial_path(const std::filesystem::path& path);

/// Throws Error(output) where the file's folder is missing or a folder has its name: to be told before the work is
/// done.
void check_place_for_file(const std::filesystem::path& path);

/// What an interrupted run left in `<path>.partial`, if it left anything, gets the name `<path>.partial.old`, which is
/// returned; an older file of that name is replaced. Throws Error(output) where another run is writing the partial file.
std::optional<std::filesystem::path> set_aside_partial(const std::filesystem::path& path);

/// A file that stands under its name only when whole: written as `<path>.partial` (an older one is replaced), synced
/// and renamed by commit(). Without commit() the partial file stays. Something there that is no regular file
/// (/dev/null, a FIFO) is written to directly.
/// The partial file is locked while the sink lives: throws Error(output), with the file untouched, where another run is
/// writing it.
std::unique_ptr<ByteSink> open_atomic_file(const std::filesystem::path& path);

/// The same, going on after what an earlier run left in `<path>.partial`; one that is not there is an empty one.
/// whole_bytes  called once, when the partial file is locked, with its name: how many of its bytes stay; what follows
///              them is cut off. What it throws is passed on, and the file is as it was.
/// Throws Error(usage) where `path` is no regular file (a device, a FIFO): nothing there can be continued.
std::unique_ptr<ByteSink>
continue_atomic_file(const std::filesystem::path& path,
                     const std::function<std::uint64_t(const std::filesystem::path& partial)>& whole_bytes);

/// Standard output. A closed one is an error, not a silence.
std::unique_ptr<ByteSink> open_standard_output();

/// Writes a whole small file atomically.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

} // namespace openset
