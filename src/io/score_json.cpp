#include "io/score_json.hpp"

#include <cmath>
#include <limits>

namespace openset::io {

nlohmann::ordered_json score_json(double value) {
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
}

std::optional<double> read_score(const CheckedValue& value) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (value.json() == "inf") return infinity;
    if (value.json() == "-inf") return -infinity;
    return value.number(std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max(),
                        "a number, \"inf\" or \"-inf\"");
}

std::string read_digest(CheckedObject& object, const std::string& key) {
    const auto value = object.optional(key);
    if (!value || value->json().is_null()) return "";
    return value->text("a SHA-256 digest or null").value_or("");
}

std::string read_notes(CheckedObject& object, const std::string& key) {
    const auto value = object.optional(key);
    return value && value->object() ? value->json().dump() : "{}";
}

} // namespace openset::io
