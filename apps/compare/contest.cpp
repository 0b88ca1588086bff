#include "compare/contest.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "openset/stats/paired_auroc.hpp"

namespace openset::compare {
namespace {

std::size_t metric_called(std::string_view name) {
    const auto all = eval::metrics();
    return static_cast<std::size_t>(
        std::ranges::find(all, name, [](const eval::MetricInfo& info) { return std::string_view(info.name); }) -
        all.begin());
}

std::vector<std::size_t> all_sets(const scores::Inputs& inputs) {
    std::vector<std::size_t> sets(inputs.unknown.size());
    std::iota(sets.begin(), sets.end(), std::size_t{0});
    return sets;
}

/// The rows brought into an order that follows from their scores alone: which row is drawn then does not depend on the order
/// of a file.
std::vector<std::vector<double>> in_order(const io::ScoreTable& table) {
    std::vector<std::size_t> order(static_cast<std::size_t>(table.rows));
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        for (const auto& column : table.scores)
            if (column[a] != column[b]) return column[a] < column[b];
        return false;
    });
    std::vector<std::vector<double>> ordered(table.scores.size());
    for (std::size_t column = 0; column < ordered.size(); ++column)
        for (const std::size_t row : order) ordered[column].push_back(table.scores[column][row]);
    return ordered;
}

/// The mean AUROC over all sets of every column in every resample: [columns][resamples].
std::vector<std::vector<double>> resampled_means(const scores::Inputs& inputs, const eval::Bootstrap& bootstrap) {
    const std::size_t columns = inputs.methods().size(), resamples = static_cast<std::size_t>(bootstrap.resamples);
    std::vector<std::vector<double>> means(columns, std::vector<double>(resamples));
    const auto known = in_order(inputs.known.table);
    for (const scores::Side& side : inputs.unknown) {
        const auto unknown = in_order(side.table);
        const std::vector<std::span<const double>> of_known(known.begin(), known.end());
        const std::vector<std::span<const double>> of_unknown(unknown.begin(), unknown.end());
        const auto drawn = stats::resampled_aurocs(of_known, of_unknown, bootstrap.resamples, bootstrap.seed);
        for (std::size_t c = 0; c < columns; ++c)
            for (std::size_t i = 0; i < resamples; ++i)
                means[c][i] += drawn[c][i] / static_cast<double>(inputs.unknown.size());
    }
    return means;
}

std::optional<std::size_t> best_of(const Comparison& comparison, const std::vector<std::size_t>& sets) {
    const std::size_t auroc = metric_called("auroc");
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < comparison.contestants.size(); ++i) {
        const auto mean = mean_of(comparison.contestants[i], auroc, sets);
        if (mean && (!best || *mean > *mean_of(comparison.contestants[*best], auroc, sets))) best = i;
    }
    return best;
}

void hold_against_best(const scores::Inputs& inputs, const eval::Bootstrap& bootstrap, Comparison& comparison) {
    if (!comparison.best || bootstrap.resamples == 0) return;
    const auto means = resampled_means(inputs, bootstrap);
    for (std::size_t c = 0; c < means.size(); ++c) {
        if (c == *comparison.best) continue;
        std::vector<double> behind;
        for (std::size_t i = 0; i < means[c].size(); ++i) behind.push_back(means[*comparison.best][i] - means[c][i]);
        comparison.contestants[c].auroc_behind_best = stats::percentile_interval(std::move(behind));
    }
}

} // namespace

bool larger_is_better(const eval::MetricInfo& metric) {
    const std::string_view name = metric.name;
    return !name.starts_with("fpr_") && !name.starts_with("aurc") && name != "ece";
}

std::optional<double> mean_of(const Contestant& contestant, std::size_t metric, const std::vector<std::size_t>& sets) {
    double sum = 0;
    for (const std::size_t set : sets) {
        const auto& value = contestant.by_set[set].values[metric];
        if (!value) return std::nullopt;
        sum += *value;
    }
    return sets.empty() ? std::nullopt : std::optional(sum / static_cast<double>(sets.size()));
}

Comparison compare(const scores::Inputs& inputs, std::vector<Group> groups, const std::string& fusion,
                   const eval::Bootstrap& bootstrap) {
    Comparison comparison;
    comparison.known_rows = inputs.known.table.rows;
    for (const scores::Side& side : inputs.unknown) {
        comparison.sets.push_back(side.file.name);
        comparison.unknown_rows.push_back(side.table.rows);
    }
    comparison.groups = std::move(groups);
    const auto all = all_sets(inputs);
    if (all.size() > 1) comparison.groups.push_back({"all", all});
    for (std::size_t column = 0; column < inputs.methods().size(); ++column) {
        Contestant contestant{inputs.methods()[column], {}};
        contestant.is_fusion = contestant.name == fusion;
        for (const std::size_t set : all) {
            const scores::Contest contest(inputs, column, {set});
            contestant.by_set.push_back(
                eval::measure(stats::RankedRows(contest.rows()), std::nullopt, std::nullopt, bootstrap));
        }
        comparison.contestants.push_back(std::move(contestant));
    }
    comparison.best = best_of(comparison, all);
    hold_against_best(inputs, bootstrap, comparison);
    return comparison;
}

} // namespace openset::compare
