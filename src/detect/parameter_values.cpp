#include "detect/parameter_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "io/checked_json.hpp"
#include "openset/base/spelling.hpp"
#include "openset/io/number_text.hpp"

namespace openset::detect {
namespace {

template <class Number>
std::optional<Number> number_in(const std::string& text) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end) return {};
    return number;
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string key_of(std::string name) {
    std::ranges::replace(name, '-', '_');
    return name;
}

/// Numbers stand in JSON as numbers, everything else as text.
io::Json json_value(const std::string& text) {
    if (const auto whole = number_in<std::int64_t>(text)) return *whole;
    if (const auto number = number_in<double>(text)) return *number;
    return text;
}

} // namespace

ParameterValues::ParameterValues(std::string_view method, const std::vector<Parameter>& declared,
                                 const Parameters& typed)
    : kind_(ErrorKind::usage), where_(std::string(method) + ": ") {
    std::vector<std::string> names;
    for (const Parameter& parameter : declared) {
        names.push_back(parameter.name);
        texts_[parameter.name] = parameter.usual;
    }
    for (const auto& [name, value] : typed) {
        const auto found = texts_.find(name);
        if (found == texts_.end()) {
            throw Error(ErrorKind::usage,
                        where_ + "no parameter " + io::in_quotes(name) + ", expected " +
                            (names.empty() ? "none, for it has no parameters" : "one of " + listed(names)) +
                            did_you_mean(name, names));
        }
        found->second = value;
    }
}

ParameterValues::ParameterValues(const io::FittedFile& file, const std::vector<Parameter>& declared)
    : kind_(ErrorKind::corrupt), where_(file.name + ": /params/") {
    io::JsonProblems problems(file.name);
    const auto document = io::parse_json(file.params_json, problems);
    problems.throw_if_any(ErrorKind::corrupt);
    if (auto object = io::CheckedValue(*document, "/params", problems).object()) {
        for (const Parameter& parameter : declared) {
            const auto value = object->required(key_of(parameter.name), parameter.help);
            if (!value) continue;
            const io::Json& json = value->json();
            if (!json.is_number() && !json.is_string()) value->expected("a number or a string");
            texts_[parameter.name] = json.is_string()         ? json.get<std::string>()
                                     : json.is_number_float() ? io::shortest(json.get<double>())
                                                              : json.dump();
        }
        object->refuse_other_keys();
    }
    problems.throw_if_any(ErrorKind::corrupt);
}

std::int64_t ParameterValues::whole(const std::string& name, std::int64_t min, std::int64_t max) const {
    const auto value = number_in<std::int64_t>(text(name));
    if (value && *value >= min && *value <= max) return *value;
    throw Error(kind_, found(name) + ", expected a whole number of at least " + std::to_string(min) +
                           (max == no_limit ? "" : " and at most " + std::to_string(max)));
}

double ParameterValues::number(const std::string& name, double min, double max) const {
    const auto value = number_in<double>(text(name));
    if (value && std::isfinite(*value) && *value >= min && *value <= max) return *value;
    throw Error(kind_, found(name) + ", expected a number from " + io::shortest(min) + " to " + io::shortest(max));
}

double ParameterValues::positive(const std::string& name) const {
    const auto value = number_in<double>(text(name));
    if (value && std::isfinite(*value) && *value > 0) return *value;
    throw Error(kind_, found(name) + ", expected a number greater than 0");
}

std::string ParameterValues::one_of(const std::string& name, const std::vector<std::string>& choices) const {
    if (std::ranges::find(choices, text(name)) != choices.end()) return text(name);
    throw Error(kind_, found(name) + ", expected one of " + listed(choices) + did_you_mean(text(name), choices));
}

std::string ParameterValues::found(const std::string& name) const {
    return where_ + (kind_ == ErrorKind::usage ? name : key_of(name)) + ": found " + io::in_quotes(text(name));
}

std::string ParameterValues::to_json() const {
    io::Json json = io::Json::object();
    for (const auto& [name, text] : texts_) json[key_of(name)] = json_value(text);
    return json.dump();
}

} // namespace openset::detect
