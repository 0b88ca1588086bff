#include <algorithm>
#include <cmath>

#include "detect/openmax_diagnostics.hpp"
#include "detect/openmax_state.hpp"
#include "detect/tail_collector.hpp"
#include "io/checked_json.hpp"
#include "openset/base/error.hpp"

namespace openset::detect {
namespace {

std::int64_t predicted_class(std::span<const float> logits) {
    return std::ranges::max_element(logits) - logits.begin();
}

/// A row on its way through a pass.
struct TrainingRow {
    std::int64_t number = 0; ///< in the store
    std::int64_t label = 0;
    std::int64_t predicted = 0;
    bool counts = false; ///< its class is fitted on it
    std::span<const float> logits;
    std::span<const double> values; ///< in the space of the distances

    std::size_t class_index() const { return static_cast<std::size_t>(label); }
};

/// Walks through the rows, once a pass.
class Passes {
public:
    Passes(const TrainingRows& rows, const DistanceSpace& space, FitRows fit_rows)
        : rows_(rows), space_(space), fit_rows_(fit_rows) {}

    template <class Receive>
    void for_each_row(const Receive& receive) const {
        std::vector<double> values(static_cast<std::size_t>(space_.columns()));
        rows_.for_each_block([&](std::int64_t first, const io::Activations& block) {
            for (std::int64_t i = 0; i < block.rows; ++i) {
                TrainingRow row;
                row.number = first + i;
                row.label = rows_.labels[static_cast<std::size_t>(row.number)];
                row.logits = block.logits.row(i);
                row.predicted = predicted_class(row.logits);
                row.counts = row.label >= 0 && (fit_rows_ == FitRows::all || row.predicted == row.label);
                space_.gather(block, i, values);
                row.values = values;
                receive(row);
            }
        });
    }

private:
    const TrainingRows& rows_;
    const DistanceSpace& space_;
    FitRows fit_rows_;
};

void expect_sound(const TrainingRow& row, const TrainingRows& rows) {
    const auto finite = [](double value) { return std::isfinite(value); };
    if (!std::ranges::all_of(row.logits, finite) || !std::ranges::all_of(row.values, finite)) {
        throw Error(ErrorKind::corrupt, rows.name + ": row " + std::to_string(row.number) +
                                            " has a NaN or an infinity, expected finite numbers; take the picture out "
                                            "or extract the store again");
    }
    if (row.label >= rows.classes) {
        throw Error(ErrorKind::corrupt, rows.name + ": row " + std::to_string(row.number) + " has label " +
                                            std::to_string(row.label) + ", expected -1 to " +
                                            std::to_string(rows.classes - 1));
    }
}

/// The first pass: means, and what can be counted on the way.
void compute_means(const Passes& passes, const TrainingRows& rows, OpenMaxState& state, OpenMaxObservations& seen) {
    const auto columns = static_cast<std::size_t>(state.space.columns());
    state.means.assign(state.classes.size() * columns, 0);
    passes.for_each_row([&](const TrainingRow& row) {
        expect_sound(row, rows);
        seen.without_positive_logit += *std::ranges::max_element(row.logits) < 0 ? 1 : 0;
        ++(row.label < 0 ? seen.unlabelled : seen.labelled);
        if (row.label < 0) return;
        ++seen.rows_of_class[row.class_index()];
        seen.correct[row.class_index()] += row.predicted == row.label ? 1 : 0;
        if (!row.counts) return;
        ++state.classes[row.class_index()].rows;
        for (std::size_t i = 0; i < columns; ++i) state.means[row.class_index() * columns + i] += row.values[i];
    });
    for (std::size_t c = 0; c < state.classes.size(); ++c) {
        const auto count = static_cast<double>(std::max<std::int64_t>(state.classes[c].rows, 1));
        for (std::size_t i = 0; i < columns; ++i) state.means[c * columns + i] /= count;
    }
}

void expect_rows(const TrainingRows& rows, const OpenMaxObservations& seen, const OpenMaxState& state) {
    if (seen.labelled == 0) {
        throw Error(ErrorKind::usage, rows.name + ": no row has a label, expected pictures of the network's classes; "
                                                  "extract from folders that are named as the labels");
    }
    if (std::ranges::none_of(state.classes, [](const OpenMaxClass& one) { return one.rows > 0; })) {
        throw Error(ErrorKind::usage,
                    rows.name + ": none of " + std::to_string(seen.labelled) +
                        " labelled rows is classified correctly, expected some; look whether the labels are the "
                        "network's, or fit on them with --fit-rows all");
    }
}

/// The second pass: each class's tail.
std::vector<std::vector<double>> collect_tails(const Passes& passes, const OpenMaxState& state,
                                               OpenMaxObservations& seen) {
    std::vector<TailCollector> collectors(state.classes.size(),
                                          TailCollector(state.params.tail_rows, state.params.tail_size));
    const auto first_of_block = static_cast<std::size_t>(state.space.first_of_block());
    passes.for_each_row([&](const TrainingRow& row) {
        if (!row.counts) return;
        const std::span<const double> mean = state.mean(row.class_index());
        collectors[row.class_index()].add(distance(state.params.distance, row.values, mean));
        if (!state.space.has_block_behind_logits()) return;
        seen.squared_distance += distance(Distance::squared_euclidean, row.values, mean);
        seen.squared_distance_of_block +=
            distance(Distance::squared_euclidean, row.values.subspan(first_of_block), mean.subspan(first_of_block));
    });
    std::vector<std::vector<double>> tails;
    for (TailCollector& collector : collectors) tails.push_back(collector.take());
    return tails;
}

void fit_tails(const std::vector<std::vector<double>>& tails, OpenMaxState& state, OpenMaxObservations& seen) {
    for (std::size_t c = 0; c < tails.size(); ++c) {
        state.classes[c].tail = fit_tail(state.params, tails[c]);
        seen.unit_sensitivity[c] = unit_sensitivity(state.params, tails[c], state.classes[c]);
    }
}

void expect_fits(const TrainingRows& rows, const OpenMaxState& state) {
    if (state.params.without_fit != WithoutFit::error) return;
    const auto found = std::ranges::find_if(state.classes, [](const OpenMaxClass& one) { return !one.has_fit(); });
    if (found == state.classes.end()) return;
    throw Error(ErrorKind::usage, rows.name + ": class " + io::in_quotes(found->label) + " has " +
                                      std::to_string(found->rows) + " rows to fit on and no fit (" +
                                      std::string(stats::to_string(found->summary().status)) +
                                      "), expected one for each class under --without-fit error");
}

/// The third pass: how the fit looks from the rows it was made of, and from those without a class.
void observe_w(const Passes& passes, const OpenMaxState& state, OpenMaxObservations& seen) {
    passes.for_each_row([&](const TrainingRow& row) {
        if (!row.counts && row.label >= 0) return;
        const auto predicted = static_cast<std::size_t>(row.predicted);
        const double to_mean = distance(state.params.distance, row.values, state.mean(predicted));
        const double w = w_score(state.classes[predicted], state.params.without_fit, to_mean).w;
        (row.label < 0 ? seen.unknown : seen.fitted[row.class_index()]).add(w);
    });
}

std::vector<OpenMaxClass> named_classes(const TrainingRows& rows) {
    std::vector<OpenMaxClass> classes(static_cast<std::size_t>(rows.classes));
    for (std::size_t i = 0; i < classes.size(); ++i) {
        classes[i].label = i < rows.meta.labels.size() ? rows.meta.labels[i] : std::to_string(i);
    }
    return classes;
}

} // namespace

OpenMax OpenMax::fit(const TrainingRows& rows, const OpenMaxParams& params) {
    auto state = std::make_shared<OpenMaxState>(OpenMaxState{.params = params,
                                                             .space = DistanceSpace(params.space, rows),
                                                             .classes = named_classes(rows),
                                                             .means = {},
                                                             .origin = rows.meta,
                                                             .fitted_on = {},
                                                             .warnings = {},
                                                             .diagnostics_json = {}});
    const std::size_t classes = state->classes.size();
    OpenMaxObservations seen{.rows_of_class = std::vector<std::int64_t>(classes),
                             .correct = std::vector<std::int64_t>(classes),
                             .fitted = std::vector<PredictedW>(classes),
                             .unknown = {},
                             .unit_sensitivity = std::vector<double>(classes)};
    const Passes passes(rows, state->space, params.fit_rows);
    compute_means(passes, rows, *state, seen);
    expect_rows(rows, seen, *state);
    fit_tails(collect_tails(passes, *state, seen), *state, seen);
    expect_fits(rows, *state);
    observe_w(passes, *state, seen);
    state->warnings = warnings_of(*state, seen);
    state->diagnostics_json = diagnostics_json(*state, seen);
    return OpenMax(std::move(state));
}

} // namespace openset::detect
