// Operating points, calibrations and the records of score files: what is accepted is written back, and read again, as the same.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/io/calibration.hpp"
#include "openset/io/operating_point.hpp"
#include "openset/io/score_run.hpp"

namespace {

using namespace openset;

template <typename Document>
std::optional<Document> parsed(std::string_view text, Document (*parse)(std::string_view, const std::string&)) {
    try {
        return parse(text, "fuzz");
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) std::abort();
        return std::nullopt;
    }
}

template <typename Document>
void check_that_it_survives(std::string_view text, Document (*parse)(std::string_view, const std::string&)) {
    const auto document = parsed(text, parse);
    if (!document) return;
    const std::string written = to_json(*document);
    const auto again = parsed(written, parse);
    if (!again || to_json(*again) != written) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto point = parsed(text, io::parse_operating_point); point && std::isnan(point->threshold)) std::abort();
    check_that_it_survives(text, io::parse_operating_point);
    check_that_it_survives(text, io::parse_calibration);
    check_that_it_survives(text, io::parse_score_run);
    return 0;
}
