#include "detect/method_files.hpp"

#include <array>
#include <vector>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"

namespace openset::detect {
namespace {

std::vector<Method> all_methods() {
    std::vector<Method> all;
#define OPENSET_METHOD(name) all.push_back(method::name());
#include "detect/method_list.inc"
#undef OPENSET_METHOD
    return all;
}

} // namespace

std::span<const Method> methods() {
    static const std::vector<Method> all = all_methods();
    return all;
}

const Method& method_named(std::string_view name) {
    std::vector<std::string> names;
    for (const Method& method : methods()) {
        if (method.name == name) return method;
        names.push_back(method.name);
    }
    std::string known;
    for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
    throw Error(ErrorKind::usage,
                "no method \"" + std::string(name) + "\", expected one of " + known + did_you_mean(name, names));
}

std::optional<std::string> what_is_missing(const Method& method, const TrainingData& data) {
    const StoreNeeds& needs = method.needs;
    const TrainingFacts& facts = data.facts();
    if (facts.rows() == 0) return "needs rows, and the store has none";
    if (needs.features && facts.features == 0) return "needs features, and the store has none (features.npy)";
    if (needs.head && facts.head_weight.empty())
        return "needs the network's head, and the store has none (head_weight.npy, head_bias.npy)";
    if (needs.labels && facts.labelled_count == 0)
        return "needs labelled rows, and the store has none; extract from folders that are named as the labels";
    if (needs.softmax && facts.meta.activation == "sigmoid")
        return "needs a softmax network, and this one has a sigmoid for each label";
    if (needs.sigmoid && facts.meta.activation != "sigmoid")
        return "needs a network with a sigmoid for each label, and this one has a softmax";
    if (needs.rows && data.rows() == nullptr)
        return "needs the rows themselves, and these are sums of them; openset merge puts stores together";
    return {};
}

std::unique_ptr<Detector> fit_detector(const Method& method, const TrainingData& data, const Parameters& parameters) {
    if (!method.fit)
        throw Error(ErrorKind::usage,
                    method.name + ": needs no fit; openset score --method " + method.name + " scores with it");
    if (const auto missing = what_is_missing(method, data))
        throw Error(ErrorKind::usage, data.facts().name + ": " + method.name + " " + *missing);
    return method.fit(data, parameters);
}

std::unique_ptr<Detector> load_detector(const io::FittedFile& fitted) {
    if (fitted.method == TrainingData::sums_name)
        throw Error(ErrorKind::usage,
                    fitted.name + ": holds sums of training rows, expected a detector; openset fit makes one of them");
    const Method& method = method_named(fitted.method);
    if (!method.load)
        throw Error(ErrorKind::corrupt, "the method " + fitted.method + " has no fitted file; it needs no fit");
    return method.load(fitted);
}

std::vector<std::string> fit_warnings(const io::FittedFile& fitted) {
    const io::Json json = io::Json::parse(fitted.diagnostics_json, nullptr, false);
    std::vector<std::string> warnings;
    if (!json.is_object() || !json.contains("warnings") || !json["warnings"].is_array()) return warnings;
    for (const io::Json& warning : json["warnings"]) {
        if (warning.is_string()) warnings.push_back(warning.get<std::string>());
    }
    return warnings;
}

void require_needs(const Detector& detector, const io::Activations& activations, const std::string& where) {
    const Needs needs = detector.needs();
    const auto require = [&](const io::FloatRows& rows, std::int64_t columns, const std::string& what) {
        const bool enough = columns == Needs::any_number ? !rows.empty() : columns == 0 || rows.columns == columns;
        if (enough) return;
        const std::string found = rows.empty() ? "none" : std::to_string(rows.columns);
        if (columns == Needs::any_number)
            throw Error(ErrorKind::usage, where + ": " + std::string(detector.method()) + " needs " + what +
                                              ", expected some, found none");
        throw Error(ErrorKind::usage, where + ": " + std::string(detector.method()) + " needs " + what + " of " +
                                          std::to_string(columns) + " columns, found " + found +
                                          "; it was fitted on another network's activations");
    };
    require(activations.logits, needs.classes, "logits");
    require(activations.features, needs.features, "features");
    const auto extra = activations.extras.find(needs.extra);
    require(extra == activations.extras.end() ? io::FloatRows() : extra->second, needs.extra_columns,
            "the further tensor \"" + needs.extra + "\"");
}

} // namespace openset::detect
