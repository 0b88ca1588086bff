#include "sweep/picked.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/stats/activation.hpp"
#include "scores/rate_text.hpp"

namespace openset::sweep {
namespace {

using Json = nlohmann::ordered_json;
using scores::rows_text;

Json side_json(const scores::Side& side) {
    Json json = {
        {"file", side.file.path.string()}, {"sha256", sha256_hex_of_file(side.file.path)}, {"rows", side.table.rows}};
    if (!side.store.empty()) json["store"] = side.store;
    if (!side.store_identity.empty()) json["store_identity"] = side.store_identity;
    if (side.table.failed > 0) json["failed"] = side.table.failed;
    if (side.table.unreached > 0) json["unreached"] = side.table.unreached;
    return json;
}

Json calibrated_on(const scores::Inputs& inputs) {
    Json unknown = Json::array();
    for (const scores::Side& side : inputs.unknown) unknown.push_back(side_json(side));
    Json json = {{"known", side_json(inputs.known)}, {"unknown", unknown}};
    if (!inputs.known.model_sha256.empty()) json["model_sha256"] = inputs.known.model_sha256;
    const scores::Origin& origin = inputs.known.origins.front();
    if (!origin.fitted_on.empty() && !inputs.known.store_identity.empty())
        json["fitting_rows"] = origin.fitted_on == inputs.known.store_identity;
    return json;
}

/// The threshold as people know it: P(unknown), or the notebook's q.
void add_other_units(const std::string& method, double threshold, Json& json) {
    if (method == "openmax") json["p_unknown"] = stats::sigmoid(threshold);
    if (method == "openmax-notebook" && std::isfinite(threshold)) json["q"] = 0 - threshold;
}

Json measured(const stats::ThresholdSweep& sweep, const stats::ThresholdPoint& point) {
    Json json = {{"known_rows", sweep.known_rows}, {"unknown_rows", sweep.unknown_rows}};
    json["known_acceptance"] = scores::rate_json(point.known_accepted, sweep.known_rows);
    if (sweep.named) json["known_accuracy"] = scores::rate_json(point.known_right, sweep.known_rows);
    if (sweep.unknown_rows > 0)
        json["unknown_rejection"] = scores::rate_json(point.unknown_rejected, sweep.unknown_rows);
    return json;
}

} // namespace

stats::ThresholdPoint with_thresholds_by_label(const stats::RankedRows& rows, stats::ThresholdPoint point,
                                               const std::map<std::string, double>& by_label,
                                               const io::LabelNames& labels) {
    std::vector<std::optional<double>> thresholds(labels.names().size());
    for (const auto& [label, threshold] : by_label)
        thresholds[static_cast<std::size_t>(labels.find(label).value())] = threshold;
    const stats::Rejected rejected = stats::reject(rows, point.threshold, thresholds);
    point.known_accepted = std::ranges::count(rejected.known, 0);
    point.unknown_rejected = std::ranges::count(rejected.unknown, 1);
    point.known_right = 0;
    for (std::size_t row = 0; rows.named() && row < rows.known.rows(); ++row)
        point.known_right += rows.known.right(row) && rejected.known[row] == 0 ? 1 : 0;
    return point;
}

io::OperatingPoint operating_point(const scores::Inputs& inputs, const stats::ThresholdSweep& sweep,
                                   const Picked& picked) {
    const scores::Origin& origin = inputs.known.origins.front();
    io::OperatingPoint chosen;
    chosen.method = origin.method;
    chosen.stage = to_string(inputs.stage);
    chosen.threshold = picked.point.threshold;
    chosen.threshold_by_label = picked.by_label;
    chosen.rule = picked.rule.text;
    chosen.fitted_sha256 = origin.fitted_sha256;
    chosen.network_sha256 = origin.network_sha256;
    chosen.accept = origin.accept;
    chosen.calibrated_on = calibrated_on(inputs).dump(-1, ' ', false, Json::error_handler_t::replace);
    Json figures = measured(sweep, picked.point);
    add_other_units(chosen.method, picked.point.threshold, figures);
    chosen.measured = figures.dump();
    return chosen;
}

std::vector<std::string> told(const stats::ThresholdSweep& sweep, const Picked& picked, const scores::Unit& unit) {
    const auto& [rule, point, by_label, without_promise] = picked;
    std::string line = "picked by " + rule.text + ": unknown where " + unit.rule(point.threshold);
    if (!by_label.empty())
        line += " (predicted labels with thresholds of their own: " + std::to_string(by_label.size()) + ")";
    std::vector<std::string> lines = {line,
                                      "known_acceptance " + scores::rate_text(point.known_accepted, sweep.known_rows)};
    if (sweep.named) lines.push_back("known_accuracy " + scores::rate_text(point.known_right, sweep.known_rows));
    if (sweep.unknown_rows > 0)
        lines.push_back("unknown_rejection " + scores::rate_text(point.unknown_rejected, sweep.unknown_rows));
    if (rule.kind != stats::PickRule::Kind::conformal) return lines;
    const std::string promise = "conformal over n = " + std::to_string(sweep.known_rows) +
                                " held-out known rows: a new known picture like them is rejected with probability " +
                                rule.text.substr(rule.text.find('=') + 1) + " at most";
    lines.push_back(by_label.empty() ? promise
                    : without_promise == 0
                        ? promise + ", also among those predicted as a label with its own threshold"
                        : promise + " where it is predicted as a label with its own threshold; the " +
                              rows_text(without_promise, "known") +
                              " of the others are too few, and nothing is promised for them");
    return lines;
}

std::filesystem::path place_for_point(const std::string& asked, const std::string& table) {
    if (!asked.empty()) return asked;
    return (table == "-" ? std::filesystem::path() : std::filesystem::path(table).parent_path()) /
           "operating_point.json";
}

void check_place_for_point(const std::filesystem::path& path) {
    check_place_for_file(path);
    std::error_code ignored; // writing says why
    if (!std::filesystem::is_regular_file(path, ignored)) return;
    try {
        const auto older = io::read_operating_point(path);
        log_notice(path.string() + ": the point of " + older.method + " by " + older.rule +
                   " that stands there is replaced");
    } catch (const Error&) {
        throw Error(ErrorKind::output, path.string() + ": exists and is no operating point, expected a name that is "
                                                       "free; choose one with --operating-point");
    }
}

} // namespace openset::sweep
