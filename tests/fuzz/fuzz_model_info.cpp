// The ModelInfo: what is accepted is written back, and read again, as the same.

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/model/model_info.hpp"

namespace {

std::optional<std::string> in_full(std::string_view text) {
    try {
        return openset::model::to_json(openset::model::parse_model_info(text, "fuzz"));
    } catch (const openset::Error& error) {
        if (error.kind() != openset::ErrorKind::model) std::abort();
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto written = in_full({reinterpret_cast<const char*>(data), size});
    if (written && in_full(*written) != written) std::abort();
    return 0;
}
