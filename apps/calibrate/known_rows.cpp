#include "calibrate/known_rows.hpp"

#include <algorithm>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/cascade/pipeline_config.hpp"
#include "openset/io/row_reader.hpp"
#include "openset/io/run_record.hpp"
#include "scores/input.hpp"

namespace openset::calibrate {
namespace {

namespace fs = std::filesystem;
using io::Stage;

void add_stage(Stage stage, scores::Side side, const io::LabelNames& labels, KnownRows& known) {
    const scores::Origin& origin = side.origins.front();
    io::StageCalibration calibration;
    calibration.stage = stage;
    calibration.method = origin.method;
    calibration.fitted_sha256 = origin.fitted_sha256;
    calibration.network_sha256 = origin.network_sha256;
    calibration.accept = origin.accept;
    known.chain.stages.push_back(std::move(calibration));
    known.chain.scores.push_back(std::move(side.table.scores[0]));
    known.chain.predicted = std::move(side.table.predicted);
    known.chain.label_names = labels.names();
    known.failed = side.table.failed;
}

struct Rejecting {
    Stage stage;
    std::string method;
};

/// The stages of the run that can reject by a score, and how.
std::vector<Rejecting> rejecting_stages(const cascade::PipelineConfig& config, const io::RunRecord& record,
                                        const KnownRequest& request) {
    std::vector<Rejecting> stages;
    if (config.gate && !record.closed_set) stages.push_back({Stage::gate, request.gate_score});
    if (config.species && !record.closed_set) stages.push_back({Stage::species, "mass"});
    if (config.unknown && !record.closed_set) stages.push_back({Stage::unknown, ""});
    if (!stages.empty()) return stages;
    throw Error(ErrorKind::usage,
                request.file + ": the run " +
                    (record.closed_set ? "was a closed-set one" : "had neither gate, species nor unknown") +
                    " and rejects nothing, expected rows of a chain that does");
}

/// Which rows the classifier rejects by its min_probability, also of those that an earlier stage rejected.
void find_rejected_by_classifier(const cascade::PipelineConfig& config, KnownRows& known) {
    io::RowReader reader(known.file);
    reader.want({"classifier.probability"}, {"classifier.label", "classifier.labels"});
    struct Named {
        double probability;
        std::string label;
        bool has_labels; ///< that pass, of a multi-label network
    };
    std::vector<Named> rows;
    bool multi_label = reader.header().find("classifier_labels") != std::string::npos;
    while (const auto row = reader.next()) {
        if (row->outcome == io::Outcome::failed) continue;
        multi_label = multi_label || row->texts[1].has_value();
        rows.push_back({row->numbers[0].value_or(1), row->texts[0].value_or(""), !row->texts[1].value_or("").empty()});
    }
    const auto given = config.classifier.min_probability.value_or(cascade::ThresholdConfig{});
    known.chain.classifier_can_reject = multi_label || given.any.value_or(0) > 0 || !given.by_label.empty();
    for (const Named& row : rows) {
        const auto own = given.by_label.find(row.label);
        const double least = own != given.by_label.end() ? own->second : given.any.value_or(0);
        known.chain.classifier_rejects.push_back((multi_label ? !row.has_labels : row.probability < least) ? 1 : 0);
    }
}

void require_reached(const KnownRequest& request, const scores::Side& side, Stage stage) {
    if (side.table.unreached == 0) return;
    throw Error(ErrorKind::usage, request.file + ": " + std::to_string(side.table.unreached) +
                                      " rows were rejected before the stage " + std::string(to_string(stage)) +
                                      ", expected a score of every stage for every picture; run openset infer again "
                                      "with --all-stages");
}

KnownRows read_rows(const KnownRequest& request) {
    const auto record = io::read_run_record(request.file);
    const fs::path beside = io::run_record_path(request.file);
    if (!record) {
        throw Error(ErrorKind::usage, request.file + ": has no run record beside it, expected " +
                                          beside.filename().string() + ", which says what its stages are");
    }
    const auto config = cascade::parse_pipeline_config(record->config_json, beside.string() + " /config", {});
    KnownRows known;
    known.file = request.file;
    io::LabelNames labels;
    for (const auto& [stage, method] : rejecting_stages(config, *record, request)) {
        auto side = scores::read_stage(scores::named_file(request.file), method, stage, false, labels);
        require_reached(request, side, stage);
        add_stage(stage, std::move(side), labels, known);
    }
    find_rejected_by_classifier(config, known);
    if (!record->complete) log_warning(request.file + ": the run was not finished; its rows so far are taken");
    return known;
}

KnownRows read_scores(const KnownRequest& request) {
    scores::Request wanted{scores::named_file(request.file), {}, {}, "", false, false};
    wanted.methods = {scores::the_one_method(request.file, request.method)};
    scores::Inputs inputs = scores::read_inputs(wanted);
    KnownRows known;
    known.file = request.file;
    add_stage(Stage::unknown, std::move(inputs.known), inputs.labels, known);
    known.chain.classifier_rejects.assign(known.chain.rows(), 0);
    return known;
}

} // namespace

KnownRows read_known(const KnownRequest& request) {
    const bool rows = scores::holds_rows(request.file);
    if (rows && !request.method.empty()) {
        throw Error(ErrorKind::usage, "--method " + request.method + ": " + request.file +
                                          " holds rows of infer, whose config names the method; leave it out");
    }
    KnownRows known = rows ? read_rows(request) : read_scores(request);
    if (known.failed > 0) log_notice(request.file + ": " + std::to_string(known.failed) + " failed rows left out");
    return known;
}

void require_same_chain(const KnownRows& one, const KnownRows& other) {
    const auto identity = [](const io::StageCalibration& stage) {
        return std::tie(stage.stage, stage.method, stage.fitted_sha256, stage.network_sha256, stage.accept);
    };
    if (std::ranges::equal(one.chain.stages, other.chain.stages,
                           [&](const auto& a, const auto& b) { return identity(a) == identity(b); }))
        return;
    throw Error(ErrorKind::usage, one.file.string() + " and " + other.file.string() +
                                      ": come from other chains, fits or networks, expected the same for both");
}

} // namespace openset::calibrate
