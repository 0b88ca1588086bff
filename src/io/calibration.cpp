#include "openset/io/calibration.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "io/checked_json.hpp"
#include "io/score_json.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/missing_file.hpp"

namespace openset::io {
namespace {

constexpr const char* calibration_format = "openset-calibration/1";
constexpr std::uint64_t max_calibration_bytes = std::uint64_t{1} << 30;
constexpr const char* what_it_is = "a calibration, as openset calibrate writes it";

using OrderedJson = nlohmann::ordered_json;

OrderedJson scores_json(const std::vector<double>& scores) {
    OrderedJson json = OrderedJson::array();
    for (const double score : scores) json.push_back(score_json(score));
    return json;
}

OrderedJson stage_json(const StageCalibration& stage) {
    OrderedJson json = {{"stage", to_string(stage.stage)}, {"method", stage.method}};
    if (!stage.fitted_sha256.empty()) json["fitted_sha256"] = stage.fitted_sha256;
    if (!stage.network_sha256.empty()) json["network_sha256"] = stage.network_sha256;
    if (!stage.accept.empty()) json["accept"] = OrderedJson::parse(stage.accept);
    if (stage.scores_by_label.empty()) {
        json["scores"] = scores_json(stage.scores);
    } else {
        for (const auto& [label, scores] : stage.scores_by_label) json["scores"][label] = scores_json(scores);
        json["scores"]["*"] = scores_json(stage.scores);
    }
    return json;
}

std::vector<double> read_scores(const CheckedValue& value) {
    std::vector<double> scores;
    if (value.json().is_array() && value.json().empty()) return scores; // of labels that all have scores of their own
    const auto entries = value.array("an array of scores");
    if (!entries) return scores;
    for (const CheckedValue& entry : *entries) scores.push_back(read_score(entry).value_or(0));
    return scores;
}

void read_scores_of(const CheckedValue& value, StageCalibration& stage) {
    if (!value.json().is_object()) {
        stage.scores = read_scores(value);
        return;
    }
    auto object = value.object();
    if (!object) return;
    if (stage.stage != Stage::unknown) value.expected("an array of scores; the stage unknown alone has them by label");
    if (const auto rest = object->required("*", "the scores of the rows of all other labels"))
        stage.scores = read_scores(*rest);
    for (const auto& [label, scores] : object->members())
        if (label != "*") stage.scores_by_label[label] = read_scores(scores);
}

StageCalibration read_stage(CheckedObject& object) {
    StageCalibration stage;
    if (const auto name = object.required("stage", "gate, species or unknown")) {
        const std::string text = name->one_of({"gate", "species", "unknown"}).value_or("unknown");
        stage.stage = text == "gate" ? Stage::gate : text == "species" ? Stage::species : Stage::unknown;
    }
    if (const auto method = object.required("method", "the method whose scores they are"))
        stage.method = method->text().value_or("");
    stage.fitted_sha256 = read_digest(object, "fitted_sha256");
    stage.network_sha256 = read_digest(object, "network_sha256");
    if (const auto accept = object.optional("accept"); accept && accept->array("the labels that passed"))
        stage.accept = accept->json().dump();
    if (const auto scores = object.required("scores", "an array of scores, or one by label"))
        read_scores_of(*scores, stage);
    object.refuse_other_keys();
    return stage;
}

void read_stages(const CheckedValue& value, Calibration& calibration) {
    const auto entries = value.array("the stages of the chain");
    if (!entries) return;
    for (const CheckedValue& entry : *entries) {
        auto object = entry.object("a stage with its scores");
        if (!object) continue;
        StageCalibration stage = read_stage(*object);
        if (!calibration.stages.empty() && calibration.stages.back().stage >= stage.stage)
            entry.problem("found the stage " + std::string(to_string(stage.stage)) + " behind " +
                          std::string(to_string(calibration.stages.back().stage)) +
                          ", expected gate, species and unknown in this order, each once at most");
        calibration.stages.push_back(std::move(stage));
    }
    if (entries->empty()) value.expected("one stage or more");
}

void read_least_shares(CheckedObject& object, Calibration& calibration) {
    if (const auto value = object.optional("least_shares")) {
        calibration.least_shares.emplace();
        if (const auto entries = value->array("an array of shares")) {
            for (const CheckedValue& entry : *entries)
                calibration.least_shares->push_back(entry.number(0, 1).value_or(0));
        }
    } else if (calibration.stages.size() > 1) {
        object.required("least_shares",
                        "those of the rows that rank the stages together, as there is more than one stage");
    }
}

void read_measured(const CheckedValue& value, Calibration& calibration) {
    auto object = value.object();
    if (!object) return;
    constexpr std::int64_t most = std::int64_t{1} << 53;
    const auto rows = object->optional("known_rows");
    if (!rows) return;
    calibration.measured_rows = rows->count(most).value_or(0);
    if (const auto rejected = object->required("rejected", "how many of the known_rows were rejected")) {
        calibration.measured_rejected = rejected->count(most).value_or(0);
        if (calibration.measured_rejected > calibration.measured_rows) rejected->expected("no more than known_rows");
    }
    if (const auto folds = object->optional("in_folds"))
        calibration.measured_in_folds = folds->boolean().value_or(false);
}

Calibration read_calibration_object(CheckedObject& object) {
    Calibration calibration;
    if (!object.is_of_format(calibration_format)) return calibration;
    if (const auto budget = object.required("budget", "the share of known pictures that may be rejected"))
        calibration.budget = budget->number(0, 1).value_or(0);
    if (const auto stages = object.required("stages", "the stages of the chain")) read_stages(*stages, calibration);
    read_least_shares(object, calibration);
    calibration.calibrated_on = read_notes(object, "calibrated_on");
    calibration.measured = read_notes(object, "measured");
    if (const auto measured = object.optional("measured")) read_measured(*measured, calibration);
    object.refuse_other_keys();
    return calibration;
}

} // namespace

std::string to_json(const Calibration& calibration) {
    OrderedJson json = {{"format", calibration_format}, {"budget", calibration.budget}};
    json["measured"] = OrderedJson::parse(calibration.measured);
    if (calibration.measured_rows > 0) {
        json["measured"]["known_rows"] = calibration.measured_rows;
        json["measured"]["rejected"] = calibration.measured_rejected;
        if (calibration.measured_in_folds) json["measured"]["in_folds"] = true;
    }
    json["calibrated_on"] = OrderedJson::parse(calibration.calibrated_on);
    json["stages"] = OrderedJson::array();
    for (const StageCalibration& stage : calibration.stages) json["stages"].push_back(stage_json(stage));
    if (calibration.least_shares) json["least_shares"] = scores_json(*calibration.least_shares);
    return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

Calibration parse_calibration(std::string_view json, const std::string& name) {
    JsonProblems problems(name);
    const auto document = parse_json(json, problems);
    Calibration calibration;
    if (document) {
        if (auto object = CheckedValue(*document, "", problems).object(what_it_is))
            calibration = read_calibration_object(*object);
    }
    problems.throw_if_any(ErrorKind::corrupt);
    return calibration;
}

Calibration read_calibration(const std::filesystem::path& path) {
    try {
        const auto bytes = read_file(path, max_calibration_bytes);
        return parse_calibration({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::corrupt) throw;
        throw Error(error.kind(),
                    path.string() + ": " +
                        (error.kind() == ErrorKind::not_found ? no_such_file(path, what_it_is) : error.what()));
    }
}

} // namespace openset::io
