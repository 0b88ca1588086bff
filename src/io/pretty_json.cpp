#include "openset/io/pretty_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openset::io {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string text_of(const OrderedJson& json) {
    return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string one_line(const OrderedJson& array) {
    std::string text;
    for (const OrderedJson& element : array) text += (text.empty() ? "" : ", ") + text_of(element);
    return "[" + text + "]";
}

std::string indented(const OrderedJson& json, const std::string& indent) {
    const bool is_block =
        json.is_object() || (json.is_array() && std::ranges::any_of(json, [](const OrderedJson& element) {
                                 return element.is_structured();
                             }));
    if (!is_block || json.empty()) return json.is_array() ? one_line(json) : text_of(json);
    const std::string inner = indent + "  ";
    std::string text;
    for (const auto& [key, value] : json.items()) {
        text += (text.empty() ? "\n" : ",\n") + inner;
        if (json.is_object()) text += text_of(key) + ": ";
        text += indented(value, inner);
    }
    return (json.is_object() ? "{" : "[") + text + "\n" + indent + (json.is_object() ? "}" : "]");
}

} // namespace

std::string pretty(const OrderedJson& json) { return indented(json, "") + "\n"; }

} // namespace openset::io
