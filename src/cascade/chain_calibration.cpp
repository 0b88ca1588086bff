#include "openset/cascade/chain_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/thresholds.hpp"

namespace openset::cascade {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The scores of a stage for some of the rows.
io::StageCalibration stage_of(const ChainRows& rows, std::size_t stage, std::span<const std::size_t> which,
                              std::size_t enough_for_own) {
    io::StageCalibration result = rows.stages[stage];
    std::map<std::int32_t, std::vector<double>> by_label;
    for (const std::size_t row : which) by_label[rows.predicted[row]].push_back(rows.scores[stage][row]);
    std::vector<std::pair<std::int32_t, std::vector<double>>> rarest_first;
    for (auto& entry : by_label) rarest_first.emplace_back(entry.first, std::move(entry.second));
    std::ranges::stable_sort(rarest_first, {}, [](const auto& entry) { return entry.second.size(); });
    for (auto& [label, scores] : rarest_first) {
        if (label >= 0 && scores.size() >= enough_for_own && result.scores.size() >= enough_for_own)
            result.scores_by_label[rows.label_names[static_cast<std::size_t>(label)]] = std::move(scores);
        else
            result.scores.insert(result.scores.end(), scores.begin(), scores.end());
    }
    return result;
}

double least_share(const ChainCalibration& calibration, const ChainRows& rows, std::size_t row) {
    if (rows.classifier_rejects[row] != 0) return 0;
    double least = 1;
    for (std::size_t stage = 0; stage < rows.stages.size(); ++stage)
        least = std::min(least,
                         calibration.stage_share(rows.stages[stage].stage, rows.scores[stage][row], rows.label(row)));
    return least;
}

std::string percent(double share) { return io::shortest(100 * share) + " %"; }

void require_rows(std::size_t all, std::size_t ranking, double budget) {
    const auto needed = static_cast<std::size_t>(stats::rows_for_conformal(budget));
    if (ranking >= needed) return;
    throw Error(ErrorKind::usage, "found " + std::to_string(all) + " known rows" +
                                      (ranking < all ? ", of which " + std::to_string(ranking) + " rank" : "") +
                                      ", expected " + std::to_string(ranking < all ? 2 * needed - 1 : needed) +
                                      " or more for a budget of " + percent(budget) +
                                      "; add held-out known pictures, or raise --budget");
}

void require_room_beside_the_classifier(const ChainCalibration& calibration, const io::Calibration& file) {
    if (calibration.least_p_value() <= file.budget) return;
    throw Error(ErrorKind::usage, "the classifier alone, by its min_probability, rejects " +
                                      std::to_string(calibration.rejected_by_classifier()) + " of " +
                                      std::to_string(calibration.ranking_rows()) +
                                      " known rows, expected fewer than a budget of " + percent(file.budget) +
                                      " leaves; lower its min_probability, or raise --budget");
}

} // namespace

ChainCalibration::ChainCalibration(const io::Calibration& calibration)
    : budget_(calibration.budget), measured_rows_(calibration.measured_rows),
      measured_rejected_(calibration.measured_rejected), measured_in_folds_(calibration.measured_in_folds) {
    for (const io::StageCalibration& stage : calibration.stages) {
        Test test{stats::ConformalScores(stage.scores), {}};
        for (const auto& [label, scores] : stage.scores_by_label)
            test.own.emplace(label, stats::ConformalScores(scores));
        tests_.push_back(std::move(test));
        stages_.push_back({stage.stage, stage.method, stage.fitted_sha256, stage.network_sha256, stage.accept, {}, {}});
    }
    if (!calibration.least_shares) return;
    std::vector<double> unlikeliness;
    for (const double share : *calibration.least_shares) unlikeliness.push_back(-share);
    ranked_.emplace(std::move(unlikeliness));
}

double ChainCalibration::stage_share(Stage stage, double score, const std::string& predicted) const {
    const auto place = std::ranges::find(stages_, stage, &io::StageCalibration::stage) - stages_.begin();
    const Test& test = tests_.at(static_cast<std::size_t>(place));
    const auto own = test.own.find(predicted);
    const stats::ConformalScores& scores = own != test.own.end() ? own->second : test.others;
    return ranked_ ? scores.smooth_p_value(score) : scores.p_value(score);
}

double ChainCalibration::p_value(double least) const { return ranked_ ? ranked_->p_value(-least) : least; }

double ChainCalibration::least_p_value() const {
    if (ranked_) return ranked_->p_value(0);
    double least = 1;
    for (const Test& test : tests_) {
        const auto largest = [](const stats::ConformalScores& scores) { return scores.p_value(infinity); };
        least = std::min(least, largest(test.others));
        for (const auto& [label, scores] : test.own) least = std::min(least, largest(scores));
    }
    return least;
}

std::int64_t ChainCalibration::ranking_rows() const {
    if (ranked_) return std::ssize(ranked_->sorted());
    std::int64_t rows = 0;
    for (const Test& test : tests_) {
        rows += std::ssize(test.others.sorted());
        for (const auto& [label, scores] : test.own) rows += std::ssize(scores.sorted());
    }
    return rows;
}

std::int64_t ChainCalibration::rejected_by_classifier() const {
    return ranked_ ? std::ranges::count(ranked_->sorted(), 0.0) : 0;
}

std::optional<stats::Interval> ChainCalibration::rejection_range(double confidence) const {
    if (measured_rows_ == 0) return std::nullopt;
    const auto measured = stats::clopper_pearson(measured_rejected_, measured_rows_, confidence);
    if (!measured_in_folds_) return measured;
    const auto law = stats::conformal_rate_law(ranking_rows(), budget_, confidence);
    return stats::Interval{std::min(measured.lower, law.lower), std::max(measured.upper, law.upper)};
}

std::map<Stage, io::OperatingPoint> ChainCalibration::operating_points(double significance) const {
    const double just_above = std::nextafter(significance, 2); // p <= significance is p < that
    const auto threshold = [&](const stats::ConformalScores& scores, double below) {
        return ranked_ ? scores.smooth_threshold_below(below) : scores.threshold_below(below);
    };
    const double below = ranked_ ? -ranked_->threshold_below(just_above) : just_above;
    std::map<Stage, io::OperatingPoint> points;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        io::OperatingPoint point;
        point.stage = to_string(stages_[i].stage);
        point.method = stages_[i].method;
        point.fitted_sha256 = stages_[i].fitted_sha256;
        point.network_sha256 = stages_[i].network_sha256;
        point.accept = stages_[i].accept;
        point.threshold = threshold(tests_[i].others, below);
        for (const auto& [label, scores] : tests_[i].own) point.threshold_by_label[label] = threshold(scores, below);
        points[stages_[i].stage] = std::move(point);
    }
    return points;
}

std::string ChainRows::label(std::size_t row) const {
    return predicted[row] >= 0 ? label_names[static_cast<std::size_t>(predicted[row])] : std::string();
}

io::Calibration calibrate(const ChainRows& rows, std::span<const std::size_t> which, double budget, bool by_label,
                          std::uint64_t seed) {
    std::vector<std::size_t> order(which.begin(), which.end());
    const bool ranks = rows.stages.size() > 1 || rows.classifier_can_reject;
    if (ranks) Random(seed).shuffle(order);
    const std::size_t scoring = ranks ? order.size() / 2 : order.size();
    require_rows(order.size(), ranks ? order.size() - scoring : scoring, budget);

    io::Calibration calibration;
    calibration.budget = budget;
    const auto needed = static_cast<std::size_t>(stats::rows_for_conformal(budget));
    for (std::size_t stage = 0; stage < rows.stages.size(); ++stage) {
        const bool own = by_label && rows.stages[stage].stage == Stage::unknown;
        calibration.stages.push_back(stage_of(rows, stage, std::span(order).first(scoring),
                                              own ? needed : std::numeric_limits<std::size_t>::max()));
    }
    if (!ranks) return calibration;
    calibration.least_shares.emplace(); // the stages are to be asked as those of a chain that ranks
    const ChainCalibration of_stages(calibration);
    for (const std::size_t row : std::span(order).subspan(scoring))
        calibration.least_shares->push_back(least_share(of_stages, rows, row));
    require_room_beside_the_classifier(ChainCalibration(calibration), calibration);
    return calibration;
}

RejectedBy rejected_by(const ChainRows& rows, std::size_t row, const std::map<Stage, io::OperatingPoint>& points) {
    const auto above = [&](Stage stage) {
        const auto place = std::ranges::find(rows.stages, stage, &io::StageCalibration::stage);
        if (place == rows.stages.end()) return false;
        const double score = rows.scores[static_cast<std::size_t>(place - rows.stages.begin())][row];
        return score > points.at(stage).threshold_for(rows.label(row));
    };
    if (above(Stage::gate)) return RejectedBy::gate;
    if (above(Stage::species)) return RejectedBy::species;
    if (rows.classifier_rejects[row] != 0) return RejectedBy::classifier;
    return above(Stage::unknown) ? RejectedBy::unknown : RejectedBy::nothing;
}

} // namespace openset::cascade
