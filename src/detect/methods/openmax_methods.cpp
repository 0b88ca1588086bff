#include "detect/method_files.hpp"
#include "openset/base/error.hpp"
#include "openset/detect/openmax.hpp"

// OpenMax as a line of the table, under its two names.
namespace openset::detect {
namespace {

constexpr const char* preset_name = "preset";

/// The parameters that `--set` and the flags make of a preset's, the method's own where none is given.
OpenMaxParams params_of(const Parameters& parameters, const std::string& usual_preset, bool notebook) {
    std::string preset = usual_preset;
    for (const auto& [name, value] : parameters) {
        if (name == preset_name) preset = value;
    }
    OpenMaxParams params = openmax_preset(preset).params;
    if (notebook && params.decision != Decision::notebook) {
        throw Error(ErrorKind::usage, "--method openmax-notebook together with --preset " + preset +
                                          ": expected notebook-001 or notebook-001-described");
    }
    for (const auto& [name, value] : parameters) {
        if (name != preset_name) set_option(params, name, value);
    }
    return params;
}

template <bool notebook>
std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& parameters) {
    const TrainingRows& rows = *data.rows();
    const std::string usual_preset = notebook ? "notebook-001" : openmax_presets().front().name;
    return std::make_unique<OpenMax>(OpenMax::fit(rows, params_of(parameters, usual_preset, notebook)));
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
