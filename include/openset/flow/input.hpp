#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/byte_source.hpp"
#include "openset/base/cancellation.hpp"
#include "openset/flow/name_list.hpp"
#include "openset/io/row.hpp"
#include "openset/io/shard.hpp"

/// Which pictures a run is about, in a stable order.
namespace openset::flow {

/// One picture to be read, or a name at which there is nothing to read.
struct Input {
    std::string path;                               ///< as rows show it; any bytes
    std::optional<std::vector<std::uint8_t>> bytes; ///< the content, where it does not come from a file
    std::optional<io::Failure> failure;             ///< known to fail already (a folder that cannot be entered)
    std::optional<std::string> label = {};          ///< the picture's class, where the list of inputs tells it
    std::uint64_t ticket = 0; ///< the source's own number for it: PictureService knows a row by it
    /// A picture whose first network has not begun with it by then is not run: its row is a failure of the kind `late`.
    std::optional<std::chrono::steady_clock::time_point> latest_start = {};
};

/// Hands out inputs one by one. next() and skip() are called by one thread at a time.
class InputSource {
public:
    virtual ~InputSource() = default;

    /// The next input, nullopt at the end.
    virtual std::optional<Input> next() = 0;

    /// Passes over the next input, without reading its bytes where that can be helped: its path, nullopt at the end.
    virtual std::optional<std::string> skip();

    /// The run ends early: a next() or skip() that waits for a pipe returns at once, and the source has ended. Any thread
    /// may call it at any time.
    virtual void stop() noexcept {}
};

struct ScanOptions {
    const Cancellation* cancellation = nullptr;       ///< ends the source as stop() does; must outlive it. Null: none
    std::uint64_t max_bytes = std::uint64_t{1} << 30; ///< of a picture that no file holds; a larger one is too-large
};

/// Files, folders and tar archives by name, and standard input as `-`: one picture or a tar archive.
/// Folders are walked recursively in bytewise order of the whole path (a folder sorts with its `/`), hidden entries are
/// left out, links are followed but never in a loop; every other entry is an input, whatever its name ends in. The names
/// of the folders that are being walked are held in memory, and 5 bytes for each. A name that does not exist is an input
/// that will fail. A named file whose content is a tar archive stands for its members (scan_tar); files met in folders
/// are looked into only where their names end in `.tar`.
std::unique_ptr<InputSource> scan(std::vector<std::string> paths, const ScanOptions& options = {});

/// The same for the names of a list, where `-` is a name like any other and archives are told as they are in folders.
/// Empty names are left out. next() throws Error(unreadable) where the list breaks off.
std::unique_ptr<InputSource> scan_list(NameList list, const ScanOptions& options = {});

/// One input a name, whatever the name stands for: a folder, an archive and an empty name are inputs that will fail.
/// Reads no more of the list than it must. next() throws Error(unreadable) where the list breaks off.
std::unique_ptr<InputSource> stream_names(NameList names, const ScanOptions& options = {});

/// The pictures that a CSV table lists (RFC 4180, with a header): the column `path`, relative to the table's folder, and
/// the column `label`, which may be empty; other columns are passed over. Reading it throws Error(not_found, unreadable),
/// and Error(usage), naming the line, where it is no such table.
std::unique_ptr<InputSource> scan_table(const std::filesystem::path& table, const ScanOptions& options = {});

/// The members of a tar archive in its order, read in one pass, one in memory at a time. Nothing is extracted: names are
/// names only, their bytes as they are in the archive.
///
/// name  of the archive; the members' paths are `name//member`
/// Folders and hidden members (a component that begins with `.`, but `.` and `..`) are left out; links, devices and FIFOs
/// are inputs that have failed. Archives that were written one after the other are read as one. Where the archive is
/// damaged or ends early, the whole members before that place come first, then one failed input under the archive's
/// name.
std::unique_ptr<InputSource> scan_tar(std::unique_ptr<ByteSource> bytes, std::string name,
                                      const ScanOptions& options = {});

/// One part of the inputs; the others are skipped.
std::unique_ptr<InputSource> take_shard(std::unique_ptr<InputSource> source, io::Shard shard);

} // namespace openset::flow
