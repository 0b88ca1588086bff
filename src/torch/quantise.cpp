#include "openset/torch/quantise.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <mutex>
#include <numeric>
#include <sstream>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/script.h>
#include <utility>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "openset/image/fixed_size.hpp"
#include "torch/graph.hpp"
#include "torch/guarded.hpp"
#include "torch/quantise_graph.hpp"
#include "torch/quantised_engine.hpp"
#include "torch/script_module.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

image::Size input_size(const model::NetworkFile& file) {
    if (const auto size = image::fixed_size(file.info.preprocess)) return *size;
    throw Error(ErrorKind::model, file.path.string() + ": its preprocessing leaves the size to the picture, expected a "
                                                       "crop or a squashed size, which ranges are measured at");
}

/// The graph, giving what the plan observes, and what goes into its convolutions, instead of its own outputs.
std::shared_ptr<jit::Graph> observing(const jit::Graph& graph, const QuantisationPlan& plan) {
    std::map<jit::Value*, jit::Value*> copies;
    auto copy = std::make_shared<jit::Graph>();
    for (const jit::Value* input : graph.inputs()) {
        jit::Value* const mine = copy->addInput()->copyMetadata(const_cast<jit::Value*>(input));
        copies[const_cast<jit::Value*>(input)] = mine;
    }
    for (jit::Node* node : const_cast<jit::Graph&>(graph).nodes()) {
        jit::Node* const mine = copy->createClone(node, [&](jit::Value* value) { return copies.at(value); });
        copy->insertNode(mine);
        for (std::size_t i = 0; i < node->outputs().size(); ++i) copies[node->output(i)] = mine->output(i);
    }
    for (jit::Value* value : plan.observed) copy->registerOutput(copies.at(value));
    for (jit::Node* node : plan.convolutions) copy->registerOutput(copies.at(node->input(0)));
    jit::EliminateDeadCode(copy);
    return copy;
}

} // namespace

struct Quantiser::State {
    std::string where;
    image::Size size; ///< of the pictures
    image::PreprocessSpec preprocess;
    jit::Module module;
    QuantisationPlan plan;
    QuantisedLayers layers;
    std::vector<Convolution> convolutions; ///< of the plan
    std::unique_ptr<jit::Code> observing;

    mutable std::mutex mutex;                      ///< of what follows
    std::vector<stats::ValueHistogram> histograms; ///< of plan.observed
    std::vector<PatchMoments> moments;             ///< of plan.convolutions
    std::vector<stats::ValueRange> of_noise;       ///< of plan.observed
    std::int64_t pictures = 0;

    /// What the plan observes, and what goes into its convolutions.
    /// One picture alone: LibTorch's kernels of other batches round otherwise.
    jit::Stack values(const model::Batch& batch, int picture) const {
        const std::size_t values =
            std::size_t{3} * static_cast<std::size_t>(batch.height) * static_cast<std::size_t>(batch.width);
        float* const pixels = const_cast<float*>(batch.data.data()) + static_cast<std::size_t>(picture) * values;
        jit::Stack stack{module._ivalue(), at::from_blob(pixels, {1, 3, batch.height, batch.width}, at::kFloat)};
        jit::InterpreterState(*observing).run(stack);
        return stack;
    }

    void add(const jit::Stack& values, std::vector<stats::ValueHistogram>& seen) const {
        for (std::size_t i = 0; i < seen.size(); ++i) {
            const at::Tensor tensor = values.at(i).toTensor().contiguous();
            seen[i].add({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
            if (seen[i].not_finite() > 0) {
                throw Error(ErrorKind::model, where + ": gives values that are not finite for a picture, "
                                                      "expected numbers whose range can be told");
            }
        }
    }
};

Quantiser::Quantiser(const model::NetworkFile& file) : state_(std::make_unique<State>()) {
    choose_quantised_engine();
    state_->where = file.path.string();
    const image::Size size = state_->size = input_size(file);
    state_->preprocess = file.info.preprocess;
    const jit::Module module = load_module(file.path).module;
    guarded(state_->where, [&] {
        const c10::InferenceMode inference;
        state_->module = flattened(module, size, file.info.preprocess);
        const auto graph = state_->module.get_method("forward").graph();
        state_->plan = plan_quantisation(*graph);
        for (const jit::Node* node : state_->plan.convolutions) state_->convolutions.push_back(*as_convolution(node));
        state_->observing = std::make_unique<jit::Code>(observing(*graph, state_->plan), "forward");
    });
    QuantisedLayers& layers = state_->layers;
    for (const QuantisedLayer& layer : state_->plan.layers) {
        using Kind = QuantisedLayer::Kind;
        ++(layer.kind == Kind::convolution ? layers.convolutions
           : layer.kind == Kind::sum       ? layers.sums
                                           : layers.concatenations);
    }
    layers.in_float = state_->plan.in_float;
    if (is_quantised(*state_->module.get_method("forward").graph()))
        throw Error(ErrorKind::model, state_->where + ": computes in eight bits already, expected a network in float");
    if (layers.convolutions == 0) {
        throw Error(ErrorKind::model,
                    state_->where + ": holds no convolution with constant weights, expected one to quantise");
    }
    state_->histograms.resize(state_->plan.observed.size());
    state_->moments.resize(state_->plan.convolutions.size());
    state_->of_noise.resize(state_->plan.observed.size());
}

Quantiser::~Quantiser() = default;

const QuantisedLayers& Quantiser::layers() const { return state_->layers; }

void Quantiser::observe(const model::Batch& pictures) {
    std::vector<stats::ValueHistogram> seen(state_->plan.observed.size());
    guarded(state_->where, [&] {
        const c10::InferenceMode inference;
        for (int picture = 0; picture < pictures.count; ++picture) {
            const jit::Stack stack = state_->values(pictures, picture);
            state_->add(stack, seen);
            // One layer's at a time: all of ResNet-18's are 0.75 GB, for each thread that observes.
            for (std::size_t i = 0; i < state_->moments.size(); ++i) {
                PatchMoments moments;
                moments.add(state_->convolutions[i], stack.at(seen.size() + i).toTensor());
                const std::lock_guard lock(state_->mutex);
                state_->moments[i].merge(moments);
            }
        }
    });
    const std::lock_guard lock(state_->mutex);
    for (std::size_t i = 0; i < seen.size(); ++i) state_->histograms[i].merge(seen[i]);
    state_->pictures += pictures.count;
}

void Quantiser::observe_noise() {
    constexpr int pictures = 8;
    Random random(0);
    std::vector<image::Picture> noise(pictures);
    std::vector<const image::Picture*> all;
    for (image::Picture& picture : noise) {
        picture = {state_->size.width, state_->size.height, {}};
        picture.rgb.resize(std::size_t{3} * static_cast<std::size_t>(picture.width) *
                           static_cast<std::size_t>(picture.height));
        for (std::uint8_t& value : picture.rgb) value = static_cast<std::uint8_t>(random.below(256));
        all.push_back(&picture);
    }
    guarded(state_->where, [&] {
        const c10::InferenceMode inference;
        const model::Batch batch = model::normalised(all, state_->preprocess);
        std::vector<stats::ValueHistogram> seen(state_->plan.observed.size());
        for (int picture = 0; picture < pictures; ++picture) state_->add(state_->values(batch, picture), seen);
        const std::lock_guard lock(state_->mutex);
        for (std::size_t i = 0; i < seen.size(); ++i) state_->of_noise[i] = {seen[i].min(), seen[i].max()};
    });
}

std::int64_t Quantiser::observed() const {
    const std::lock_guard lock(state_->mutex);
    return state_->pictures;
}

std::string Quantiser::archive(const model::ModelInfo& info, stats::RangeRule rule, double coverage) const {
    if (observed() == 0)
        throw Error(ErrorKind::usage,
                    state_->where + ": no picture was observed, expected one or more to calibrate on");
    return guarded(state_->where, [&] {
        const c10::InferenceMode inference;
        std::vector<stats::ValueRange> ranges;
        for (std::size_t i = 0; i < state_->histograms.size(); ++i) {
            const stats::ValueRange seen = state_->histograms[i].range(stats::RangeRule::minmax, 1);
            const bool holds_pixels = is_pixels(state_->plan.observed[i]) && seen.low >= -0.02F && seen.high <= 1.02F;
            stats::ValueRange range =
                holds_pixels ? stats::ValueRange{0, 1} : state_->histograms[i].range(rule, coverage);
            if (rule == stats::RangeRule::minmax && !holds_pixels) {
                range.low = std::midpoint(range.low, std::min(range.low, state_->of_noise[i].low));
                range.high = std::midpoint(range.high, std::max(range.high, state_->of_noise[i].high));
            }
            ranges.push_back(range);
        }
        std::vector<RoundedWeights> weights;
        for (std::size_t i = 0; i < state_->moments.size(); ++i) {
            if (!state_->moments[i].are_exact()) {
                throw Error(
                    ErrorKind::model,
                    state_->where + ": its layers take values so large that their squares over " +
                        std::to_string(state_->pictures) +
                        " pictures no longer add up exactly, expected smaller ones; calibrate on fewer pictures");
            }
            weights.push_back(round_weights(state_->convolutions[i], state_->moments[i]));
        }
        jit::Module module = state_->module.clone();
        // The plan is about the nodes of the graph that was observed; of the copy it says the same.
        auto graph = module.get_method("forward").graph();
        const QuantisationPlan plan = plan_quantisation(*graph);
        quantise(module, plan, ranges, weights);
        std::ostringstream archive;
        module.save(archive, {{"openset.json", model::to_json(info)}});
        return archive.str();
    });
}

} // namespace openset::torch
