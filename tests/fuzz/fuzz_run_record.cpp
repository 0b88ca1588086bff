// Run records: what is accepted is written back, and read again, as the same.

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/io/run_record.hpp"

namespace {

using namespace openset;

std::optional<io::RunRecord> parsed(std::string_view text) {
    try {
        return io::parse_run_record(text, "fuzz");
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) std::abort();
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto record = parsed({reinterpret_cast<const char*>(data), size});
    if (!record) return 0;
    const std::string written = io::to_json(*record);
    const auto again = parsed(written);
    if (!again || io::to_json(*again) != written || !io::differences(*record, *again).empty()) std::abort();
    return 0;
}
