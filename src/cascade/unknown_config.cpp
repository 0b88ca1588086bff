#include "cascade/unknown_config.hpp"

#include <charconv>
#include <cmath>
#include <set>
#include <string_view>

#include "cascade/label_finder.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/io/number_text.hpp"

namespace openset::cascade {
namespace {

constexpr const char* threshold_kinds =
    R"(a number, "inf", "p=0.62", "q=0.35", "argmax", or one number by label such as {"tabby": 0.9, "*": 0.8})";

/// As the schema has it: 0 to 1, in digits or as 1e-6. No std::regex: it descends once a character.
bool is_share(std::string_view text) {
    if (text == "0" || text == "1") return true;
    if (text.starts_with("0.")) return is_digits(text.substr(2));
    const auto sign = text.find("e-");
    if (sign == std::string_view::npos)
        return text.starts_with("1.") && is_digits(text.substr(2)) &&
               text.find_first_not_of('0', 2) == std::string_view::npos;
    const std::string_view mantissa = text.substr(0, sign), exponent = text.substr(sign + 2);
    const bool is_mantissa = is_digits(mantissa.substr(0, 1)) && mantissa.front() != '0' &&
                             (mantissa.size() == 1 || (mantissa[1] == '.' && is_digits(mantissa.substr(2))));
    return is_mantissa && is_digits(exponent) && exponent.find_first_not_of('0') != std::string_view::npos;
}

/// The number behind `p=` or `q=`; none where the text is none.
std::optional<double> number_after(std::string_view text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return {};
    text.remove_prefix(prefix.size());
    if (!is_share(text)) return {};
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value); // what is below all doubles stays 0
    return value;
}

std::optional<ScoreThreshold> read_threshold(const io::CheckedValue& value, const std::string& expected) {
    using Unit = ScoreThreshold::Unit;
    if (value.json().is_number()) return ScoreThreshold{Unit::score, value.json().get<double>()};
    if (value.json().is_string()) {
        const auto& text = value.json().get_ref<const std::string&>();
        if (text == "inf" || text == "-inf") return ScoreThreshold{Unit::score, text == "inf" ? INFINITY : -INFINITY};
        if (const auto p = number_after(text, "p=")) return ScoreThreshold{Unit::p_unknown, *p};
        if (const auto q = number_after(text, "q=")) return ScoreThreshold{Unit::doubled_value, *q};
    }
    value.expected(expected);
    return {};
}

void read_threshold(const io::CheckedValue& value, UnknownConfig& config) {
    if (value.json() == "argmax") {
        config.argmax = true;
    } else if (!value.json().is_object() || value.json().empty()) {
        config.any = read_threshold(value, threshold_kinds);
    } else {
        for (const auto& [label, entry] : value.object()->members()) {
            const auto threshold = read_threshold(entry, R"(a number, "inf", "p=0.62" or "q=0.35")");
            if (!threshold) continue;
            if (label == "*")
                config.any = threshold;
            else
                config.by_label[label] = *threshold;
        }
    }
}

io::Json threshold_to_json(const ScoreThreshold& threshold) {
    switch (threshold.unit) {
    case ScoreThreshold::Unit::p_unknown: return "p=" + io::shortest(threshold.value);
    case ScoreThreshold::Unit::doubled_value: return "q=" + io::shortest(threshold.value);
    case ScoreThreshold::Unit::score: break;
    }
    if (std::isinf(threshold.value)) return io::shortest(threshold.value);
    return threshold.value;
}

/// In the unit of the detector's score; notes where the method has no such unit.
double to_score(const ScoreThreshold& threshold, const detect::Detector& detector, const std::string& pointer,
                io::JsonProblems& problems) {
    const std::string method(detector.method());
    switch (threshold.unit) {
    case ScoreThreshold::Unit::p_unknown:
        if (!detector.score_is_log_odds()) {
            problems.add(pointer, "found a probability of unknown (p=), but the score of " + method +
                                      " is none; give a threshold on the score");
        }
        return std::log(threshold.value) - std::log1p(-threshold.value);
    case ScoreThreshold::Unit::doubled_value:
        if (method != "openmax-notebook") {
            problems.add(pointer, "found q=, which openmax-notebook alone has; the method is " + method +
                                      ": give a threshold on its score");
        }
        return -threshold.value;
    case ScoreThreshold::Unit::score: break;
    }
    return threshold.value;
}

/// name     of the file that the point stands in
/// pointer  of what names it
/// pick     how to get one that fits
void check_operating_point(const io::OperatingPoint& point, const std::string& name, const std::string& pointer,
                           const std::string& pick, const PipelineFiles& files, io::JsonProblems& problems) {
    const std::string method(files.detector->method());
    if (point.stage != "unknown")
        problems.add(pointer, name + " is a point of the stage " + point.stage + ", expected one of unknown");
    else if (point.method != method)
        problems.add(pointer, name + " is a point of the method " + point.method + ", but the config's is " + method +
                                  "; " + pick);
    else if (point.fitted_sha256 != files.fitted_sha256 && !files.allow_mismatch)
        problems.add(pointer, name + " was measured on another fitted file (sha256 " +
                                  (point.fitted_sha256.empty() ? "not told" : point.fitted_sha256.substr(0, 12)) +
                                  ", the config's is " + files.fitted_sha256.substr(0, 12) +
                                  "): its threshold says nothing here; " + pick + ", or run with --allow-mismatch");
}

std::string names_of(const std::set<Stage>& stages) {
    std::string names;
    for (const Stage stage : stages) names += (names.empty() ? "" : ", ") + std::string(to_string(stage));
    return names.empty() ? "none" : names;
}

/// Thresholds by id, where some labels have their own.
std::vector<double> by_id(const StageLabels& labels, double any, const std::map<int, double>& own) {
    std::vector<double> thresholds(labels.names.size(), any);
    for (const auto& [id, threshold] : own) thresholds[static_cast<std::size_t>(id)] = threshold;
    return thresholds;
}

std::vector<double> thresholds_of(const UnknownConfig& config, const StageLabels& labels, const LabelFinder& finder,
                                  const detect::Detector& detector, io::JsonProblems& problems) {
    const std::string pointer = "/unknown/threshold";
    if (!config.any && config.by_label.empty()) return by_id(labels, INFINITY, {}); // a calibration gives it
    std::map<int, double> own;
    for (const auto& [id, threshold] : finder.find_each(config.by_label, pointer))
        own[id] = to_score(threshold, detector, io::pointer_to(pointer, labels.names[static_cast<std::size_t>(id)]),
                           problems);
    if (config.any) return by_id(labels, to_score(*config.any, detector, pointer, problems), own);
    for (std::size_t id = 0; id < labels.names.size(); ++id) {
        if (!own.contains(static_cast<int>(id)))
            problems.add(pointer,
                         "no threshold for the label " + io::in_quotes(labels.names[id]) + "; add it, or \"*\"");
    }
    return by_id(labels, 0, own);
}

} // namespace

std::optional<std::filesystem::path> read_path(const io::CheckedValue& value, const std::filesystem::path& folder,
                                               const std::string& what) {
    const auto path = value.text(what);
    if (!path) return {};
    if (path->find('\0') != std::string::npos) value.expected("a path without NUL characters");
    return folder / *path;
}

UnknownConfig read_unknown(io::CheckedObject& stage, const std::filesystem::path& folder, bool calibrated) {
    UnknownConfig config;
    if (const auto fitted = stage.optional("fitted"))
        config.fitted = read_path(*fitted, folder, "the path of a file that openset fit wrote");
    if (const auto method = stage.optional("method")) {
        std::vector<std::string> names;
        for (const detect::Method& each : detect::methods()) names.emplace_back(each.name);
        config.method = method->one_of(names).value_or("");
        if (!config.method.empty() && !config.fitted && !detect::method_named(config.method).make)
            method->problem(config.method + " has to be fitted; add \"fitted\", a file that openset fit wrote");
    } else if (!config.fitted) {
        stage.required("fitted", "the path of a file that openset fit wrote, or a \"method\" that needs no fit");
    }
    const auto threshold = stage.optional("threshold");
    config.operating_point = read_operating_point(stage, folder, {"threshold"});
    if (threshold) read_threshold(*threshold, config);
    if (!threshold && !config.operating_point && !calibrated)
        stage.required("threshold",
                       "a threshold on the score, or an \"operating_point\" that openset sweep --pick wrote");
    if (const auto epsilon = stage.optional("epsilon")) {
        config.epsilon = epsilon->number(0, 1);
        if (!config.argmax) epsilon->problem("has a meaning with \"threshold\": \"argmax\" only; remove it");
    }
    stage.refuse_other_keys();
    return config;
}

std::optional<std::filesystem::path> read_operating_point(io::CheckedObject& stage, const std::filesystem::path& folder,
                                                          const std::vector<std::string>& other_keys) {
    const auto value = stage.optional("operating_point");
    if (!value) return {};
    for (const std::string& key : other_keys) {
        if (stage.optional(key)) value->problem("stands beside " + io::in_quotes(key) + "; keep one of them");
    }
    return read_path(*value, folder, "the path of a file that openset sweep --pick wrote");
}

nlohmann::ordered_json unknown_to_json(const UnknownConfig& config) {
    nlohmann::ordered_json result;
    if (config.fitted) result["fitted"] = config.fitted->generic_string();
    if (!config.method.empty()) result["method"] = config.method;
    if (config.operating_point) {
        result["operating_point"] = config.operating_point->generic_string();
    } else if (config.argmax) {
        result["threshold"] = "argmax";
    } else if (config.by_label.empty()) {
        if (config.any) result["threshold"] = threshold_to_json(*config.any);
    } else {
        for (const auto& [label, threshold] : config.by_label)
            result["threshold"][label] = threshold_to_json(threshold);
        if (config.any) result["threshold"]["*"] = threshold_to_json(*config.any);
    }
    if (config.epsilon) result["epsilon"] = *config.epsilon;
    return result;
}

Unknown resolve_unknown(const UnknownConfig& config, const StageLabels& labels, const NetworkConfig& classifier,
                        const PipelineFiles& files, io::JsonProblems& problems) {
    const detect::Detector& detector = *files.detector;
    const LabelFinder finder(labels.names, classifier, problems);
    if (!config.method.empty() && config.method != detector.method()) {
        problems.add("/unknown/method", "found " + io::in_quotes(config.method) + ", but the fitted file holds " +
                                            std::string(detector.method()) + "; remove the key, or fit anew");
    }
    Unknown unknown{files.detector, {}, config.epsilon.value_or(0)};
    if (config.argmax) {
        if (dynamic_cast<const detect::OpenMax*>(&detector) == nullptr) {
            problems.add("/unknown/threshold", "\"argmax\" is OpenMax's own rule, but the method is " +
                                                   std::string(detector.method()) + "; give a threshold on its score");
        }
    } else if (config.operating_point) {
        const io::OperatingPoint& point = files.operating_points.at(Stage::unknown);
        check_operating_point(point, config.operating_point->filename().string(), "/unknown/operating_point",
                              "pick one from its scores (openset sweep --pick)", files, problems);
        unknown.threshold =
            by_id(labels, point.threshold, finder.find_each(point.threshold_by_label, "/unknown/operating_point"));
    } else {
        unknown.threshold = thresholds_of(config, labels, finder, detector, problems);
    }
    return unknown;
}

void set_operating_point(Gate& gate, const io::OperatingPoint& point, const std::string& pointer,
                         io::JsonProblems& problems) {
    if (point.stage != "gate") {
        problems.add(pointer, "found a point of the stage " + point.stage + ", expected one of gate");
    } else if (point.method == "mass") {
        gate.rule = GateRule::mass;
        gate.min_mass = mass_at_threshold(point.threshold);
    } else if (point.method == "rank" && point.threshold >= 1) {
        gate.rule = GateRule::top_k;
        gate.k = static_cast<int>(std::min(std::floor(point.threshold), static_cast<double>(gate.labels.names.size())));
    } else {
        problems.add(pointer, "found a point of " + io::in_quotes(point.method) + " with the threshold " +
                                  io::shortest(point.threshold) + ", expected one of mass, or of rank with 1 or more");
    }
}

void set_operating_point(Species& species, const io::OperatingPoint& point, const std::string& pointer,
                         io::JsonProblems& problems) {
    if (point.stage != "species" || point.method != "mass") {
        problems.add(pointer, "found a point of " + io::in_quotes(point.method) + " of the stage " + point.stage +
                                  ", expected one of mass of the stage species");
        return;
    }
    species.min_probability.emplace(species.labels.names.size(), mass_at_threshold(point.threshold));
}

void read_calibration(io::CheckedObject& root, const std::filesystem::path& folder, PipelineConfig& config) {
    if (const auto calibration = root.optional("calibration"))
        config.calibration = read_path(*calibration, folder, "the path of a file that openset calibrate wrote");
    if (const auto significance = root.optional("significance")) {
        config.significance = significance->number(0, 1);
        if (config.significance == 0 || config.significance == 1)
            significance->expected("a number above 0 and below 1");
        if (!config.calibration)
            significance->problem("has a meaning with \"calibration\" only, the path of a file that openset calibrate "
                                  "wrote; add it");
    }
}

void set_calibration(Pipeline& pipeline, const PipelineConfig& config, const PipelineFiles& files,
                     io::JsonProblems& problems) {
    const std::string pointer = "/calibration";
    std::set<Stage> rejecting;
    if (pipeline.gate) rejecting.insert(Stage::gate);
    if (pipeline.species) rejecting.insert(Stage::species);
    if (config.unknown) rejecting.insert(Stage::unknown);
    std::set<Stage> calibrated;
    for (const io::StageCalibration& stage : files.calibration->stages()) calibrated.insert(stage.stage);
    if (rejecting != calibrated) {
        problems.add(pointer, config.calibration->filename().string() + " is of the stages " + names_of(calibrated) +
                                  ", but those of the config are " + names_of(rejecting) +
                                  "; calibrate on rows of this config (openset infer --all-stages)");
        return;
    }
    const double significance = config.significance.value_or(files.calibration->budget());
    if (significance < files.calibration->least_p_value()) {
        const std::int64_t rejected = files.calibration->rejected_by_classifier();
        problems.add(config.significance ? "/significance" : pointer,
                     "found " + io::shortest(significance) + ", but among " +
                         std::to_string(files.calibration->ranking_rows()) + " known rows" +
                         (rejected > 0 ? ", of which the classifier itself rejects " + std::to_string(rejected) +
                                             " by its min_probability,"
                                       : "") +
                         " no p-value is below " + io::shortest(files.calibration->least_p_value()) +
                         "; give that or more, or calibrate on more pictures");
        return;
    }
    const auto points = files.calibration->operating_points(significance);
    if (pipeline.gate) set_operating_point(*pipeline.gate, points.at(Stage::gate), pointer, problems);
    if (pipeline.species) set_operating_point(*pipeline.species, points.at(Stage::species), pointer, problems);
    if (pipeline.unknown) {
        const io::OperatingPoint& point = points.at(Stage::unknown);
        check_operating_point(point, config.calibration->filename().string(), pointer,
                              "calibrate on rows of this config", files, problems);
        const LabelFinder finder(pipeline.classifier.labels.names, config.classifier.network, problems);
        pipeline.unknown->threshold =
            by_id(pipeline.classifier.labels, point.threshold, finder.find_each(point.threshold_by_label, pointer));
        pipeline.unknown->epsilon = 0;
    }
    pipeline.calibration = files.calibration;
}

} // namespace openset::cascade
