#include "openset/flow/decode_memory.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"

namespace openset::flow {

MemoryBudget::Lease DecodeMemory::admit_content(std::int64_t bytes) {
    return contents_.acquire(std::min(bytes, contents_.total()));
}

std::vector<std::uint8_t> DecodeMemory::read(const std::string& path, MemoryBudget::Lease& content) {
    // A file may grow after it was asked for its size: reading stops at what was admitted.
    constexpr std::int64_t least = 1 << 16;
    std::error_code ignored; // reading says what is wrong
    const auto size = std::filesystem::file_size(path, ignored);
    const auto most = static_cast<std::uint64_t>(contents_.total());
    if (!ignored && size > most) {
        throw Error(ErrorKind::too_large, "the file has " + std::to_string(size) + " bytes, more than the " +
                                              std::to_string(most) + " that decoding may take; raise --decode-memory");
    }
    const std::int64_t admitted = ignored ? least : std::max(least, static_cast<std::int64_t>(size));
    content = admit_content(admitted);
    return read_file(path, static_cast<std::uint64_t>(admitted));
}

MemoryBudget::Lease DecodeMemory::admit_pixels(const image::DecodeCost& cost, std::int64_t working) {
    const std::int64_t bytes = std::max(cost.bytes, std::int64_t{3} * cost.width * cost.height + working);
    if (bytes > pixels_.total()) {
        throw Error(ErrorKind::too_large,
                    std::to_string(cost.width) + " x " + std::to_string(cost.height) + " pixels need " +
                        std::to_string(bytes) + " bytes to decode and resize, more than the " +
                        std::to_string(pixels_.total()) + " that decoding may take; raise --decode-memory");
    }
    return pixels_.acquire(bytes);
}

} // namespace openset::flow
