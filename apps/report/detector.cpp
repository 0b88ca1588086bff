#include "report/detector.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <variant>

#include "inspect/diagnostics.hpp"
#include "openset/base/error.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/fitted_file.hpp"
#include "openset/io/number_text.hpp"
#include "report/method.hpp"
#include "sweep/grid.hpp"

namespace openset::report {
namespace {

using charts::Chart;
using charts::Series;
using charts::Style;
using detect::OpenMax;
using detect::OpenMaxClass;

constexpr std::size_t most_classes = 12;     ///< with charts of their own
constexpr std::size_t most_in_quantiles = 8; ///< more would hide each other
constexpr std::size_t most_in_matrix = 30;

double w_of(const OpenMaxClass& one, double distance) {
    return std::visit([&](const auto& fit) { return fit.w(distance); }, one.tail);
}

std::string distance_name(const OpenMax& openmax) {
    return detect::option_text(openmax.params(), "distance") + " distance to the class mean";
}

/// The largest gap between a class's tail and its law, as the fit measured it; none where it does not say.
std::optional<double> ks_of(const inspect::Diagnostics& diagnostics, std::size_t index) {
    const auto told = diagnostics.of_class(index);
    const auto ks = told.find("ks");
    return ks != told.end() && ks->is_number() ? std::optional(ks->get<double>()) : std::nullopt;
}

Table class_table(const OpenMax& openmax, const inspect::Diagnostics& diagnostics) {
    Table table{
        "tails",
        "What was learned of each class",
        "Each class has a mean and a law of how far its outermost pictures lie from it. KS: the largest gap between "
        "the tail and its law.",
        {"class", "pictures", "in the tail", "nearest of the tail", "furthest", "KS"},
        {},
        "class,rows,tail,nearest,furthest,ks,status\r\n"};
    for (std::size_t i = 0; i < openmax.classes().size(); ++i) {
        const OpenMaxClass& one = openmax.classes()[i];
        const stats::TailSummary& tail = one.summary();
        const std::optional<double> ks = ks_of(diagnostics, i);
        const std::string status(to_string(tail.status));
        table.csv +=
            io::csv_field(one.label) + "," + std::to_string(one.rows) + "," + std::to_string(tail.n_used) + "," +
            (tail.has_tail() ? io::shortest(tail.smallest_tail) + "," + io::shortest(tail.largest_tail) : ",") + "," +
            (ks ? io::shortest(*ks) : "") + "," + status + "\r\n";
        if (table.rows.size() == 40) continue;
        table.rows.push_back({one.label, grouped(one.rows), grouped(tail.n_used),
                              tail.has_tail() ? charts::formatted("%.4g", tail.smallest_tail) : "",
                              tail.has_tail() ? charts::formatted("%.4g", tail.largest_tail) : "",
                              !tail.ok() ? "no fit: " + status
                              : ks       ? charts::formatted("%.3f", *ks)
                                         : ""});
    }
    if (openmax.classes().size() > table.rows.size())
        table.caption += " The first 40 of " + std::to_string(openmax.classes().size()) + "; the CSV has all.";
    return table;
}

/// The classes that have a mean, no more than a matrix shows.
std::vector<std::size_t> with_means(const OpenMax& openmax) {
    std::vector<std::size_t> classes;
    for (std::size_t i = 0; i < openmax.classes().size() && classes.size() < most_in_matrix; ++i)
        if (!openmax.mean(static_cast<std::int64_t>(i)).empty()) classes.push_back(i);
    return classes;
}

/// The mean activations where the space is the logits; else how far the means lie from each other.
Figure means_figure(const OpenMax& openmax, const std::vector<std::size_t>& classes) {
    const bool logits = openmax.params().space == "logits";
    charts::HeatMap map{logits ? "Mean activations" : "How far the class means are from each other",
                        "class",
                        logits ? "logit" : "class",
                        {},
                        {},
                        {},
                        false,
                        "%.1f"};
    for (const std::size_t i : classes) {
        map.rows.push_back(openmax.classes()[i].label);
        map.columns.push_back(openmax.classes()[i].label);
        const auto mean = openmax.mean(static_cast<std::int64_t>(i));
        for (const std::size_t j : classes) {
            if (logits) {
                map.values.push_back(mean[j]);
                continue;
            }
            const auto other = openmax.mean(static_cast<std::int64_t>(j));
            double sum = 0;
            for (std::size_t d = 0; d < mean.size(); ++d) sum += (mean[d] - other[d]) * (mean[d] - other[d]);
            map.values.push_back(std::sqrt(sum));
        }
    }
    return {
        "means",
        map.title,
        logits
            ? "The mean logits of each class's training pictures: a line a class. Warm cells are negative."
            : "Euclidean distances between the means of the classes, in the features: near ones are easily taken for "
              "each other.",
        draw(map),
        csv_of(map),
        true};
}

/// [classes] distances of the training rows that the fit counts, to their class's mean.
std::vector<std::vector<double>> training_distances(const OpenMax& openmax, const io::ActivationStore& store) {
    std::vector<std::vector<double>> distances(openmax.classes().size());
    const bool correct_only = openmax.params().fit_rows == detect::FitRows::correct;
    store.for_each_block([&](std::int64_t first, const io::Activations& block) {
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const std::int64_t label = store.labels()[static_cast<std::size_t>(first + row)];
            if (label < 0) continue;
            const auto logits = block.logits.row(row);
            if (correct_only && std::ranges::max_element(logits) - logits.begin() != label) continue;
            const auto to = openmax.revise(block, row).distances[static_cast<std::size_t>(label)];
            if (to) distances[static_cast<std::size_t>(label)].push_back(*to);
        }
    });
    for (auto& of_class : distances) std::ranges::sort(of_class);
    return distances;
}

/// All distances as a histogram, and the law of the tail over them, which says 0 where the tail begins.
Figure law_figure(const OpenMax& openmax, std::size_t index, const std::vector<double>& distances) {
    const OpenMaxClass& one = openmax.classes()[index];
    Chart chart{one.label, {distance_name(openmax), charts::range_around(distances)}, {"share", {0, 1}, true}, {}};
    Series all = charts::histogram("training pictures (tallest bar: 100 %)", distances, chart.x.range, 24, 0);
    const double tallest = *std::ranges::max_element(all.y);
    for (double& share : all.y) share /= tallest > 0 ? tallest : 1;
    Series law{"W-score: the fitted law", Style::line, {}, {}, 1}, seen{"the tail itself", Style::step, {}, {}, 2};
    for (int i = 0; i <= 200; ++i) {
        law.x.push_back(chart.x.range.at(i / 200.0));
        law.y.push_back(w_of(one, law.x.back()));
    }
    const auto tail = static_cast<std::ptrdiff_t>(std::min<std::int64_t>(one.summary().n_used, std::ssize(distances)));
    for (std::ptrdiff_t i = 0; i < tail; ++i) {
        seen.x.push_back(*(distances.end() - tail + i));
        seen.y.push_back(static_cast<double>(i + 1) / static_cast<double>(tail));
    }
    chart.series = {all, law, seen};
    return {"law-" + std::to_string(index), one.label,
            "The law is fitted on the furthest " + std::to_string(one.summary().n_used) + " of " +
                std::to_string(distances.size()) + " training pictures.",
            draw(chart), csv_of(chart)};
}

/// The distance with this W-score, by halving: laws rise.
double quantile(const OpenMaxClass& one, double share) {
    const stats::TailSummary& tail = one.summary();
    const double span = std::max(tail.largest_tail - tail.smallest_tail, 1e-12);
    double low = tail.smallest_tail - 4 * span, high = tail.largest_tail + 4 * span;
    for (int i = 0; i < 200 && low < high; ++i) {
        const double middle = low + (high - low) / 2;
        (w_of(one, middle) < share ? low : high) = middle;
        if (middle == low && middle == high) break;
    }
    return high;
}

/// All classes in one chart, each in the unit of its own tail: 0 its nearest, 1 its furthest distance.
Figure quantile_figure(const OpenMax& openmax, const std::vector<std::vector<double>>& distances,
                       const std::vector<std::size_t>& classes) {
    Chart chart{
        "Quantile by quantile", {"as the fitted law has it", {-0.25, 1.75}}, {"as the tail has it", {-0.25, 1.75}}, {}};
    chart.diagonal = true;
    const std::size_t shown = std::min(classes.size(), most_in_quantiles);
    for (std::size_t i = 0; i < shown; ++i) {
        const OpenMaxClass& one = openmax.classes()[classes[i]];
        const std::vector<double>& all = distances[classes[i]];
        const auto n = std::min<std::int64_t>(one.summary().n_used, std::ssize(all));
        const double low = one.summary().smallest_tail, span = one.summary().largest_tail - low;
        Series series{one.label, Style::dots, {}, {}, static_cast<int>(i)};
        for (std::int64_t k = 0; k < n; ++k) {
            const double share = (static_cast<double>(k) + 0.5) / static_cast<double>(n);
            series.x.push_back((quantile(one, share) - low) / span);
            series.y.push_back((*(all.end() - n + k) - low) / span);
        }
        chart.series.push_back(std::move(series));
    }
    return {"quantiles", chart.title,
            "The tail's distances against those that the law expects, 0 the nearest of a tail and 1 the furthest. On "
            "the thin "
            "line the law fits; dots above it at the right are outliers that it did not expect." +
                (shown < distances.size() ? " Of the first " + std::to_string(shown) + " of " +
                                                std::to_string(distances.size()) + " classes."
                                          : std::string()),
            draw(chart), csv_of(chart)};
}

std::vector<std::string> axes_of(const detect::OpenMaxParams& params, const std::string& sizes) {
    std::vector<std::string> axes;
    for (const detect::OpenMaxOption& option : detect::openmax_options())
        axes.push_back(option.name + "=" + (option.name == "tail-size" ? sizes : option_text(params, option.name)));
    return axes;
}

Figure tail_size_figure(const OpenMax& openmax, const Stores& stores) {
    std::vector<std::int64_t> sizes = {3, 5, 10, 15, 20, 30, 50, 100};
    sizes.push_back(openmax.params().tail_size);
    std::ranges::sort(sizes);
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    std::string listed;
    for (const std::int64_t size : sizes) listed += (listed.empty() ? "" : ",") + std::to_string(size);
    sweep::GridRequest request{
        std::string(openmax.method()), {}, axes_of(openmax.params(), listed), stores.train.string(),
        stores.known.string(),         {}};
    for (const auto& store : stores.unknown) request.unknown.push_back(store.string());
    const sweep::Grid grid = sweep::run_grid(request);
    Chart chart{"What the tail size does", {"tail size, rows a class", {}}, {"share", {0, 1}, true}, {}};
    Series auroc{"AUROC", Style::line, {}, {}, 0}, fpr{"unknown accepted at 95 % of known", Style::line, {}, {}, 1},
        alone{"AUROC of wrongly named known pictures", Style::line, {}, {}, 2};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const auto add = [&](Series& to, const std::optional<double>& value) {
            if (!value) return;
            to.x.push_back(static_cast<double>(sizes[i]));
            to.y.push_back(*value);
        };
        add(auroc, grid.points[i].auroc);
        add(fpr, grid.points[i].fpr_at_95_tpr_known);
        add(alone, grid.points[i].known_failure_auroc);
    }
    for (const Series* series : {&auroc, &fpr, &alone})
        if (!series->x.empty()) chart.series.push_back(*series);
    chart.x.range = {0, 1.03 * static_cast<double>(sizes.back())};
    chart.marks.push_back({static_cast<double>(openmax.params().tail_size), "this fit"});
    return {"tail-size", chart.title,
            "The same detector fitted with other tails. Choosing by the unknown pictures shown here would flatter it; "
            "the last "
            "curve needs none.",
            draw(chart), csv_of(chart)};
}

Section of_openmax(const OpenMax& openmax, const inspect::Diagnostics& diagnostics, const Stores& stores,
                   std::vector<std::pair<std::string, std::string>>& left_out) {
    Section section{"detector", "What the detector learned", {}, {}};
    section.words.emplace_back(
        "Of each class it keeps the mean of its training pictures and how far the outermost of them "
        "lie from it, as a Weibull law; a picture further out than that is not of the class.");
    std::ranges::copy(openmax.warnings(), std::back_inserter(section.words));
    const std::vector<std::size_t> means = with_means(openmax);
    if (stores.train.empty()) {
        left_out.emplace_back("each class's distances under its Weibull law, quantiles",
                              "the store that the detector was fitted on: --store DIR");
    } else {
        const io::ActivationStore store(stores.train);
        const auto distances = training_distances(openmax, store);
        std::vector<std::size_t> shown;
        for (std::size_t i = 0; i < distances.size() && shown.size() < most_classes; ++i)
            if (openmax.classes()[i].has_fit() && !distances[i].empty()) shown.push_back(i);
        for (const std::size_t i : shown) section.parts.emplace_back(law_figure(openmax, i, distances[i]));
        if (!shown.empty()) section.parts.emplace_back(quantile_figure(openmax, distances, shown));
        if (distances.size() > shown.size()) {
            section.words.push_back("Distances are shown of the first " + std::to_string(shown.size()) + " of " +
                                    std::to_string(distances.size()) + " classes.");
        }
    }
    if (!stores.train.empty() && !stores.known.empty()) {
        section.parts.emplace_back(tail_size_figure(openmax, stores));
    } else {
        left_out.emplace_back("what the tail size does",
                              "--store, and --known and --unknown scores whose stores lie where their records say");
    }
    if (!means.empty()) section.parts.emplace_back(means_figure(openmax, means));
    section.parts.emplace_back(class_table(openmax, diagnostics));
    return section;
}

} // namespace

Section detector_section(const std::filesystem::path& fitted, const Stores& stores,
                         std::vector<std::pair<std::string, std::string>>& left_out) {
    const io::FittedFile file = io::read_fitted(fitted);
    if (!stores.train.empty()) {
        const io::ActivationStore store(stores.train);
        const auto differing = io::mismatches(file, store.meta());
        if (!differing.empty()) {
            throw Error(ErrorKind::usage, fitted.string() + ": " + differing.front() +
                                              ", expected --store with the rows "
                                              "that it was fitted on");
        }
        if (!file.fitted_on.empty() && file.fitted_on != store.identity()) {
            throw Error(ErrorKind::usage, "--store " + stores.train.string() + ": is not the store that " +
                                              fitted.string() + " was fitted on, expected that one");
        }
    }
    if (file.method.starts_with("openmax"))
        return of_openmax(OpenMax::from(file), inspect::Diagnostics(file), stores, left_out);
    return method_section(file);
}

} // namespace openset::report
