#include "sweep/grid.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/spelling.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/detect/training_data.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/fitted_file.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::sweep {
namespace {

constexpr std::size_t most_settings = 10'000;

struct Axis {
    std::string key;
    std::vector<std::string> values;
};

std::vector<std::string> keys_of(const detect::Method& method) {
    std::vector<std::string> keys;
    for (const detect::Parameter& parameter : method.parameters) keys.push_back(parameter.name);
    return keys;
}

Axis read_axis(const std::string& text, const detect::Method& method) {
    const auto sign = text.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == text.size())
        throw Error(ErrorKind::usage, "--grid " + text + ": expected KEY=VALUE,VALUE, such as tail-size=5,10,20");
    Axis axis{text.substr(0, sign), {}};
    const std::vector<std::string> keys = keys_of(method);
    if (std::ranges::find(keys, axis.key) == keys.end()) {
        std::string listed;
        for (const std::string& key : keys) listed += (listed.empty() ? "" : ", ") + key;
        throw Error(ErrorKind::usage, "--grid " + text + ": found the key " + axis.key + ", expected " +
                                          (keys.empty() ? "another method: " + method.name + " has no parameters"
                                                        : "one of " + method.name + "'s: " + listed) +
                                          did_you_mean(axis.key, keys));
    }
    std::string rest = text.substr(sign + 1);
    while (true) {
        const auto comma = rest.find(',');
        axis.values.push_back(rest.substr(0, comma));
        if (comma == std::string::npos) return axis;
        rest.erase(0, comma + 1);
    }
}

std::vector<Axis> read_axes(const GridRequest& request, const detect::Method& method) {
    std::vector<Axis> axes;
    std::set<std::string> keys;
    std::size_t settings = 1;
    for (const auto& [key, value] : request.fixed) keys.insert(key);
    for (const std::string& text : request.axes) {
        axes.push_back(read_axis(text, method));
        if (!keys.insert(axes.back().key).second)
            throw Error(ErrorKind::usage,
                        "--grid " + text +
                            ": the key is there twice, expected all its values in one --grid, and no --set of it");
        settings *= axes.back().values.size();
        if (settings > most_settings) {
            throw Error(ErrorKind::usage, "--grid " + text + ": more than " + std::to_string(most_settings) +
                                              " settings, expected fewer values");
        }
    }
    return axes;
}

detect::Parameters parameters_of(const GridRequest& request, const std::vector<Axis>& axes,
                                 const std::vector<std::string>& values) {
    detect::Parameters parameters = request.fixed;
    for (std::size_t i = 0; i < axes.size(); ++i) parameters.emplace_back(axes[i].key, values[i]);
    return parameters;
}

std::unique_ptr<detect::Detector> detector_of(const detect::Method& method, const detect::TrainingData& data,
                                              const detect::Parameters& parameters) {
    return method.fit != nullptr ? detect::fit_detector(method, data, parameters)
                                 : method.make(data.facts().classes, parameters);
}

/// What can be told of a setting without a row to fit on.
void check_setting(const detect::Method& method, const detect::Parameters& parameters) {
    if (method.make != nullptr) method.make(2, parameters);
    if (method.name.starts_with("openmax")) detect::openmax_params(method.name, parameters);
}

/// Every combination, the last axis running fastest.
std::vector<std::vector<std::string>> combinations(const std::vector<Axis>& axes) {
    std::vector<std::vector<std::string>> all = {{}};
    for (const Axis& axis : axes) {
        std::vector<std::vector<std::string>> longer;
        for (const auto& values : all) {
            for (const std::string& value : axis.values) {
                longer.push_back(values);
                longer.back().push_back(value);
            }
        }
        all = std::move(longer);
    }
    return all;
}

std::vector<double> scores_of(const detect::Detector& detector, const io::ActivationStore& store) {
    std::vector<double> scores(static_cast<std::size_t>(store.rows()));
    store.for_each_block([&](std::int64_t first, const io::Activations& block) {
        detector.score(
            block, std::span(scores).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(block.rows)));
    });
    return scores;
}

/// Whether each row's largest logit is that of its label.
std::vector<std::uint8_t> rightly_named(const io::ActivationStore& store) {
    std::vector<std::uint8_t> right;
    const auto labels = store.labels();
    store.for_each_block([&](std::int64_t first, const io::Activations& block) {
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const auto logits = block.logits.row(row);
            const std::int64_t predicted = std::ranges::max_element(logits) - logits.begin();
            right.push_back(predicted == labels[static_cast<std::size_t>(first + row)] ? 1 : 0);
        }
    });
    return right;
}

stats::ScoreCounts counts_of(const std::vector<double>& known, const std::vector<double>& unknown) {
    stats::ScoreCounts counts;
    stats::count_scores(stats::RankedRows({0, known, {}, {}, {}, unknown, {}}), {}, counts);
    return counts;
}

std::optional<double> failure_auroc(const std::vector<double>& known, const std::vector<std::uint8_t>& right) {
    std::vector<double> rightly, wrongly;
    for (std::size_t row = 0; row < known.size(); ++row) (right[row] != 0 ? rightly : wrongly).push_back(known[row]);
    return stats::auroc(counts_of(rightly, wrongly));
}

/// The same care that openset score takes of a fitted file.
void refuse_another_network(const io::ActivationStore& train, const io::ActivationStore& other) {
    const io::StoreMeta& meta = train.meta();
    io::FittedFile of_train;
    of_train.model_name = meta.model_name;
    of_train.model_sha256 = meta.model_sha256;
    of_train.labels = meta.labels;
    of_train.activation = meta.activation;
    of_train.preprocess_json = meta.preprocess_json;
    of_train.precision = meta.precision;
    of_train.fast_decode = meta.fast_decode;
    std::string problems;
    for (const std::string& mismatch : io::mismatches(of_train, other.meta()))
        problems += (problems.empty() ? "" : "\n") + other.folder().string() + ": --store " + train.folder().string() +
                    " " + mismatch + "; expected stores of one network, extracted in the same way";
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
}

void check_known(const io::ActivationStore& train, const io::ActivationStore& known) {
    const auto unlabelled = std::ranges::count_if(known.labels(), [](std::int64_t label) { return label < 0; });
    if (unlabelled > 0) {
        throw Error(ErrorKind::usage, "--known " + known.folder().string() + ": " + std::to_string(unlabelled) +
                                          " rows have no label that the network knows, expected held-out known rows");
    }
    if (known.identity() == train.identity()) {
        log_warning("--known " + known.folder().string() +
                    ": holds the rows of --store: every fit knows them; give held-out ones");
    }
}

using Figure = std::optional<double> GridPoint::*;

std::optional<std::size_t> best_by(const std::vector<GridPoint>& points, Figure figure) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < points.size(); ++i)
        if (points[i].*figure && (!best || *(points[i].*figure) > *(points[*best].*figure))) best = i;
    return best;
}

std::string number(const std::optional<double>& value) { return value ? io::shortest(*value) : ""; }

} // namespace

Grid run_grid(const GridRequest& request) {
    const detect::Method& method = detect::method_named(request.method);
    const std::vector<Axis> axes = read_axes(request, method);
    const auto settings = combinations(axes);
    for (const auto& values : settings) check_setting(method, parameters_of(request, axes, values));

    const io::ActivationStore train(request.store), known(request.known);
    std::vector<io::ActivationStore> unknown;
    for (const std::string& folder : request.unknown) unknown.emplace_back(folder);
    refuse_another_network(train, known);
    for (const io::ActivationStore& store : unknown) refuse_another_network(train, store);
    check_known(train, known);
    known.check_finite();
    for (const io::ActivationStore& store : unknown) store.check_finite();
    const std::vector<std::uint8_t> right = rightly_named(known);

    Grid grid;
    for (const Axis& axis : axes) grid.keys.push_back(axis.key);
    grid.known_rows = known.rows();
    grid.failures = std::ranges::count(right, 0);
    for (const io::ActivationStore& store : unknown) grid.unknown_rows += store.rows();
    const detect::TrainingRows rows = detect::training_rows(train);
    const detect::TrainingData data(rows); // what settings have in common is computed once
    for (const auto& values : settings) {
        const auto fitted = detector_of(method, data, parameters_of(request, axes, values));
        const detect::Detector& detector = *fitted;
        detect::require_needs(detector, known.block(0, 0), known.folder().string());
        const std::vector<double> known_scores = scores_of(detector, known);
        std::vector<double> unknown_scores;
        for (const io::ActivationStore& store : unknown) {
            detect::require_needs(detector, store.block(0, 0), store.folder().string());
            const std::vector<double> scores = scores_of(detector, store);
            unknown_scores.insert(unknown_scores.end(), scores.begin(), scores.end());
        }
        const stats::ScoreCounts counts = counts_of(known_scores, unknown_scores);
        const auto fpr = stats::fpr_at_95_tpr_known(counts);
        grid.points.push_back({values, failure_auroc(known_scores, right), stats::auroc(counts),
                               fpr ? std::optional(fpr->rate) : std::nullopt});
    }
    grid.best_by_known = best_by(grid.points, &GridPoint::known_failure_auroc);
    grid.best_in_hindsight = best_by(grid.points, &GridPoint::auroc);
    return grid;
}

bool begins_like_grid(std::string_view head) {
    const std::string_view first = head.substr(0, head.find(','));
    return std::ranges::any_of(detect::methods(), [first](const detect::Method& method) {
        const std::vector<std::string> keys = keys_of(method);
        return std::ranges::find(keys, first) != keys.end();
    });
}

void write_grid(const Grid& grid, ByteSink& sink) {
    std::string line;
    for (const std::string& key : grid.keys) line += key + ",";
    sink.write(line + "known_failure_auroc,auroc,fpr_at_95_tpr_known,best\r\n");
    for (std::size_t i = 0; i < grid.points.size(); ++i) {
        const GridPoint& point = grid.points[i];
        line.clear();
        for (const std::string& value : point.values) line += io::csv_field(value) + ",";
        line += number(point.known_failure_auroc) + "," + number(point.auroc) + "," +
                number(point.fpr_at_95_tpr_known) + ",";
        const bool by_known = grid.best_by_known == i, in_hindsight = grid.best_in_hindsight == i;
        line += by_known ? "known" : "";
        line += by_known && in_hindsight ? ";" : "";
        line += in_hindsight ? "hindsight" : "";
        sink.write(line + "\r\n");
    }
}

} // namespace openset::sweep
