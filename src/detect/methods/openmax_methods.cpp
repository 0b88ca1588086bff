#include "detect/method_files.hpp"
#include "openset/base/error.hpp"
#include "openset/detect/openmax.hpp"

// OpenMax as a line of the table, under its two names.
namespace openset::detect {
namespace {

constexpr const char* preset_name = "preset";
constexpr const char* notebook_name = "openmax-notebook";

template <bool notebook>
std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& parameters) {
    return std::make_unique<OpenMax>(
        OpenMax::fit(*data.rows(), openmax_params(notebook ? notebook_name : "openmax", parameters)));
}

std::unique_ptr<Detector> load(const io::FittedFile& fitted) {
    return std::make_unique<OpenMax>(OpenMax::from(fitted));
}

std::vector<Parameter> parameters_of(const OpenMaxPreset& usual) {
    std::vector<Parameter> all = {
        {preset_name, "PRESET", usual.name, "a known system's choices, which further parameters change", usual.source}};
    for (const OpenMaxOption& option : openmax_options())
        all.push_back(
            {option.name, option.value, option_text(usual.params, option.name), option.help, "preset " + usual.name});
    return all;
}

} // namespace

OpenMaxParams openmax_params(std::string_view method, const Parameters& typed) {
    const bool notebook = method == notebook_name;
    std::string preset = notebook ? "notebook-001" : openmax_presets().front().name;
    for (const auto& [name, value] : typed) {
        if (name == preset_name) preset = value;
    }
    OpenMaxParams params = openmax_preset(preset).params;
    if (notebook && params.decision != Decision::notebook) {
        throw Error(ErrorKind::usage, "--method openmax-notebook together with --preset " + preset +
                                          ": expected notebook-001 or notebook-001-described");
    }
    for (const auto& [name, value] : typed) {
        if (name != preset_name) set_option(params, name, value);
    }
    return params;
}

namespace method {

Method openmax() {
    return {.name = "openmax",
            .summary = "Weibull tails of the distances to class means (Bendale & Boult 2016)",
            .formula = "r_0 - LSE(r), the log odds of unknown",
            .needs = {.labels = true},
            .parameters = parameters_of(openmax_presets().front()),
            .make = nullptr,
            .fit = fit<false>,
            .load = load};
}

Method openmax_notebook() {
    return {.name = "openmax-notebook",
            .summary = "the same as a widespread notebook computes it: softmax of the softmax",
            .formula = "-max q, q the softmax of OpenMax's probabilities",
            .needs = {.labels = true},
            .parameters = parameters_of(openmax_preset("notebook-001")),
            .make = nullptr,
            .fit = fit<true>,
            .load = load};
}

} // namespace method
} // namespace openset::detect
