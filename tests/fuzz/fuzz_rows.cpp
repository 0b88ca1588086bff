// Row files: what is read is, with the header before it and a torn row behind it, the whole file.

#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "openset/base/error.hpp"
#include "openset/io/row_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace openset;
    const std::string file(reinterpret_cast<const char*>(data), size);
    std::istringstream stream(file);
    try {
        io::RowReader rows(stream, "fuzz");
        std::string read = rows.header();
        while (const auto row = rows.next()) {
            read += row->bytes;
            if (row->bytes.empty() || row->decided_by.empty()) std::abort();
            if (row->error_kind.has_value() != (row->outcome == io::Outcome::failed)) std::abort();
        }
        if (rows.whole_bytes() != read.size() || rows.whole_bytes() + rows.torn_bytes() != size) std::abort();
        if (!file.starts_with(read)) std::abort();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) std::abort();
    }
    return 0;
}
