#pragma once

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/io/row.hpp"

/// Which pictures a run is about, in a stable order.
namespace openset::flow {

/// One picture to be read, or a name at which there is nothing to read.
struct Input {
    std::string path;                               ///< as rows show it; any bytes
    std::optional<std::vector<std::uint8_t>> bytes; ///< the content, where it does not come from a file
    std::optional<io::Failure> failure;             ///< known to fail already (a folder that cannot be entered)
};

/// Hands out inputs one by one; called by one thread at a time.
class InputSource {
public:
    virtual ~InputSource() = default;
    virtual std::optional<Input> next() = 0;
};

/// Files and folders by name, and standard input's bytes as `-`.
/// Folders are walked recursively in bytewise order of the whole path (a folder sorts with its `/`), hidden entries are
/// left out, links are followed but never in a loop; every other entry is an input, whatever its name ends in. One
/// folder's names are held at a time and a level. A name that does not exist is an input that will fail.
std::unique_ptr<InputSource> scan(std::vector<std::string> paths);

/// The same for one name a line of `list`, where `-` is a name like any other; empty lines are skipped. The stream must
/// outlive the source. next() throws Error(unreadable) where the stream breaks off.
std::unique_ptr<InputSource> scan_list(std::istream& list);

} // namespace openset::flow
