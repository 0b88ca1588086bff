#include "inspect/fitted.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "inspect/diagnostics.hpp"
#include "inspect/text.hpp"
#include "openset/base/printable.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/detect/training_data.hpp"
#include "openset/io/fitted_file.hpp"

namespace openset::inspect {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using detect::OpenMax;
using detect::OpenMaxClass;
using detect::OpenMaxParams;

/// A figure of a class, `-` where it has none.
std::string figure(const Json& one, const std::string& key) {
    if (!one.contains(key)) return "-";
    const Json& value = one[key];
    if (value.is_number_integer()) return value.dump();
    if (value.is_number()) return in_short(value.get<double>());
    const bool is_interval = value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
    if (is_interval) return in_short(value[0].get<double>()) + ".." + in_short(value[1].get<double>());
    return value.is_array() ? "overflows" : "-"; // an end that no number holds
}

// ---- how a class fared, in words

std::string status_in_words(const OpenMaxClass& one) {
    switch (one.summary().status) {
    case stats::TailStatus::ok: {
        const auto* fit = std::get_if<stats::TailFit>(&one.tail);
        return std::string("ok") + (one.summary().tail_clipped ? ", fewer rows than the tail size" : "") +
               (fit != nullptr && fit->tight ? ", tight" : "");
    }
    case stats::TailStatus::empty: return "no fit: no rows";
    case stats::TailStatus::too_few: return "no fit: fewer than 3 rows";
    case stats::TailStatus::constant: return "no fit: all distances equal";
    default: return "no fit: distances that no number holds";
    }
}

using Line = std::vector<std::string>;

/// The law's own columns: head, and the cells of a class. The Gumbel law's two stand there where some class has it.
Line law_head(const OpenMax& openmax) {
    if (openmax.params().tail_family == detect::TailFamily::weibull_min)
        return {"shape", "scale", "scale/shape", "shape 95 %", "scale 95 %"};
    const bool some_gumbel = std::ranges::any_of(openmax.classes(), [](const OpenMaxClass& one) {
        const auto* fit = std::get_if<stats::WeibullMaxFit>(&one.tail);
        return fit != nullptr && fit->ok() && fit->gumbel_limit;
    });
    return some_gumbel ? Line{"shape", "loc", "scale", "mode", "beta"} : Line{"shape", "loc", "scale"};
}

Line law_cells(const stats::TailFit& fit, const Json& told) {
    return {in_short(fit.shape), in_short(fit.scale()), in_short(fit.scale() / fit.shape), figure(told, "ci95_shape"),
            figure(told, "ci95_scale")};
}

Line law_cells(const stats::WeibullMaxFit& fit, const Json&) {
    if (fit.gumbel_limit) return {"-", "-", "-", in_short(fit.mode), in_short(fit.beta)};
    return {in_short(fit.shape), in_short(fit.loc), in_short(fit.scale)};
}

Line class_line(const OpenMaxClass& one, const Json& told, std::size_t law_columns) {
    Line line = {one.label, figure(told, "rows"), figure(told, "correct"), std::to_string(one.rows),
                 std::to_string(one.summary().n_used)};
    Line law;
    if (one.has_fit()) law = std::visit([&](const auto& fit) { return law_cells(fit, told); }, one.tail);
    law.resize(law_columns, "-");
    line.insert(line.end(), law.begin(), law.end());
    for (const char* key : {"ks", "unit_sensitivity", "share_w_below_0.05"}) line.push_back(figure(told, key));
    line.push_back(status_in_words(one));
    return line;
}

void print_classes(const OpenMax& openmax, const Diagnostics& diagnostics, bool all) {
    const auto& classes = openmax.classes();
    const Line law = law_head(openmax);
    Line head = {"label", "rows", "correct", "fitted on", "tail"};
    head.insert(head.end(), law.begin(), law.end());
    for (const char* name : {"KS", "unit", "w<0.05", "status"}) head.emplace_back(name);
    std::vector<Line> lines = {head};
    const std::size_t shown = shown_of(classes.size(), all);
    for (std::size_t i = 0; i < shown; ++i)
        lines.push_back(class_line(classes[i], diagnostics.of_class(i), law.size()));
    print_line("classes", std::to_string(classes.size()));
    print_table(lines, {0, head.size() - 1});
    print_rest(shown, classes.size());
    std::cout << "  KS: largest gap between tail and fit, 0 to 1; unit: how far W-scores move where distances are ten "
                 "times as "
                 "large or small;\n  w<0.05: share of the rows fitted on that have such a W-score in their class\n";
}

// ---- what it is

const detect::OpenMaxPreset* preset_of(const OpenMaxParams& params) {
    const auto& presets = detect::openmax_presets();
    const auto found = std::ranges::find(presets, params.preset, &detect::OpenMaxPreset::name);
    return found == presets.end() ? nullptr : &*found;
}

std::string decision_text(const OpenMaxParams& params) {
    switch (params.decision) {
    case detect::Decision::threshold: return "score > threshold";
    case detect::Decision::argmax:
        return "unknown has the largest probability" +
               (params.epsilon > 0 ? ", or the largest is < " + in_short(params.epsilon) : std::string());
    case detect::Decision::notebook: break;
    }
    return "unknown has the largest twice-softmaxed probability q, or the largest q is < a threshold";
}

void print_parameters(const OpenMaxParams& params, const detect::OpenMaxPreset* preset) {
    print_line("decision", decision_text(params) + (params.decision == detect::Decision::threshold
                                                        ? ""
                                                        : " (the preset's; infer takes any threshold)"));
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& option : detect::openmax_options()) {
        // Nothing is moved for the reversed laws.
        if (option.name == "translate" && params.tail_family != detect::TailFamily::weibull_min) continue;
        const std::string value = option_text(params, option.name);
        const std::string usual = preset != nullptr ? option_text(preset->params, option.name) : value;
        lines.emplace_back("--" + option.name, value + (value == usual ? "" : "   (the preset has " + usual + ")"));
    }
    std::cout << "parameters\n";
    print_block(lines);
}

std::string network_text(const io::FittedFile& fitted) {
    if (fitted.model_name.empty() && fitted.model_sha256.empty()) return "not told";
    return fitted.model_name + (fitted.model_sha256.empty() ? "" : ", sha256 " + short_hash(fitted.model_sha256));
}

void print_openmax(const OpenMax& openmax, const io::FittedFile& fitted, const Wanted& wanted) {
    const detect::OpenMaxPreset* const preset = preset_of(openmax.params());
    print_line("preset", openmax.params().preset + (preset != nullptr ? ": " + preset->source : ""));
    print_parameters(openmax.params(), preset);
    print_classes(openmax, Diagnostics(fitted), wanted.all_labels);
    print_line("warnings", std::to_string(openmax.warnings().size()));
    for (const std::string& warning : openmax.warnings()) std::cout << "  " << printable(warning) << "\n";
}

/// A method that has no page of its own: its parameters, and what the fit says for people.
void print_method(const io::FittedFile& fitted) {
    const detect::Method& method = detect::method_named(fitted.method);
    const Json params = Json::parse(fitted.params_json), diagnostics = Json::parse(fitted.diagnostics_json);
    print_line("score", method.formula);
    print_line("about", method.summary);
    std::vector<std::pair<std::string, std::string>> lines;
    for (const detect::Parameter& parameter : method.parameters) {
        std::string key = parameter.name;
        std::ranges::replace(key, '-', '_');
        const Json value = params.value(key, Json());
        const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        lines.emplace_back(parameter.name, text + "   (" + parameter.help + ")");
    }
    if (!lines.empty()) std::cout << "parameters\n";
    print_block(lines);
    lines.clear();
    for (const auto& [key, value] : diagnostics.items()) {
        if (key != "warnings") lines.emplace_back(key, value.dump());
    }
    std::cout << "diagnostics\n";
    print_block(lines);
    const auto warnings = detect::fit_warnings(fitted);
    print_line("warnings", std::to_string(warnings.size()));
    for (const std::string& warning : warnings) std::cout << "  " << printable(warning) << "\n";
}

/// What a fitted file holds: a detector, or the sums that several are fitted from.
struct Content {
    explicit Content(const io::FittedFile& fitted) {
        if (fitted.method == detect::TrainingData::sums_name)
            sums.emplace(detect::TrainingData::merged({&fitted, 1}));
        else
            detector = detect::load_detector(fitted);
    }

    const OpenMax* openmax() const { return dynamic_cast<const OpenMax*>(detector.get()); }
    std::string kind() const { return sums ? "sums of training rows" : "fitted detector"; }

    std::unique_ptr<detect::Detector> detector;
    std::optional<detect::TrainingData> sums;
};

/// The methods that can be fitted from them.
std::vector<std::string> methods_for(const detect::TrainingData& sums) {
    std::vector<std::string> names;
    for (const detect::Method& method : detect::methods()) {
        if (method.fit && !what_is_missing(method, sums)) names.push_back(method.name);
    }
    return names;
}

void print_sums(const detect::TrainingData& sums) {
    const detect::TrainingFacts& facts = sums.facts();
    print_line("rows",
               std::to_string(facts.rows()) + ", " + std::to_string(facts.labelled_count) + " of them with a label");
    print_line("classes", std::to_string(facts.classes));
    print_line("features", std::to_string(facts.features));
    std::string names;
    for (const std::string& name : methods_for(sums)) names += (names.empty() ? "" : ", ") + name;
    print_line("methods", names);
}

void print_text(const fs::path& file, const io::FittedFile& fitted, const Content& content, const Wanted& wanted) {
    print_line("file", file.string() + ", " + bytes_text(fs::file_size(file)));
    print_line("kind", content.kind() + (content.sums ? "" : ", " + fitted.method));
    print_line("sha256", fitted.sha256);
    print_line("network", network_text(fitted));
    print_line("activation", fitted.activation);
    print_line("preprocess", fitted.preprocess_json);
    print_line("precision", fitted.precision);
    print_line("engine", fitted.engine);
    print_line("decoding", fitted.fast_decode ? "--fast-decode" : "");
    print_line("fitted on", fitted.fitted_on.empty() ? "" : "a store of identity " + short_hash(fitted.fitted_on));
    if (content.sums)
        print_sums(*content.sums);
    else if (const OpenMax* openmax = content.openmax())
        print_openmax(*openmax, fitted, wanted);
    else
        print_method(fitted);
}

// ---- for programs

Json json_of(const OpenMax& openmax, const io::FittedFile& fitted) {
    const Diagnostics diagnostics(fitted);
    const detect::OpenMaxPreset* const preset = preset_of(openmax.params());
    const Json state = Json::parse(fitted.state_json);
    Json classes = Json::array();
    for (std::size_t i = 0; i < openmax.classes().size(); ++i) {
        Json one = state["classes"][i];
        one.update(diagnostics.of_class(i));
        one["label"] = openmax.classes()[i].label;
        one["fitted_on"] = openmax.classes()[i].rows;
        one.erase("rows");
        const Json told = diagnostics.of_class(i);
        if (told.contains("rows")) one["rows"] = told["rows"];
        classes.push_back(one);
    }
    return {
        {"preset", {{"name", openmax.params().preset}, {"source", preset != nullptr ? Json(preset->source) : Json()}}},
        {"classes", classes},
        {"warnings", openmax.warnings()}};
}

Json json_of(const fs::path& file, const io::FittedFile& fitted, const Content& content) {
    Json arrays = Json::object();
    for (const auto& [name, array] : fitted.arrays) arrays[name] = array.shape;
    for (const auto& [name, array] : fitted.float_arrays) arrays[name] = array.shape;
    Json json = {{"file", file.string()},
                 {"kind", content.kind()},
                 {"bytes", fs::file_size(file)},
                 {"sha256", fitted.sha256},
                 {"method", fitted.method},
                 {"model", {{"name", fitted.model_name}, {"sha256", fitted.model_sha256}}},
                 {"labels", fitted.labels},
                 {"activation", fitted.activation},
                 {"preprocess", fitted.preprocess_json.empty() ? Json() : Json::parse(fitted.preprocess_json)},
                 {"precision", fitted.precision},
                 {"engine", fitted.engine},
                 {"fast_decode", fitted.fast_decode},
                 {"fitted_on", fitted.fitted_on},
                 {"params", Json::parse(fitted.params_json)},
                 {"arrays", arrays}};
    if (content.sums) json["methods"] = methods_for(*content.sums);
    if (const OpenMax* openmax = content.openmax())
        json.update(json_of(*openmax, fitted));
    else
        json["diagnostics"] = Json::parse(fitted.diagnostics_json);
    return json;
}

} // namespace

void print_fitted(const fs::path& file, const Wanted& wanted) {
    const io::FittedFile fitted = io::read_fitted(file);
    const Content content(fitted);
    wanted.json ? print_json(json_of(file, fitted, content)) : print_text(file, fitted, content, wanted);
}

} // namespace openset::inspect
