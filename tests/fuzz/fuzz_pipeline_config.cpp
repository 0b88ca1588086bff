// The pipeline config: what is accepted is written back, and read again, as the same.

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/cascade/pipeline_config.hpp"

namespace {

std::optional<std::string> in_full(std::string_view text) {
    try {
        return openset::cascade::to_json(openset::cascade::parse_pipeline_config(text, "fuzz.json", "/models"));
    } catch (const openset::Error& error) {
        if (error.kind() != openset::ErrorKind::usage) std::abort();
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto written = in_full({reinterpret_cast<const char*>(data), size});
    if (written && in_full(*written) != written) std::abort();
    return 0;
}
