// .npy headers: what is accepted fits 63 bits, lies aligned, and is written back, and read again, as the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/io/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace openset;
    const std::string_view start(reinterpret_cast<const char*>(data), size);
    for (const io::NpyType type : {io::NpyType::float32, io::NpyType::float64, io::NpyType::int64}) {
        try {
            const io::NpyHeader header = io::parse_npy_header(start, type, "fuzz");
            if (header.bytes > size || header.bytes % io::bytes_of(type) != 0) std::abort();
            if (header.data_bytes > std::uint64_t{1} << 62) std::abort();
            const auto again = io::parse_npy_header(io::npy_header(type, header.shape), type, "again");
            if (again.shape != header.shape || again.data_bytes != header.data_bytes) std::abort();
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::corrupt) std::abort();
        }
    }
    return 0;
}
