#include <array>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"
#include "openset/detect/detector.hpp"
#include "openset/detect/openmax.hpp"

namespace openset::detect {
namespace {

std::unique_ptr<Detector> load_openmax(const io::FittedFile& fitted) {
    return std::make_unique<OpenMax>(OpenMax::from(fitted));
}

constexpr std::array<Method, 5> all_methods = {{
    {"msp", "largest softmax probability (Hendrycks & Gimpel 2017)", make_msp, nullptr},
    {"max-logit", "largest logit (Hendrycks et al. 2022)", make_max_logit, nullptr},
    {"sigmoid-max", "largest sigmoid, for networks trained with a binary loss a label", make_sigmoid_max, nullptr},
    {"openmax", "Weibull tails of the distances to class means (Bendale & Boult 2016)", nullptr, load_openmax},
    {"openmax-notebook", "the same as a widespread notebook computes it: softmax of the softmax", nullptr,
     load_openmax},
}};

} // namespace

std::span<const Method> methods() { return all_methods; }

const Method& method_named(std::string_view name) {
    std::vector<std::string> names;
    for (const Method& method : all_methods) {
        if (method.name == name) return method;
        names.emplace_back(method.name);
    }
    std::string known;
    for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
    throw Error(ErrorKind::usage,
                "no method \"" + std::string(name) + "\", expected one of " + known + did_you_mean(name, names));
}

std::unique_ptr<Detector> load_detector(const io::FittedFile& fitted) {
    const Method& method = method_named(fitted.method);
    if (!method.load)
        throw Error(ErrorKind::corrupt, "the method " + fitted.method + " has no fitted file; it needs no fit");
    return method.load(fitted);
}

void require_needs(const Detector& detector, const io::Activations& activations, const std::string& where) {
    const Needs needs = detector.needs();
    const auto require = [&](const io::FloatRows& rows, std::int64_t columns, const std::string& what) {
        if (columns == 0 || rows.columns == columns) return;
        throw Error(ErrorKind::usage, where + ": " + std::string(detector.method()) + " needs " + what + " of " +
                                          std::to_string(columns) + " columns, found " +
                                          (rows.empty() ? "none" : std::to_string(rows.columns)) +
                                          "; it was fitted on another network's activations");
    };
    require(activations.logits, needs.classes, "logits");
    require(activations.features, needs.features, "features");
    const auto extra = activations.extras.find(needs.extra);
    require(extra == activations.extras.end() ? io::FloatRows() : extra->second, needs.extra_columns,
            "the further tensor \"" + needs.extra + "\"");
}

} // namespace openset::detect
