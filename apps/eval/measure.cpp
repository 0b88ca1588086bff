#include "eval/measure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <string_view>
#include <thread>

namespace openset::eval {
namespace {

using Values = std::vector<std::optional<double>>;

/// Everything that the metrics of one sample are made of.
struct Sample {
    const stats::RankedRows& rows;
    const stats::Rejected* rejected; ///< null: no threshold, or no predictions
    stats::RowWeights weights;
    stats::ScoreCounts scores{};
    stats::ClassCounts classes{};
    std::optional<double> openness{};

    void count() {
        stats::count_scores(rows, weights, scores);
        if (rejected != nullptr && tells_classes()) stats::count_classes(rows, *rejected, weights, classes);
    }

    bool tells_classes() const {
        return rows.known.rows() > 0 && rows.named() && (rows.unknown.rows() == 0 || !rows.unknown.predicted.empty());
    }
    const stats::ClassCounts* table() const { return rejected != nullptr && tells_classes() ? &classes : nullptr; }
};

std::optional<double> rate(const std::optional<stats::RateAt>& found) {
    return found ? std::optional(found->rate) : std::nullopt;
}

/// Rows of a side with this flag, of all of them.
std::optional<double> share(const std::vector<std::uint8_t>& flags, std::uint8_t wanted,
                            std::span<const std::uint32_t> weights) {
    std::int64_t found = 0, rows = 0;
    for (std::size_t row = 0; row < flags.size(); ++row) {
        const std::int64_t times = weights.empty() ? 1 : weights[row];
        rows += times;
        if (flags[row] == wanted) found += times;
    }
    return rows > 0 ? std::optional(static_cast<double>(found) / static_cast<double>(rows)) : std::nullopt;
}

std::optional<double> known_acceptance(const Sample& sample) {
    return sample.rejected ? share(sample.rejected->known, 0, sample.weights.known) : std::nullopt;
}

std::optional<double> unknown_rejection(const Sample& sample) {
    return sample.rejected ? share(sample.rejected->unknown, 1, sample.weights.unknown) : std::nullopt;
}

std::optional<double> unknown_f1(const Sample& sample) {
    const auto* table = sample.table();
    return table ? stats::figures_of_class(*table, table->truth.size() - 1).f1 : std::nullopt;
}

struct Metric {
    MetricInfo info;
    std::optional<double> (*value)(const Sample&);
};

constexpr std::array all_metrics = {
    Metric{{"accuracy", "closed set: known rows rightly named, nothing rejected", Whole::known},
           [](const Sample& s) { return stats::closed_set_accuracy(s.scores); }},
    Metric{{"auroc", "an unknown row scores above a known one, ties half", Whole::none},
           [](const Sample& s) { return stats::auroc(s.scores); }},
    Metric{{"aupr_in", "average precision, positive: known", Whole::none},
           [](const Sample& s) { return stats::aupr_in(s.scores); }},
    Metric{{"aupr_out", "average precision, positive: unknown", Whole::none},
           [](const Sample& s) { return stats::aupr_out(s.scores); }},
    Metric{{"aupr_in_trapezoid", "the same by the trapezoid rule, positive: known", Whole::none},
           [](const Sample& s) { return stats::aupr_in_trapezoid(s.scores); }},
    Metric{{"aupr_out_trapezoid", "the same by the trapezoid rule, positive: unknown", Whole::none},
           [](const Sample& s) { return stats::aupr_out_trapezoid(s.scores); }},
    Metric{{"fpr_at_95_tpr_known", "positive: known; unknown rows accepted where 95 % of known are", Whole::none},
           [](const Sample& s) { return rate(stats::fpr_at_95_tpr_known(s.scores)); }},
    Metric{{"fpr_at_95_tpr_unknown", "positive: unknown; known rows rejected where 95 % of unknown are", Whole::none},
           [](const Sample& s) { return rate(stats::fpr_at_95_tpr_unknown(s.scores)); }},
    Metric{{"oscr", "rightly named and accepted, over unknown accepted: area", Whole::none},
           [](const Sample& s) { return stats::oscr(s.scores); }},
    Metric{{"youden", "largest unknown rejection minus known rejection", Whole::none},
           [](const Sample& s) { return rate(stats::youden(s.scores)); }},
    Metric{{"known_acceptance", "at the threshold: known rows accepted", Whole::known, true}, known_acceptance},
    Metric{{"unknown_rejection", "at the threshold: unknown rows rejected", Whole::unknown, true}, unknown_rejection},
    Metric{{"open_set_accuracy", "at the threshold: rows rightly named or rightly rejected", Whole::all, true},
           [](const Sample& s) { return s.table() ? stats::accuracy(*s.table()) : std::nullopt; }},
    Metric{{"open_set_f1", "at the threshold: macro-F1, unknown is a class", Whole::none, true},
           [](const Sample& s) { return s.table() ? stats::macro_average(*s.table()).f1 : std::nullopt; }},
    Metric{{"unknown_f1", "at the threshold: F1 of unknown", Whole::none, true}, unknown_f1},
    Metric{{"balanced_accuracy", "at the threshold: mean recall, unknown is a class", Whole::none, true},
           [](const Sample& s) { return s.table() ? stats::balanced_accuracy(*s.table()) : std::nullopt; }},
    Metric{{"openness", "share of classes that training did not see (Scheirer 2013)", Whole::none},
           [](const Sample& s) { return s.openness; }},
    Metric{{"ece", "calibration error of the confidence, known rows, 15 bins", Whole::none},
           [](const Sample& s) { return stats::expected_calibration_error(s.rows.known, s.weights.known); }},
    Metric{{"aurc", "risk over coverage, known rows: area", Whole::none},
           [](const Sample& s) { return stats::aurc_known(s.scores); }},
    Metric{{"aurc_open", "the same over all rows, an unknown one is an error", Whole::none},
           [](const Sample& s) { return stats::aurc_open(s.scores); }}};

Values values_of(const Sample& sample) {
    Values values;
    for (const Metric& metric : all_metrics) values.push_back(metric.value(sample));
    return values;
}

std::optional<stats::Interval> exact_interval(const MetricInfo& info, const std::optional<double>& value,
                                              const stats::RankedRows& rows) {
    if (!value) return std::nullopt;
    const auto known = static_cast<std::int64_t>(rows.known.rows());
    const auto unknown = static_cast<std::int64_t>(rows.unknown.rows());
    const std::int64_t whole = info.whole == Whole::known     ? known
                               : info.whole == Whole::unknown ? unknown
                               : info.whole == Whole::all     ? known + unknown
                                                              : 0;
    if (whole == 0) return std::nullopt;
    return stats::clopper_pearson(std::llround(*value * static_cast<double>(whole)), whole);
}

/// Every metric of some resamples: those with the numbers first, first + step, ...
std::vector<std::vector<double>> resampled(Sample sample, const Bootstrap& bootstrap, std::int64_t first,
                                           std::int64_t step) {
    std::vector<std::vector<double>> drawn(all_metrics.size());
    std::vector<std::uint32_t> known(sample.rows.known.rows()), unknown(sample.rows.unknown.rows());
    sample.weights = {known, unknown};
    for (std::int64_t i = first; i < bootstrap.resamples; i += step) {
        stats::Resampler resampler(bootstrap.seed, static_cast<std::uint32_t>(i));
        resampler.draw(known);
        resampler.draw(unknown);
        sample.count();
        const Values values = values_of(sample);
        for (std::size_t m = 0; m < values.size(); ++m)
            if (values[m]) drawn[m].push_back(*values[m]);
    }
    return drawn;
}

/// On all processors, but no more than eight: each holds counts of its own. The threads' shares do not show, for a
/// resample follows from its number and intervals from the values in their order.
std::vector<std::vector<double>> all_resampled(const Sample& sample, const Bootstrap& bootstrap) {
    const std::int64_t threads = std::clamp<std::int64_t>(std::thread::hardware_concurrency(), 1, 8);
    std::vector<std::future<std::vector<std::vector<double>>>> parts;
    for (std::int64_t i = 0; i < std::min(threads, bootstrap.resamples); ++i)
        parts.push_back(std::async(std::launch::async, resampled, sample, bootstrap, i, threads));
    std::vector<std::vector<double>> drawn(all_metrics.size());
    for (auto& part : parts) {
        const auto values = part.get();
        for (std::size_t m = 0; m < drawn.size(); ++m)
            drawn[m].insert(drawn[m].end(), values[m].begin(), values[m].end());
    }
    return drawn;
}

std::vector<std::optional<stats::Interval>> bootstrap_intervals(const Sample& sample, const Bootstrap& bootstrap) {
    auto drawn = all_resampled(sample, bootstrap);
    std::vector<std::optional<stats::Interval>> intervals;
    for (std::size_t m = 0; m < drawn.size(); ++m) {
        // How classes were counted does not vary with the rows that are drawn.
        const bool varies = std::string_view(all_metrics[m].info.name) != "openness";
        intervals.push_back(varies ? stats::percentile_interval(std::move(drawn[m])) : std::nullopt);
    }
    return intervals;
}

constexpr auto all_infos = [] {
    std::array<MetricInfo, all_metrics.size()> infos{};
    for (std::size_t i = 0; i < infos.size(); ++i) infos[i] = all_metrics[i].info;
    return infos;
}();

} // namespace

std::span<const MetricInfo> metrics() { return all_infos; }

Measured measure(const stats::RankedRows& rows, const std::optional<stats::Rejected>& rejected,
                 std::optional<double> openness, const Bootstrap& bootstrap) {
    Sample sample{rows, rejected ? &*rejected : nullptr, {}};
    sample.openness = openness;
    sample.count();
    Measured measured{values_of(sample), {}};
    if (bootstrap.resamples > 0) {
        measured.intervals = bootstrap_intervals(sample, bootstrap);
    } else {
        for (std::size_t m = 0; m < all_metrics.size(); ++m)
            measured.intervals.push_back(exact_interval(all_metrics[m].info, measured.values[m], rows));
    }
    return measured;
}

} // namespace openset::eval
