#include "openset/base/file_bytes.hpp"

#include <string>
#include <utility>

#include "base/descriptor.hpp"
#include "openset/base/byte_source.hpp"
#include "openset/base/error.hpp"

namespace openset {

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
    static const Cancellation never;
    RegularFile file = open_regular(path);
    if (file.size > max_bytes) {
        throw Error(ErrorKind::too_large,
                    std::to_string(file.size) + " bytes, expected at most " + std::to_string(max_bytes));
    }
    const auto source = source_of(std::move(file.descriptor));
    if (file.size == 0) return *read_to_end({}, *source, max_bytes, never);
    std::vector<std::uint8_t> bytes(file.size);
    bytes.resize(*read_fully(*source, bytes, never));
    return bytes;
}

} // namespace openset
