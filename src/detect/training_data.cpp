#include "openset/detect/training_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "detect/fitted_state.hpp"
#include "detect/linear_head.hpp"
#include "detect/training_walk.hpp"
#include "openset/base/error.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/activation.hpp"
#include "stats/row_products.hpp"
#include "stats/symmetric_eigen.hpp"

namespace openset::detect {
namespace {

constexpr std::int64_t most_rows = std::int64_t{1} << 40; ///< of a group, so that no number of groups overflows

constexpr std::array scales = {FeatureScale::as_they_are, FeatureScale::l2};

std::size_t index_of(FeatureScale scale) { return scale == FeatureScale::l2 ? 1 : 0; }

std::size_t squared(std::int64_t columns) { return static_cast<std::size_t>(columns) * static_cast<std::size_t>(columns); }

// ---- from rows

/// group_of  number of the group, or none: the row is left out
/// values_of puts the row's values
GroupMeans group_means(const TrainingRows& rows, std::size_t groups, std::int64_t columns,
                       const std::function<std::optional<std::size_t>(const TrainingRow&)>& group_of,
                       const std::function<void(const TrainingRow&, std::span<double>)>& values_of) {
    GroupMeans result(groups, static_cast<std::size_t>(columns));
    std::vector<double> values(static_cast<std::size_t>(columns));
    for_each_row(rows, [&](const TrainingRow& row) {
        const auto group = group_of(row);
        if (!group) return;
        values_of(row, values);
        const auto sums = result.of(*group);
        for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
        ++result.counts[*group];
    });
    for (std::size_t g = 0; g < groups; ++g) {
        for (double& sum : result.of(g)) sum /= static_cast<double>(std::max<std::int64_t>(result.counts[g], 1));
    }
    return result;
}

std::size_t label_group(const TrainingRow& row, std::int64_t classes) {
    return static_cast<std::size_t>(row.label < 0 ? classes : row.label);
}

/// Products of rows with themselves, added up in the order of the rows, a block at a time.
class Squares {
public:
    explicit Squares(std::int64_t columns) : columns_(static_cast<std::size_t>(columns)) {}

    /// Room for a row's values, all of which are to be set.
    std::span<double> next() {
        if (sums_.empty()) {
            sums_.resize(columns_ * columns_);
            block_.resize(rows_at_once * columns_);
        }
        if (waiting_ == rows_at_once) add_block();
        return std::span(block_).subspan(waiting_++ * columns_, columns_);
    }

    /// [columns, columns]; empty: there was no row.
    std::vector<double> take() {
        if (!sums_.empty()) add_block();
        stats::mirror_upper_triangle(sums_, sums_.empty() ? 0 : columns_);
        return std::move(sums_);
    }

private:
    static constexpr std::size_t rows_at_once = 256;

    void add_block() {
        stats::add_squares(std::span(block_).first(waiting_ * columns_), waiting_, columns_, sums_);
        waiting_ = 0;
    }

    std::size_t columns_, waiting_ = 0;
    std::vector<double> sums_, block_;
};

Scatter scatter_of(const TrainingRows& rows, FeatureScale scale, const GroupMeans& means) {
    Squares labelled(rows.features), unlabelled(rows.features);
    for_each_row(rows, [&](const TrainingRow& row) {
        const auto centre = means.of(label_group(row, rows.classes));
        const auto values = (row.label < 0 ? unlabelled : labelled).next();
        load_features(row.features, scale, values);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] -= centre[i];
    });
    Scatter result{labelled.take(), unlabelled.take()};
    result.labelled.resize(squared(rows.features)); // zeros where no row has a label
    return result;
}

// ---- merging

/// Adds to sums the squares of what moved means apart: counts a and b at distances d = a's mean - b's, a b / (a + b) d d' each.
/// from, to  the means' groups
void add_between(const GroupMeans& a, const GroupMeans& b, std::size_t from, std::size_t to, std::span<double> sums) {
    std::vector<double> rows;
    std::size_t count = 0;
    for (std::size_t g = from; g < to; ++g) {
        if (a.counts[g] == 0 || b.counts[g] == 0) continue;
        const auto first = static_cast<double>(a.counts[g]), second = static_cast<double>(b.counts[g]);
        const double weight = std::sqrt(first * second / (first + second));
        for (std::size_t i = 0; i < a.columns(); ++i) rows.push_back(weight * (a.of(g)[i] - b.of(g)[i]));
        ++count;
    }
    if (count == 0) return;
    std::vector<double> squares(sums.size());
    stats::add_squares(rows, count, a.columns(), squares);
    stats::mirror_upper_triangle(squares, a.columns());
    std::ranges::transform(sums, squares, sums.begin(), std::plus());
}

void merge(GroupMeans& into, const GroupMeans& other) {
    for (std::size_t g = 0; g < into.groups(); ++g) {
        const std::int64_t all = into.counts[g] + other.counts[g];
        if (all == 0) continue;
        const double share = static_cast<double>(other.counts[g]) / static_cast<double>(all);
        const auto to = into.of(g);
        const auto from = other.of(g);
        for (std::size_t i = 0; i < to.size(); ++i) to[i] += share * (from[i] - to[i]);
        into.counts[g] = all;
    }
}

void add(std::vector<double>& into, const std::vector<double>& other) {
    if (into.empty()) into.resize(other.size());
    for (std::size_t i = 0; i < other.size(); ++i) into[i] += other[i];
}

/// means  of each side, before they are merged
void merge(Scatter& into, const Scatter& other, const GroupMeans& means, const GroupMeans& other_means) {
    const std::size_t classes = means.groups() - 1;
    add(into.labelled, other.labelled);
    add_between(means, other_means, 0, classes, into.labelled);
    if (other.unlabelled.empty()) return;
    add(into.unlabelled, other.unlabelled);
    add_between(means, other_means, classes, classes + 1, into.unlabelled);
}

// ---- files

struct Names {
    const char *counts, *means;
};
constexpr std::array label_names = {Names{"label_counts", "label_means"}, Names{"label_counts", "label_means_l2"}};
constexpr std::array labelled_names = {"scatter", "scatter_l2"};
constexpr std::array unlabelled_names = {"scatter_unlabelled", "scatter_unlabelled_l2"};
constexpr Names correct_names{"correct_counts", "correct_means"};
constexpr Names predicted_names{"predicted_counts", "predicted_softmax"};

void put(io::FittedFile& file, const Names& names, const GroupMeans& means) {
    file.arrays[names.counts] = {{std::ssize(means.counts)}, {means.counts.begin(), means.counts.end()}};
    file.arrays[names.means] = {{std::ssize(means.counts), static_cast<std::int64_t>(means.columns())}, means.means};
}

GroupMeans get(const io::FittedFile& file, const FittedState& state, const Names& names, std::int64_t groups,
               std::int64_t columns) {
    GroupMeans result;
    for (const double count : state.array(names.counts, groups).values) {
        if (count < 0 || count > static_cast<double>(most_rows) || count != std::floor(count))
            throw Error(ErrorKind::corrupt, file.name + ": /state/arrays/" + names.counts + ": found " +
                                                io::shortest(count) + ", expected a number of rows; fit anew");
        result.counts.push_back(static_cast<std::int64_t>(count));
    }
    result.means = state.array(names.means, groups, columns).values;
    return result;
}

} // namespace

std::int64_t GroupMeans::rows() const { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }

std::vector<double> GroupMeans::overall() const {
    std::vector<double> result(columns());
    for (std::size_t g = 0; g < groups(); ++g) {
        for (std::size_t i = 0; i < result.size(); ++i) result[i] += static_cast<double>(counts[g]) * of(g)[i];
    }
    for (double& value : result) value /= static_cast<double>(std::max<std::int64_t>(rows(), 1));
    return result;
}

struct TrainingData::State {
    TrainingFacts facts;
    const TrainingRows* rows = nullptr;
    std::vector<float> head_weight, head_bias; ///< what the facts view where there are no rows
    std::array<std::optional<GroupMeans>, scales.size()> by_label;
    std::array<std::optional<Scatter>, scales.size()> scatter;
    std::optional<GroupMeans> correct, softmax;
    std::optional<double> head_error;
    std::array<std::optional<stats::SymmetricEigen>, scales.size()> eigen_within;
    std::map<std::pair<FeatureScale, std::vector<double>>, stats::SymmetricEigen> eigen_about; ///< by centre

    static std::unique_ptr<State> read(const io::FittedFile& file);
    void expect_like(const State& other, const io::FittedFile& first, const io::FittedFile& file) const;
    void add(const State& other);
};

TrainingData::TrainingData(const TrainingRows& rows) : state_(std::make_unique<State>()) {
    state_->facts = rows;
    state_->rows = &rows;
}

TrainingData::TrainingData(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrainingData::TrainingData(TrainingData&&) noexcept = default;
TrainingData::~TrainingData() = default;

const TrainingFacts& TrainingData::facts() const { return state_->facts; }
const TrainingRows* TrainingData::rows() const { return state_->rows; }

const GroupMeans& TrainingData::by_label(FeatureScale scale) const {
    auto& known = state_->by_label[index_of(scale)];
    if (!known) {
        const std::int64_t classes = facts().classes;
        known = group_means(
            *rows(), static_cast<std::size_t>(classes) + 1, facts().features,
            [classes](const TrainingRow& row) { return label_group(row, classes); },
            [scale](const TrainingRow& row, std::span<double> values) { load_features(row.features, scale, values); });
    }
    return *known;
}

const Scatter& TrainingData::scatter(FeatureScale scale) const {
    auto& known = state_->scatter[index_of(scale)];
    if (!known) known = scatter_of(*rows(), scale, by_label(scale));
    return *known;
}

std::vector<double> TrainingData::squares_about(std::span<const double> centre, FeatureScale scale) const {
    const GroupMeans& means = by_label(scale);
    const Scatter& within = scatter(scale);
    std::vector<double> sums = within.labelled;
    if (!within.unlabelled.empty()) add(sums, within.unlabelled);
    Squares between(facts().features);
    for (std::size_t g = 0; g < means.groups(); ++g) {
        if (means.counts[g] == 0) continue;
        const double weight = std::sqrt(static_cast<double>(means.counts[g]));
        const auto values = between.next();
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = weight * (means.of(g)[i] - centre[i]);
    }
    add(sums, between.take());
    for (double& sum : sums) sum /= static_cast<double>(std::max<std::int64_t>(means.rows(), 1));
    return sums;
}

const stats::SymmetricEigen& TrainingData::eigen_about(std::span<const double> centre, FeatureScale scale) const {
    const std::pair key(scale, std::vector<double>(centre.begin(), centre.end()));
    const auto known = state_->eigen_about.find(key);
    if (known != state_->eigen_about.end()) return known->second;
    return state_->eigen_about.emplace(key, stats::symmetric_eigen(squares_about(centre, scale), centre.size()))
        .first->second;
}

const stats::SymmetricEigen& TrainingData::eigen_within(FeatureScale scale) const {
    auto& known = state_->eigen_within[index_of(scale)];
    if (!known) {
        std::vector<double> covariance = scatter(scale).labelled;
        for (double& value : covariance) value /= static_cast<double>(facts().labelled_count);
        known = stats::symmetric_eigen(covariance, static_cast<std::size_t>(facts().features));
    }
    return *known;
}

const GroupMeans& TrainingData::of_correct() const {
    if (!state_->correct) {
        state_->correct = group_means(
            *rows(), static_cast<std::size_t>(facts().classes), facts().features,
            [](const TrainingRow& row) {
                return row.is_correct() ? std::optional(static_cast<std::size_t>(row.label)) : std::nullopt;
            },
            [](const TrainingRow& row, std::span<double> values) {
                load_features(row.features, FeatureScale::as_they_are, values);
            });
    }
    return *state_->correct;
}

const GroupMeans& TrainingData::softmax_by_prediction() const {
    if (!state_->softmax) {
        state_->softmax = group_means(
            *rows(), static_cast<std::size_t>(facts().classes), facts().classes,
            [](const TrainingRow& row) { return static_cast<std::size_t>(row.predicted); },
            [](const TrainingRow& row, std::span<double> values) {
                const auto p = stats::softmax(std::vector<double>(row.logits.begin(), row.logits.end()));
                std::ranges::copy(p, values.begin());
            });
    }
    return *state_->softmax;
}

double TrainingData::head_error() const {
    if (!state_->head_error) state_->head_error = LinearHead::largest_error(*rows());
    return *state_->head_error;
}

io::FittedFile TrainingData::sums() const {
    io::FittedFile file = begin_fitted(sums_name, facts(), ParameterValues(sums_name, {}, {}));
    put(file, predicted_names, softmax_by_prediction());
    if (facts().features > 0) {
        for (const FeatureScale scale : scales) {
            const std::size_t i = index_of(scale);
            put(file, label_names[i], by_label(scale));
            const std::vector<std::int64_t> shape = {facts().features, facts().features};
            file.arrays[labelled_names[i]] = {shape, scatter(scale).labelled};
            if (!scatter(scale).unlabelled.empty()) file.arrays[unlabelled_names[i]] = {shape, scatter(scale).unlabelled};
        }
        put(file, correct_names, of_correct());
    }
    io::Json state = {{"rows", facts().rows()}, {"labelled_rows", facts().labelled_count}};
    if (facts().features > 0 && !facts().head_weight.empty()) {
        LinearHead::add_to(file, *this);
        state["head_error"] = head_error();
    }
    file.state_json = state.dump();
    return file;
}

/// Sums as a file has them.
std::unique_ptr<TrainingData::State> TrainingData::State::read(const io::FittedFile& file) {
    if (file.method != sums_name)
        throw Error(ErrorKind::usage, file.name + ": is a fitted " + file.method +
                                          ", expected sums of a store, as openset fit --sums writes them");
    const FittedState state(file);
    auto part = std::make_unique<State>();
    TrainingFacts& facts = part->facts;
    facts.name = file.name;
    facts.meta = store_meta_of(file);
    facts.classes = state.classes();
    facts.row_count = state.whole("rows", 0, most_rows);
    facts.labelled_count = state.whole("labelled_rows", 0, facts.row_count);
    const auto expect_count = [&file](const char* what, std::int64_t found, std::int64_t expected) {
        if (found != expected)
            throw Error(ErrorKind::corrupt, file.name + ": /state/arrays/" + what + ": counts " +
                                                std::to_string(found) + " rows, expected " + std::to_string(expected) +
                                                "; fit anew");
    };
    part->softmax = get(file, state, predicted_names, facts.classes, facts.classes);
    expect_count(predicted_names.counts, part->softmax->rows(), facts.row_count);
    if (file.arrays.contains(correct_names.means)) {
        part->correct = get(file, state, correct_names, facts.classes, FittedState::any);
        facts.features = static_cast<std::int64_t>(part->correct->columns());
        for (const FeatureScale scale : scales) {
            const std::size_t i = index_of(scale);
            part->by_label[i] = get(file, state, label_names[i], facts.classes + 1, facts.features);
            expect_count(label_names[i].counts, part->by_label[i]->rows(), facts.row_count);
            expect_count(label_names[i].counts, facts.row_count - part->by_label[i]->counts.back(), facts.labelled_count);
            part->scatter[i].emplace();
            part->scatter[i]->labelled = state.array(labelled_names[i], facts.features, facts.features).values;
            if (facts.labelled_count < facts.row_count)
                part->scatter[i]->unlabelled = state.array(unlabelled_names[i], facts.features, facts.features).values;
        }
    }
    if (file.float_arrays.contains("head_weight")) {
        part->head_weight = state.floats("head_weight", facts.classes, facts.features).values;
        part->head_bias = state.floats("head_bias", facts.classes).values;
        part->head_error = state.number("head_error");
    }
    return part;
}

/// Throws Error(usage) where these are sums of another network's activations.
/// first, file  where this and the other were read from
void TrainingData::State::expect_like(const State& other, const io::FittedFile& first, const io::FittedFile& file) const {
    const auto refuse = [&](const std::string& difference) {
        throw Error(ErrorKind::usage, file.name + ": cannot be put together with " + first.name + ", which " + difference +
                                          "; expected sums of one network's activations");
    };
    const auto differences = io::mismatches(first, other.facts.meta);
    if (!differences.empty()) refuse(differences.front());
    if (file.labels != first.labels || file.activation != first.activation) refuse("has other labels");
    if (other.facts.features != facts.features) refuse("has another number of features");
    if (other.head_weight != head_weight || other.head_bias != head_bias) refuse("has another head");
}

void TrainingData::State::add(const State& other) {
    for (std::size_t i = 0; i < scales.size(); ++i) {
        if (!by_label[i]) continue;
        merge(*scatter[i], *other.scatter[i], *by_label[i], *other.by_label[i]);
        merge(*by_label[i], *other.by_label[i]);
    }
    if (correct) merge(*correct, *other.correct);
    merge(*softmax, *other.softmax);
    if (head_error) head_error = std::max(*head_error, *other.head_error);
    facts.row_count += other.facts.row_count;
    facts.labelled_count += other.facts.labelled_count;
}

TrainingData TrainingData::merged(std::span<const io::FittedFile> parts) {
    if (parts.empty()) throw Error(ErrorKind::usage, "--sums: found no file of them, expected at least one");
    auto all = State::read(parts.front());
    std::map<std::string, std::string> names = {{parts.front().fitted_on, parts.front().name}};
    for (const io::FittedFile& file : parts.subspan(1)) {
        const auto part = State::read(file);
        all->expect_like(*part, parts.front(), file);
        const auto [same, is_new] = names.emplace(file.fitted_on, file.name);
        if (!is_new && !file.fitted_on.empty())
            throw Error(ErrorKind::usage, file.name + ": is of the very same store as " + same->second +
                                              ", expected each store once; its rows would count twice");
        all->add(*part);
    }
    TrainingFacts& facts = all->facts;
    if (!all->head_weight.empty()) {
        facts.head_weight = {facts.classes, std::ssize(all->head_weight) / facts.classes, all->head_weight.data()};
        facts.head_bias = all->head_bias;
    }
    return TrainingData(std::move(all));
}

} // namespace openset::detect
