#include "openset/torch/script_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <string_view>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/script.h>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/image/fixed_size.hpp"
#include "openset/torch/runtime.hpp"
#include "torch/device.hpp"
#include "torch/device_graph.hpp"
#include "torch/device_input.hpp"
#include "torch/fingerprint.hpp"
#include "torch/graph.hpp"
#include "torch/guarded.hpp"
#include "torch/lowering.hpp"
#include "torch/named_outputs.hpp"
#include "torch/quantised_engine.hpp"
#include "torch/script_module.hpp"
#include "torch/tensor_values.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

// ---- outputs

/// Whether the tensor has something for each picture. One picture may come without its first dimension (`squeeze()`).
bool has_rows(const at::Tensor& tensor, int rows) {
    return tensor.dim() >= 1 && (tensor.size(0) == rows || (rows == 1 && tensor.dim() == 1));
}

model::Matrix to_matrix(const at::Tensor& tensor, int rows) {
    return {rows, static_cast<int>(tensor.numel() / rows), float_values(tensor)};
}

bool are_probabilities(std::span<const float> row) {
    double sum = 0;
    for (const float value : row) {
        if (!(value >= 0 && value <= 1)) return false;
        sum += static_cast<double>(value);
    }
    return std::abs(sum - 1) < 1e-4;
}

/// What is run is run as it stands: it was frozen and made fast before. LibTorch would watch the first passes and rewrite the
/// graph once more, which gains nothing here: on an H100 0.2 s at each start.
jit::IValue forward_plainly(jit::Module& module, const at::Tensor& input) {
    const jit::GraphOptimizerEnabledGuard plainly(false);
    return module.forward({input});
}

// ---- trunks

const char* precision_name(Precision precision) {
    switch (precision) {
    case Precision::bf16: return "bf16";
    case Precision::fp16: return "fp16";
    case Precision::fp32: break;
    }
    return "fp32";
}

/// How a frozen module is made fast.
struct TrunkPlan {
    c10::Device device;
    Engine engine = Engine::torch;
    Precision precision = Precision::fp32;
    std::optional<image::Size> picture; ///< the one size that it will see

    std::string name() const {
        std::string text = " on " + device.str() + " in " + precision_name(precision);
        if (engine != Engine::onednn) return text;
        text += " by onednn";
        if (picture) text += " for " + std::to_string(picture->width) + "x" + std::to_string(picture->height);
        return text;
    }
};

constexpr int trial_pictures = 2; ///< the least that shows what a batch does to its later pictures

/// Pictures of noise, the same every time: [trial_pictures, 3, height, width].
at::Tensor noise(const image::Size& picture) {
    const std::int64_t values = std::int64_t{trial_pictures} * 3 * picture.height * picture.width;
    return at::arange(values, at::kFloat)
        .mul(0.7331)
        .sin()
        .mul(2)
        .reshape({trial_pictures, 3, picture.height, picture.width});
}

/// What a network gives for each of the trial's pictures, or for the last of them.
using OnTrial = std::vector<NamedTensors>;

/// A frozen module, made fast once, by the first network that needs it. What became of it is held against what it was, on
/// pictures: LibTorch 1.13 computes ReLU6, Hardswish and Hardsigmoid wrongly in its optimised graphs where channels are no
/// multiple of 16, on maps of 1x1 from the second picture of a batch on.
class Trunk {
public:
    explicit Trunk(jit::Module frozen) : module_(std::move(frozen)) {}

    void prepare(const TrunkPlan& plan) {
        std::call_once(once_, [&] {
            const jit::Module as_it_was = module_.clone();
            const image::Size picture = plan.picture.value_or(image::Size{224, 224});
            const bool in_eight_bits = is_quantised(*module_.get_method("forward").graph());
            if (plan.engine == Engine::onednn) compile(plan);
            if (compiled_) {
                // A pass of the network as it was saved is the slowest of all: one does here, as each picture is a
                // run of its own here. It is the last one's, which finds its memory used.
                const OnTrial last = expected_on_noise(plan, noise(picture).slice(0, trial_pictures - 1));
                obstacle_ = last.empty() ? "LibTorch gives nothing to hold it against, on pictures of noise"
                                         : difference(last, {compiled_on_noise(picture).back()},
                                                      // roundings may go either way
                                                      in_eight_bits ? Precision::bf16 : plan.precision);
                if (!obstacle_.empty()) compiled_.reset();
            }
            if (compiled_) {
                module_ = {};
                return;
            }
            const OnTrial expected = in_eight_bits ? OnTrial{} : expected_on_noise(plan, noise(picture));
            try {
                optimise(plan);
                if (!expected.empty()) why_not_optimised_ = difference_on_noise(expected, plan, picture);
            } catch (const std::exception& error) {
                if (is_out_of_memory(error.what())) throw;
                why_not_optimised_ = "it fails: " + message_of(error);
            }
            if (why_not_optimised_.empty()) return;
            module_ = as_it_was;
            type_ = at::kFloat;
            layout_ = at::MemoryFormat::Contiguous;
        });
    }

    /// Empty where the module is the optimised one.
    const std::string& why_not_optimised() const { return why_not_optimised_; }

    /// Empty where it is compiled.
    const jit::Module& module() const { return module_; }
    /// Null: LibTorch runs the module.
    const engine::CompiledNetwork* compiled() const { return compiled_.get(); }
    /// Of what compiled() returns.
    const std::vector<engine::NamedValue>& outputs() const { return outputs_; }
    /// Why LibTorch runs what onednn was asked for.
    const std::string& obstacle() const { return obstacle_; }
    /// Of the module's input.
    at::ScalarType type() const { return type_; }
    /// Of the module's input, in memory.
    at::MemoryFormat layout() const { return layout_; }

private:
    void optimise(const TrunkPlan& plan) {
        auto graph = module_.get_method("forward").graph();
        jit::OptimizeFrozenGraph(graph);
        if (plan.device.is_cpu()) {
            module_ = jit::optimize_for_inference(module_); // packs for oneDNN
        } else if (plan.precision == Precision::fp16) {
            type_ = at::kHalf;
            // Their kernel takes one plane after the other: channels last would be turned round for each.
            if (use_own_depthwise_kernel(*graph) == 0) layout_ = at::MemoryFormat::ChannelsLast;
            convert_constants(*graph, type_, layout_);
        }
    }

    static OnTrial one_by_one(jit::Module& module, const at::Tensor& pictures) {
        OnTrial outputs;
        for (std::int64_t i = 0; i < pictures.size(0); ++i)
            outputs.push_back(name_outputs(forward_plainly(module, pictures.slice(0, i, i + 1).clone())));
        return outputs;
    }

    /// What a batch gave, picture by picture. An output that is not of pictures keeps its shape.
    static OnTrial parted(const NamedTensors& batch) {
        const auto part = [](const at::Tensor& tensor, std::int64_t i) {
            return has_rows(tensor, trial_pictures) ? tensor.slice(0, i, i + 1) : tensor;
        };
        OnTrial outputs(trial_pictures);
        for (int i = 0; i < trial_pictures; ++i) {
            outputs[static_cast<std::size_t>(i)].first = part(batch.first, i);
            for (const auto& [name, tensor] : batch.rest)
                outputs[static_cast<std::size_t>(i)].rest[name] = part(tensor, i);
        }
        return outputs;
    }

    OnTrial compiled_on_noise(const image::Size& picture) const {
        const auto matrices =
            compiled_->run({trial_pictures, picture.height, picture.width, float_values(noise(picture))});
        const auto tensor = [](const model::Matrix& matrix) {
            return at::tensor(matrix.values).reshape({matrix.rows, matrix.columns});
        };
        NamedTensors batch;
        batch.first = tensor(matrices.front());
        for (std::size_t i = 1; i < matrices.size(); ++i) batch.rest[outputs_[i].name] = tensor(matrices[i]);
        return parted(batch);
    }

    /// What is wrong with the optimised module, run as it will be; empty where nothing is. Converted to half precision, a graph
    /// that names its types may fail.
    std::string difference_on_noise(const OnTrial& expected, const TrunkPlan& plan, const image::Size& picture) {
        const at::Tensor pictures = noise(picture).to(plan.device, type_, false, true).contiguous(layout_);
        const bool alone = plan.device.is_cpu() && depends_on_batch(*module_.get_method("forward").graph());
        return difference(
            expected, alone ? one_by_one(module_, pictures) : parted(name_outputs(forward_plainly(module_, pictures))),
            type_ == at::kHalf ? Precision::fp16 : Precision::fp32);
    }

    /// Before anything is done to the module. None where there is nothing to compare: the network refuses the pictures, or
    /// gives what is not finite.
    OnTrial expected_on_noise(const TrunkPlan& plan, const at::Tensor& pictures) const {
        try {
            jit::Module copy = module_.clone();
            OnTrial outputs = one_by_one(copy, pictures.to(plan.device));
            const bool finite = std::ranges::all_of(
                outputs, [](const NamedTensors& one) { return one.first.isfinite().all().item<bool>(); });
            return finite ? outputs : OnTrial{};
        } catch (const std::exception& error) {
            if (is_out_of_memory(error.what())) throw;
            return {}; // told when the network is tried
        }
    }

    /// Empty where all agree as far as that precision goes.
    static std::string difference(const OnTrial& expected, const OnTrial& got, Precision precision) {
        std::string apart;
        for (std::size_t i = 0; i < expected.size() && apart.empty(); ++i)
            apart = difference(expected[i], got[i], precision);
        return apart;
    }

    /// The same of one picture, in every output that says something of it.
    static std::string difference(const NamedTensors& expected, const NamedTensors& got, Precision precision) {
        std::string apart = difference(expected.first, got.first, precision);
        for (const auto& [name, tensor] : expected.rest) {
            if (!apart.empty()) break;
            if (!has_rows(tensor, 1) || !tensor.isfinite().all().item<bool>()) continue;
            const auto other = got.rest.find(name);
            apart = other == got.rest.end() ? "it is not there" : difference(tensor, other->second, precision);
            if (!apart.empty()) apart = "the output " + name + ": " + apart;
        }
        return apart;
    }

    static std::string difference(const at::Tensor& expected, const at::Tensor& got, Precision precision) {
        const double tolerance = precision == Precision::fp32 ? 1e-3 : 0.1;
        const at::Tensor one = expected.to(at::kCPU, at::kFloat).reshape(-1);
        const at::Tensor other = got.to(at::kCPU, at::kFloat).reshape(-1);
        if (one.numel() != other.numel()) return "it gives another number of values";
        const double largest = one.abs().max().item<double>();
        const double apart = one.sub(other).abs().max().item<double>();
        if (apart <= tolerance * largest) return "";
        char text[96];
        std::snprintf(text, sizeof text, "on a picture of noise it is off by %.2g, of values up to %.2g", apart,
                      largest);
        return text;
    }

    void compile(const TrunkPlan& plan) {
        if (!plan.device.is_cpu()) {
            obstacle_ = "it runs on " + plan.device.str();
        } else if (!plan.picture) {
            obstacle_ = "its preprocessing gives pictures of several sizes";
        } else {
            const Lowering lowering = lower(*module_.get_method("forward").graph(), *plan.picture);
            obstacle_ = lowering.obstacle;
            if (!lowering.graph) return;
            try {
                compiled_ = std::make_unique<engine::CompiledNetwork>(*lowering.graph, plan.precision == Precision::bf16
                                                                                           ? engine::Precision::bf16
                                                                                           : engine::Precision::fp32);
                outputs_ = lowering.graph->outputs;
            } catch (const Error& error) {
                if (error.kind() == ErrorKind::out_of_memory) throw;
                obstacle_ = error.what();
            }
        }
    }

    std::once_flag once_;
    jit::Module module_;
    at::ScalarType type_ = at::kFloat;
    at::MemoryFormat layout_ = at::MemoryFormat::Contiguous;
    std::unique_ptr<engine::CompiledNetwork> compiled_;
    std::vector<engine::NamedValue> outputs_;
    std::string obstacle_, why_not_optimised_;
};

/// The trunk of this name that a network of this process holds; else the one that is given, from now on.
std::shared_ptr<Trunk> shared_trunk(const std::string& name, const jit::Module& frozen) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<Trunk>> known;
    const std::scoped_lock lock(mutex);
    std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
    auto trunk = known[name].lock();
    if (!trunk) known[name] = trunk = std::make_shared<Trunk>(frozen);
    return trunk;
}

class TorchScriptNetwork : public ScriptNetwork {
public:
    TorchScriptNetwork(const model::NetworkFile& file, const LoadOptions& options)
        : where_(file.path.string()), info_(file.info), device_(resolve_device(options.device)) {
        guarded(where_, [&] { load(options); });
        report_.device = device_.str();
        try_once();
        check_labels();
    }

    const model::ModelInfo& info() const override { return info_; }
    const model::Head* head() const override { return head_ ? &*head_ : nullptr; }
    std::string trunk() const override { return trunk_name_; }
    const LoadReport& report() const override { return report_; }
    std::string precision() const override { return report_.precision; }

    model::Outputs run(const model::Batch& batch) override {
        return guarded(info_.name, [&] {
            if (trunk_ && trunk_->compiled() != nullptr) return run_compiled(batch);
            const at::Tensor input = at::from_blob(const_cast<float*>(batch.data.data()),
                                                   {batch.count, 3, batch.height, batch.width}, at::kFloat);
            if (!report_.picture_by_picture || batch.count == 1) return forward(input);
            model::Outputs all = forward(input.slice(0, 0, 1));
            for (int i = 1; i < batch.count; ++i) append(all, forward(input.slice(0, i, i + 1)));
            return all;
        });
    }

    /// Bytes go to another device, and are normalised there; the CPU has its own way.
    model::Outputs run_pictures(std::span<const image::Picture* const> pictures,
                                const image::PreprocessSpec& preprocess) override {
        if (device_.is_cpu()) return Network::run_pictures(pictures, preprocess);
        return guarded(info_.name, [&] {
            const c10::InferenceMode inference;
            const auto stream = own_stream(device_);
            return forward_there(upload(pictures, preprocess, device_, input_type(), input_layout()));
        });
    }

private:
    void load(const LoadOptions& options) {
        const c10::InferenceMode inference;
        choose_quantised_engine();
        jit::Module module = jit::load(where_, device_);
        module.eval();
        convert_to_float(module);
        if (info_.quantisation) report_.precision = "int8";
        const bool on_cpu = device_.is_cpu();
        if (!options.optimise) {
            module_ = module;
            report_.picture_by_picture = on_cpu;
            return;
        }
        try {
            module_ = jit::freeze_module(module);
            head_ = cut_at_head(module_);
            if (is_quantised(*module_.get_method("forward").graph())) {
                report_.precision = "int8";
                if (!info_.quantisation && !has_vnni().value_or(true)) {
                    report_.warnings.push_back(where_ +
                                               ": computes in eight bits and was not made by openset quantize; on this "
                                               "processor, which has no AVX-512 VNNI, its sums may overflow; quantize "
                                               "the network in float with it");
                }
            }
            report_.cut_at_head = head_.has_value();
            if (head_) trunk_name_ = report_.graph = fingerprint(*module_.get_method("forward").graph());
            const TrunkPlan plan = plan_for(options);
            if (!trunk_name_.empty()) trunk_name_ += plan.name();
            trunk_ = options.share_trunk && !trunk_name_.empty() ? shared_trunk(trunk_name_, module_)
                                                                 : std::make_shared<Trunk>(module_);
            trunk_->prepare(plan);
            module_ = trunk_->module();
            tell_engine(plan);
        } catch (const std::exception& error) {
            if (is_out_of_memory(error.what())) throw;
            throw Error(ErrorKind::model,
                        where_ + ": cannot be optimised: " + message_of(error) + "; try --no-optimise");
        }
        report_.picture_by_picture =
            on_cpu && trunk_->compiled() == nullptr && depends_on_batch(*module_.get_method("forward").graph());
    }

    TrunkPlan plan_for(const LoadOptions& options) {
        Engine engine = options.engine;
        if (engine == Engine::automatic && options.choose_engine) engine = options.choose_engine(report_.graph);
        TrunkPlan plan{device_, engine, options.precision, image::fixed_size(info_.preprocess)};
        std::string obstacle;
        if (plan.precision == Precision::bf16 && engine == Engine::onednn &&
            !engine::has_fast(engine::Precision::bf16)) {
            obstacle = "this processor (" + engine::onednn_instruction_set() + ") does not multiply in bf16";
        } else if (plan.precision == Precision::fp16 && device_.is_cpu()) {
            obstacle = "fp16 is for CUDA devices, and this is the CPU";
        }
        if (!obstacle.empty()) {
            plan.precision = Precision::fp32;
            report_.warnings.push_back(where_ + ": runs in fp32, as " + obstacle);
        }
        return plan;
    }

    void tell_engine(const TrunkPlan& plan) {
        if (trunk_->compiled() != nullptr) {
            report_.engine = "onednn";
            if (report_.precision != "int8") report_.precision = precision_name(plan.precision);
            return;
        }
        if (trunk_->type() == at::kHalf) report_.precision = precision_name(Precision::fp16);
        if (!trunk_->why_not_optimised().empty()) {
            report_.warnings.push_back(
                where_ + ": runs as it was saved, which is slower: of its graph as LibTorch optimises it, " +
                trunk_->why_not_optimised());
        }
        if (plan.engine == Engine::onednn) {
            report_.warnings.push_back(where_ +
                                       ": LibTorch runs it, as the engine onednn cannot: " + trunk_->obstacle());
        }
    }

    model::Outputs run_compiled(const model::Batch& batch) const {
        auto matrices = trunk_->compiled()->run(batch);
        model::Outputs outputs;
        take_first(std::move(matrices.front()), {batch.height, batch.width}, outputs);
        for (std::size_t i = 1; i < matrices.size(); ++i)
            take_further(trunk_->outputs()[i].name, std::move(matrices[i]), outputs);
        return outputs;
    }

    /// What the graph gives first: the logits, or what goes into the head.
    void take_first(model::Matrix first, const image::Size& picture, model::Outputs& outputs) const {
        if (head_ && first.columns != head_->features()) {
            throw Error(ErrorKind::model, "its last Linear takes " + std::to_string(head_->features()) +
                                              " features a picture, but of one of " + std::to_string(picture.width) +
                                              "x" + std::to_string(picture.height) + " come " +
                                              std::to_string(first.columns) + ", expected as many");
        }
        (head_ ? outputs.features : outputs.logits) = std::move(first);
    }

    void take_further(const std::string& name, model::Matrix matrix, model::Outputs& outputs) const {
        if (name == "features" && !head_) {
            outputs.features = std::move(matrix);
        } else if (name != "features") {
            outputs.extras[name] = std::move(matrix);
        }
    }

    /// Of floats on the CPU.
    model::Outputs forward(const at::Tensor& input) const {
        const c10::InferenceMode inference;
        // A copy: some networks write to their input.
        return forward_there(
            input.to(device_, input_type(), /*non_blocking=*/false, /*copy=*/true).contiguous(input_layout()));
    }

    at::ScalarType input_type() const { return trunk_ ? trunk_->type() : at::kFloat; }
    at::MemoryFormat input_layout() const { return trunk_ ? trunk_->layout() : at::MemoryFormat::Contiguous; }

    /// Of a batch that is where the network is, and that the network may write to.
    model::Outputs forward_there(const at::Tensor& input) const {
        // A frozen module's forward() is const in effect; LibTorch does not mark it so.
        auto named = name_outputs(forward_plainly(const_cast<jit::Module&>(module_), input));
        if (!device_.is_cpu()) bring_here(named);
        const int rows = static_cast<int>(input.size(0));
        model::Outputs outputs;
        if (!has_rows(named.first, rows)) {
            throw WrongOutput("returned a tensor of another first size than expected, the number of pictures: " +
                              std::to_string(rows));
        }
        take_first(to_matrix(named.first, rows), {static_cast<int>(input.size(2)), static_cast<int>(input.size(3))},
                   outputs);
        for (const auto& [name, tensor] : named.rest) {
            // What has no rows is nothing of a picture, a temperature, say.
            if (per_picture_ ? !per_picture_->contains(name) : !has_rows(tensor, rows)) continue;
            if (!has_rows(tensor, rows)) {
                throw WrongOutput("returned the output " + name +
                                  " with another first size than expected, the number of "
                                  "pictures: " +
                                  std::to_string(rows));
            }
            take_further(name, to_matrix(tensor, rows), outputs);
        }
        return outputs;
    }

    static void bring_here(NamedTensors& named) {
        std::vector<at::Tensor> tensors{named.first};
        for (const auto& [name, tensor] : named.rest) tensors.push_back(tensor);
        auto here = download(tensors);
        auto next = here.begin();
        named.first = *next++;
        for (auto& [name, tensor] : named.rest) tensor = *next++;
    }

    static void append(model::Matrix& all, const model::Matrix& more) {
        if (more.columns != all.columns) {
            throw WrongOutput("gives " + std::to_string(all.columns) + " numbers for one picture and " +
                              std::to_string(more.columns) + " for another, expected as many for each");
        }
        all.rows += more.rows;
        all.values.insert(all.values.end(), more.values.begin(), more.values.end());
    }

    static void append(model::Outputs& all, const model::Outputs& more) {
        append(all.logits, more.logits);
        append(all.features, more.features);
        if (!std::ranges::equal(std::views::keys(all.extras), std::views::keys(more.extras)))
            throw WrongOutput("gives other outputs for one picture than for another, expected the same for each");
        for (auto& [name, matrix] : all.extras) append(matrix, more.extras.at(name));
    }

    /// A batch of any size has an output that is constant, of 8 rows say; its rows would be those of pictures in batches of 8.
    /// What is of pictures follows their number: tried with one, which `outputs` came of, and two.
    void find_outputs_of_pictures(const model::Outputs& outputs, const image::Size& size) {
        std::set<std::string> names;
        for (const auto& [name, matrix] : outputs.extras) names.insert(name);
        if (!head_ && outputs.features.columns > 0) names.insert("features");
        if (names.empty() || (trunk_ && trunk_->compiled() != nullptr)) return;
        try {
            const model::Outputs of_two = forward(at::zeros({2, 3, size.height, size.width}));
            std::erase_if(names, [&](const std::string& name) {
                return name == "features" ? of_two.features.columns != outputs.features.columns
                                          : !of_two.extras.contains(name);
            });
            per_picture_ = std::move(names);
        } catch (const std::exception&) {
            if (report_.picture_by_picture) per_picture_ = std::move(names); // it may take one alone
        }
    }

    /// One blank picture, to learn the number of outputs and to hear of a wrong input size before the first photograph.
    void try_once() {
        const auto fixed_size = image::fixed_size(info_.preprocess);
        const image::Size size = fixed_size.value_or(image::Size{224, 224});
        model::Outputs outputs;
        try {
            outputs = guarded(where_, [&] {
                model::Batch blank{1, size.height, size.width, {}};
                blank.data.resize(std::size_t{3} * static_cast<std::size_t>(size.height) *
                                  static_cast<std::size_t>(size.width));
                model::Outputs of_one = run(blank);
                find_outputs_of_pictures(of_one, size);
                return of_one;
            });
        } catch (const WrongOutput& error) {
            throw Error(ErrorKind::model, where_ + ": " + error.what());
        } catch (const Error& error) {
            if (!fixed_size && error.kind() == ErrorKind::model) return; // 224x224 was our guess
            const std::string pixels = std::to_string(size.width) + "x" + std::to_string(size.height);
            if (error.kind() != ErrorKind::model)
                throw Error(error.kind(), where_ + ": out of memory for one picture of " + pixels);
            throw Error(ErrorKind::model, where_ + ": refused a picture of " + pixels +
                                              ", the size its preprocessing gives (" + error.what() +
                                              "); check crop and resize in its openset.json");
        }
        outputs_ = head_ ? head_->classes() : outputs.logits.columns;
        if (!head_ && outputs_ > 1 && are_probabilities(outputs.logits.row(0))) {
            report_.warnings.push_back(where_ +
                                       ": its outputs look like probabilities, but openset applies the softmax "
                                       "itself; export the network without its own");
        }
    }

    void check_labels() {
        if (head_) outputs_ = head_->classes();
        if (outputs_ == 0 && !info_.labels.empty()) return; // told by the first picture
        if (outputs_ == 0) {
            throw Error(ErrorKind::model, where_ + ": the number of its outputs cannot be told without a picture, and "
                                                   "it names no labels; give it labels");
        }
        if (info_.labels.empty()) {
            for (int i = 0; i < outputs_; ++i) info_.labels.push_back(std::to_string(i));
        }
        const auto labels = static_cast<int>(info_.labels.size());
        const bool single_logit = outputs_ == 1 && labels == 2;
        if (single_logit) info_.activation = model::Activation::softmax; // one of two labels, however it was trained
        if (outputs_ != labels && !single_logit) {
            throw Error(ErrorKind::model, where_ + ": " + std::to_string(outputs_) + " outputs, but " +
                                              std::to_string(labels) +
                                              " labels; give it the labels it was trained with");
        }
    }

    std::string where_;
    model::ModelInfo info_;
    c10::Device device_;
    jit::Module module_;
    std::shared_ptr<Trunk> trunk_; ///< null: the network runs as it was saved
    std::string trunk_name_;
    std::optional<model::Head> head_;
    LoadReport report_;
    int outputs_ = 0;
    std::optional<std::set<std::string>>
        per_picture_; ///< further outputs that have a row a picture; none: not found out
};

} // namespace

std::unique_ptr<ScriptNetwork> load_network(const model::NetworkFile& file, const LoadOptions& options) {
    return std::make_unique<TorchScriptNetwork>(file, options);
}

} // namespace openset::torch
