#include "flow/stage_work.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <new>
#include <utility>
#include <variant>

#include "flow/seconds_since.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/detect/detector.hpp"

namespace openset::flow {
namespace {

void store_figures(io::Row& row, io::GateFigures figures) { row.gate = std::move(figures); }
void store_figures(io::Row& row, io::SpeciesFigures figures) { row.species = std::move(figures); }
void store_figures(io::Row& row, io::ClassifierFigures figures) { row.classifier = std::move(figures); }

const cascade::StageLabels& labels_of(const cascade::Pipeline& pipeline, cascade::Stage stage) {
    switch (stage) {
    case cascade::Stage::gate: return pipeline.gate->labels;
    case cascade::Stage::species: return pipeline.species->labels;
    case cascade::Stage::classifier:
    case cascade::Stage::unknown: break; // judges what the classifier names
    }
    return pipeline.classifier.labels;
}

model::Matrix row_of(const model::Matrix& matrix, int row) {
    if (matrix.columns == 0) return {};
    const auto values = matrix.row(row);
    return {1, matrix.columns, {values.begin(), values.end()}};
}

/// What a network returned for one picture of a batch.
model::Outputs row_of(const model::Outputs& outputs, int row, bool with_extras) {
    model::Outputs one{row_of(outputs.logits, row), row_of(outputs.features, row), {}};
    if (with_extras) {
        for (const auto& [name, matrix] : outputs.extras) one.extras.emplace(name, row_of(matrix, row));
    }
    return one;
}

/// The same as detectors and stores see it. The logits are those that were scored: of a single logit, both.
io::Activations activations_of(const cascade::StageScores& scores, const model::Outputs& outputs) {
    const auto view = [](std::span<const float> values) { return io::FloatRows{1, std::ssize(values), values.data()}; };
    io::Activations activations{1, view(scores.logits), {}, {}};
    if (outputs.features.columns > 0) activations.features = view(outputs.features.values);
    for (const auto& [name, matrix] : outputs.extras) activations.extras.emplace(name, view(matrix.values));
    return activations;
}

bool all_finite(const model::Matrix& matrix) {
    return std::ranges::all_of(matrix.values, [](float value) { return std::isfinite(value); });
}

std::vector<int> known_sizes(const std::vector<StageNetwork>& networks, const RunnerOptions& options) {
    std::vector<int> sizes;
    for (const StageNetwork& network : networks)
        sizes.push_back(network.batch > 0 ? network.batch : options.find_batch ? 0 : options.batch);
    return sizes;
}

} // namespace

StageWork::StageWork(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks,
                     const RunnerOptions& options, const PicturePreparer& preparer)
    : pipeline_(pipeline), networks_(networks), options_(options), preparer_(preparer),
      trunk_of_(flow::trunk_of(networks)), last_on_trunk_(networks.size()),
      batch_sizes_(known_sizes(networks, options), options.batch, options.on_cpu ? 8 : 64) {
    if (!options.share_trunks)
        for (std::size_t stage = 0; stage < networks.size(); ++stage) trunk_of_[stage] = stage;
    for (std::size_t stage = 0; stage < networks.size(); ++stage) last_on_trunk_[trunk_of_[stage]] = stage;
}

void StageWork::work(std::size_t stage, std::span<Item> items, Statistics& statistics) {
    infer(stage, items, statistics);
    for (Item& item : items) {
        item.next_stage = stage_after(stage, item);
        while (item.next_stage < networks_.size()) {
            const auto outputs = item.trunk_outputs.find(trunk_of_[item.next_stage]);
            if (outputs == item.trunk_outputs.end()) break;
            const auto start = Clock::now();
            judge_or_fail(item.next_stage, item, outputs->second);
            statistics[item.next_stage].judge_seconds += seconds_since(start);
            ++statistics[item.next_stage].pictures;
            item.next_stage = stage_after(item.next_stage, item);
        }
    }
}

std::size_t StageWork::stage_after(std::size_t stage, const Item& item) const {
    const bool ends = item.row.failure || (item.decided && !options_.all_stages);
    return ends ? networks_.size() : stage + 1;
}

void StageWork::infer(std::size_t stage, std::span<Item> items, Statistics& statistics) {
    try {
        const model::Outputs outputs = forward(stage, items, statistics);
        judge_all(stage, items, outputs, statistics);
    } catch (const std::bad_alloc&) {
        infer_in_halves(stage, items, "out of memory", statistics);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::out_of_memory) {
            infer_in_halves(stage, items, error.what(), statistics);
        } else if (error.kind() != ErrorKind::model) {
            throw;
        } else if (items.size() == 1) {
            fail_at(stage, items.front(), error.what());
            ++statistics[stage].pictures;
        } else {
            for (std::size_t i = 0; i < items.size(); ++i) infer(stage, items.subspan(i, 1), statistics);
        }
    }
}

void StageWork::infer_in_halves(std::size_t stage, std::span<Item> items, const std::string& message,
                                Statistics& statistics) {
    if (items.size() == 1) {
        fail_at(stage, items.front(), message + " for a single picture");
        ++statistics[stage].pictures;
        return;
    }
    const std::size_t half = items.size() / 2;
    const int limit = static_cast<int>(half), before = batch_sizes_.lower(stage, limit);
    if (limit < before) {
        log_warning(std::string(to_string(networks_[stage].stage)) + ": out of memory with a batch of " +
                    std::to_string(items.size()) + ", going on with " + std::to_string(limit));
    }
    infer(stage, items.first(half), statistics);
    infer(stage, items.subspan(half), statistics);
}

void StageWork::fail_at(std::size_t stage, Item& item, const std::string& message) const {
    if (item.decided) {
        log_warning(item.row.path + ": " + std::string(to_string(networks_[stage].stage)) + ": " + message);
    } else {
        fail(item, networks_[stage].stage, std::string(to_string(ErrorKind::model)), message);
    }
}

model::Outputs StageWork::forward(std::size_t stage, std::span<Item> items, Statistics& statistics) {
    const StageNetwork& stage_network = networks_[stage];
    std::vector<const image::Picture*> pictures;
    for (const Item& item : items) pictures.push_back(&item.prepared[preparer_.preparation_of(stage)]);
    const int count = static_cast<int>(items.size());
    const auto start = Clock::now();
    const double cpu_start = thread_seconds();
    double normalise_seconds = 0;
    model::Outputs outputs;
    if (options_.on_cpu) {
        const model::Batch batch = model::normalised(pictures, stage_network.preprocess);
        normalise_seconds = seconds_since(start);
        outputs = stage_network.network->run(batch);
    } else {
        outputs = stage_network.network->run_pictures(pictures, stage_network.preprocess);
    }
    const double pass_seconds = seconds_since(start);
    batch_sizes_.measured(stage, count, options_.on_cpu ? thread_seconds() - cpu_start : pass_seconds);

    RunStatistics::Stage& done = statistics[stage];
    done.passed += count;
    ++done.passes;
    done.normalise_seconds += normalise_seconds;
    done.forward_seconds += pass_seconds - normalise_seconds;
    log_debug(std::string(to_string(stage_network.stage)) + ": " + std::to_string(count) + " pictures in " +
              std::to_string(1000 * pass_seconds) + " ms");
    return outputs;
}

void StageWork::judge_all(std::size_t stage, std::span<Item> items, const model::Outputs& outputs,
                          Statistics& statistics) const {
    const auto start = Clock::now();
    const std::size_t trunk = trunk_of_[stage], last = last_on_trunk_[trunk];
    for (std::size_t i = 0; i < items.size(); ++i) {
        model::Outputs one = row_of(outputs, static_cast<int>(i), looks_at_extras(last));
        judge_or_fail(stage, items[i], one);
        if (last > stage) items[i].trunk_outputs.emplace(trunk, std::move(one));
    }
    statistics[stage].pictures += std::ssize(items);
    statistics[stage].judge_seconds += seconds_since(start);
}

/// What goes wrong with one picture here is no matter of the batch that it came in.
void StageWork::judge_or_fail(std::size_t stage, Item& item, const model::Outputs& outputs) const {
    try {
        judge(stage, item, outputs);
    } catch (const std::bad_alloc&) {
        fail_at(stage, item, "out of memory behind the network");
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::model) throw;
        fail_at(stage, item, error.what());
    }
}

/// The further tensors matter to who keeps them and to the detector behind the classifier.
bool StageWork::looks_at_extras(std::size_t stage) const {
    return networks_[stage].stage == cascade::Stage::classifier && (options_.keep_activations || pipeline_.unknown);
}

void StageWork::judge(std::size_t stage, Item& item, const model::Outputs& outputs) const {
    const StageNetwork& network = networks_[stage];
    const model::Matrix logits = model::logits(*network.network, outputs);
    const bool extras_finite = !looks_at_extras(stage) || std::ranges::all_of(outputs.extras, [](const auto& extra) {
        return all_finite(extra.second);
    });
    if (!all_finite(logits) || !all_finite(outputs.features) || !extras_finite)
        return fail_at(stage, item, "the network returned NaN or infinity for this picture");
    const auto scores = cascade::score(labels_of(pipeline_, network.stage), logits.values);
    const io::Activations activations = activations_of(scores, outputs);
    if (options_.keep_activations && network.stage == cascade::Stage::classifier)
        item.activations = KeptActivations(activations);
    decide(stage, item, scores, activations);
}

void StageWork::decide(std::size_t stage, Item& item, const cascade::StageScores& scores,
                       const io::Activations& activations) const {
    const cascade::Stage which = networks_[stage].stage;
    auto decision = cascade::decide(pipeline_, which, scores, options_.top);
    std::visit([&item](auto& figures) { store_figures(item.row, std::move(figures)); }, decision.figures);
    if (which == cascade::Stage::classifier && pipeline_.unknown) decide_unknown(item, scores, activations, decision);
    if (decision.verdict && !item.decided) {
        item.row.verdict = std::move(*decision.verdict);
        item.decided = true;
    }
    if (options_.observe) {
        const image::Picture& prepared = item.prepared[preparer_.preparation_of(stage)];
        options_.observe({which, item.decoded, item.divisor, prepared, scores, activations, item.row});
    }
}

/// The detector has its say where the classifier names the picture, or where every stage is asked.
void StageWork::decide_unknown(Item& item, const cascade::StageScores& scores, const io::Activations& activations,
                               cascade::StageDecision& decision) const {
    const bool named = decision.verdict->outcome == io::Outcome::known;
    if (!named && !options_.all_stages) return;
    detect::require_needs(*pipeline_.unknown->detector, activations, "the classifier's activations");
    auto judged = cascade::decide_unknown(*pipeline_.unknown, activations, 0, scores, *decision.verdict);
    item.row.unknown = std::move(judged.figures);
    if (pipeline_.calibration) item.row.unknown->p_value = cascade::p_value(pipeline_, item.row, named);
    if (named) decision.verdict = std::move(judged.verdict);
}

} // namespace openset::flow
