#include "openset/torch/script_network.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string_view>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/script.h>
#include <utility>

#include "openset/base/error.hpp"
#include "torch/device.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

/// LibTorch's message without its C++ and TorchScript backtraces: the last line that says something.
std::string short_message(const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    std::string_view best;
    std::size_t start = 0;
    while (start < text.size()) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string_view line = std::string_view(text).substr(start, end - start);
        const bool frame = line.find_first_not_of(' ') == std::string_view::npos || line.starts_with(" ") ||
                           line.starts_with("Traceback") || line.starts_with("The following operation failed");
        if (!frame) best = line;
        start = end + 1;
    }
    constexpr std::string_view prefix = "RuntimeError: ";
    if (best.starts_with(prefix)) best.remove_prefix(prefix.size());
    return best.empty() ? text.substr(0, text.find('\n')) : std::string(best);
}

bool is_out_of_memory(const c10::Error& error) {
    // The CPU allocator has no error type of its own.
    const std::string_view text = error.what_without_backtrace();
    return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr || text.find("can't allocate memory") != std::string_view::npos ||
           text.find("not enough memory") != std::string_view::npos;
}

/// Calls LibTorch; its exceptions leave as ours.
template <typename Call>
auto guarded(const std::string& what, Call call) {
    try {
        return call();
    } catch (const c10::Error& error) {
        if (is_out_of_memory(error)) throw Error(ErrorKind::out_of_memory, what + ": out of memory");
        throw Error(ErrorKind::model, what + ": " + short_message(error));
    } catch (const std::bad_alloc&) {
        throw Error(ErrorKind::out_of_memory, what + ": out of memory");
    } catch (const Error&) {
        throw;
    } catch (const std::exception& error) { // errors of the TorchScript interpreter
        const c10::Error wrapped({__func__, __FILE__, static_cast<std::uint32_t>(__LINE__)}, error.what());
        throw Error(ErrorKind::model, what + ": " + short_message(wrapped));
    }
}

/// Parameters and buffers in half, bfloat16 or double become float: kernels for half are slow or missing on processors.
void convert_to_float(jit::Module& module) {
    const auto convert = [](const at::Tensor& tensor) {
        if (tensor.is_floating_point() && tensor.scalar_type() != at::kFloat) tensor.set_data(tensor.to(at::kFloat));
    };
    for (const at::Tensor& tensor : module.parameters()) convert(tensor);
    for (const at::Tensor& tensor : module.buffers()) convert(tensor);
}

// ---- the cut in front of the last Linear

std::optional<at::Tensor> constant_tensor(const jit::Value* value) {
    const auto constant = jit::toIValue(value);
    return constant && constant->isTensor() ? std::optional(constant->toTensor()) : std::nullopt;
}

/// A Linear found in a frozen graph.
struct LinearNode {
    jit::Value* input = nullptr;
    at::Tensor weight; ///< [classes, features]
    at::Tensor bias;   ///< [classes]; zeros where the layer has none
};

std::optional<LinearNode> as_linear(jit::Node* node) {
    LinearNode linear;
    if (node->kind() == c10::Symbol::fromQualString("aten::linear")) {
        const auto weight = constant_tensor(node->input(1));
        if (!weight || weight->dim() != 2) return std::nullopt;
        const auto bias = constant_tensor(node->input(2));
        const bool no_bias = node->input(2)->type()->kind() == c10::TypeKind::NoneType;
        if (!bias && !no_bias) return std::nullopt;
        linear = {node->input(0), *weight, bias ? *bias : at::zeros({weight->size(0)})};
    } else if (node->kind() == c10::Symbol::fromQualString("aten::addmm")) { // traced by older torch: b + x W^T
        const auto bias = constant_tensor(node->input(0));
        auto transposed = constant_tensor(node->input(2));
        if (!transposed && node->input(2)->node()->kind() == c10::Symbol::fromQualString("aten::t")) {
            const auto weight = constant_tensor(node->input(2)->node()->input(0));
            if (weight) transposed = weight->t();
        }
        const auto is_one = [&](std::size_t input) {
            const auto factor = jit::toIValue(node->input(input));
            return factor && factor->isScalar() && factor->toScalar().toDouble() == 1.0;
        };
        if (!bias || !transposed || bias->dim() != 1 || !is_one(3) || !is_one(4)) return std::nullopt;
        linear = {node->input(1), transposed->t(), *bias};
    } else {
        return std::nullopt;
    }
    return linear;
}

/// Where the graph's output takes the logits from: the output itself, or an element of its tuple or dict.
struct LogitsUse {
    jit::Node* user;
    std::size_t input;
};

std::optional<LogitsUse> find_logits(jit::Graph& graph) {
    if (graph.outputs().size() != 1) return std::nullopt;
    jit::Node* const made_by = graph.outputs().at(0)->node();
    if (made_by->kind() == c10::prim::TupleConstruct && !made_by->inputs().empty()) return LogitsUse{made_by, 0};
    if (made_by->kind() == c10::prim::DictConstruct) {
        for (std::size_t i = 0; i + 1 < made_by->inputs().size(); i += 2) {
            const auto key = jit::toIValue(made_by->input(i));
            if (key && key->isString() && key->toStringRef() == "logits") return LogitsUse{made_by, i + 1};
        }
        return std::nullopt;
    }
    return LogitsUse{graph.return_node(), 0};
}

std::vector<float> float_values(const at::Tensor& tensor) {
    const at::Tensor contiguous = tensor.to(at::kCPU, at::kFloat).contiguous();
    const auto* values = contiguous.data_ptr<float>();
    return {values, values + contiguous.numel()};
}

/// Makes the graph give the last Linear's input instead of its output, and returns that Linear.
std::optional<model::Head> cut_at_head(jit::Module& frozen) {
    const auto graph = frozen.get_method("forward").graph();
    const auto logits = find_logits(*graph);
    if (!logits) return std::nullopt;
    const auto linear = as_linear(logits->user->input(logits->input)->node());
    if (!linear) return std::nullopt;
    logits->user->replaceInput(logits->input, linear->input);
    jit::EliminateDeadCode(graph);
    return model::Head(static_cast<int>(linear->weight.size(0)), static_cast<int>(linear->weight.size(1)),
                       float_values(linear->weight), float_values(linear->bias));
}

/// Whether a matrix product is left: its bits depend on the batch (the BLAS picks another kernel by size).
bool has_matrix_product(const jit::Block* block) {
    static const std::array names = {"aten::linear", "aten::addmm", "aten::mm",   "aten::matmul",
                                     "aten::bmm",    "aten::baddbmm", "aten::einsum", "aten::scaled_dot_product_attention"};
    return std::ranges::any_of(block->nodes(), [](const jit::Node* node) {
        const std::string_view kind = node->kind().toQualString();
        return std::ranges::find(names, kind) != names.end() || std::ranges::any_of(node->blocks(), has_matrix_product);
    });
}

// ---- outputs

model::Matrix to_matrix(const at::Tensor& tensor, int rows) {
    if (tensor.dim() < 1 || tensor.size(0) != rows) {
        throw Error(ErrorKind::model, "returned a tensor of another first size than the " + std::to_string(rows) +
                                          " pictures it was given");
    }
    model::Matrix matrix{rows, rows == 0 ? 0 : static_cast<int>(tensor.numel() / rows), float_values(tensor)};
    return matrix;
}

/// logits (or, after a cut, features) and the rest by name.
struct NamedTensors {
    at::Tensor first;
    std::map<std::string, at::Tensor> rest;
};

/// A network that returns something else than logits, whatever picture it is given.
class WrongOutput : public Error {
public:
    explicit WrongOutput(const std::string& message) : Error(ErrorKind::model, message) {}
};

NamedTensors name_outputs(const jit::IValue& value) {
    NamedTensors named;
    if (value.isTensor()) {
        named.first = value.toTensor();
    } else if (value.isTuple()) {
        const auto& elements = value.toTupleRef().elements();
        for (std::size_t i = 0; i < elements.size(); ++i) {
            if (!elements[i].isTensor()) continue;
            if (i == 0) {
                named.first = elements[i].toTensor();
            } else {
                named.rest["output" + std::to_string(i)] = elements[i].toTensor();
            }
        }
    } else if (value.isGenericDict()) {
        for (const auto& entry : value.toGenericDict()) {
            if (!entry.key().isString() || !entry.value().isTensor()) continue;
            if (entry.key().toStringRef() == "logits") {
                named.first = entry.value().toTensor();
            } else {
                named.rest[entry.key().toStringRef()] = entry.value().toTensor();
            }
        }
    }
    if (!named.first.defined()) {
        throw WrongOutput("returned " + value.tagKind() +
                          ", expected a tensor of logits, a tuple that starts with one, or a dict with \"logits\"");
    }
    return named;
}

class TorchScriptNetwork : public ScriptNetwork {
public:
    TorchScriptNetwork(const model::NetworkFile& file, const LoadOptions& options)
        : where_(file.path.string()), info_(file.info), device_(resolve_device(options.device)) {
        guarded(where_, [&] { load(options.optimise); });
        report_.device = device_.str();
        try_once();
        check_labels();
    }

    const model::ModelInfo& info() const override { return info_; }
    const model::Head* head() const override { return head_ ? &*head_ : nullptr; }
    const LoadReport& report() const override { return report_; }

    model::Outputs run(const model::Batch& batch) override {
        return guarded(info_.name, [&] {
            const at::Tensor input = at::from_blob(const_cast<float*>(batch.data.data()), {batch.count, 3, batch.height, batch.width}, at::kFloat);
            if (!report_.picture_by_picture || batch.count == 1) return forward(input);
            model::Outputs all = forward(input.slice(0, 0, 1));
            for (int i = 1; i < batch.count; ++i) append(all, forward(input.slice(0, i, i + 1)));
            return all;
        });
    }

private:
    void load(bool optimise) {
        const c10::InferenceMode inference;
        // Read on the CPU first: the conversion to float must not depend on what a device can do.
        jit::Module module = jit::load(where_, c10::Device(c10::kCPU));
        module.eval();
        convert_to_float(module);
        module.to(device_); // before freezing: afterwards the weights are constants of the graph
        const bool on_cpu = device_.is_cpu();
        if (!optimise) {
            module_ = module;
            report_.picture_by_picture = on_cpu;
            return;
        }
        module_ = jit::freeze_module(module);
        head_ = cut_at_head(module_);
        report_.cut_at_head = head_.has_value();
        auto graph = module_.get_method("forward").graph();
        report_.picture_by_picture = on_cpu && has_matrix_product(graph->block());
        jit::OptimizeFrozenGraph(graph);
        // Packs for oneDNN: of no use elsewhere.
        if (on_cpu) module_ = jit::optimize_for_inference(module_);
    }

    model::Outputs forward(const at::Tensor& input) const {
        const c10::InferenceMode inference;
        std::vector<jit::IValue> arguments{input.to(device_)};
        // A frozen module's forward() is const in effect; LibTorch does not mark it so.
        const auto named = name_outputs(const_cast<jit::Module&>(module_).forward(std::move(arguments)));
        const int rows = static_cast<int>(input.size(0));
        model::Outputs outputs;
        (head_ ? outputs.features : outputs.logits) = to_matrix(named.first, rows);
        if (head_ && outputs.features.columns != head_->features()) {
            throw Error(ErrorKind::model, "its last Linear takes " + std::to_string(head_->features()) + " features a picture, but of one of " +
                                              std::to_string(input.size(3)) + "x" + std::to_string(input.size(2)) + " come " +
                                              std::to_string(outputs.features.columns));
        }
        for (const auto& [name, tensor] : named.rest) {
            if (name == "features" && !head_) {
                outputs.features = to_matrix(tensor, rows);
            } else if (name != "features") {
                outputs.extras[name] = to_matrix(tensor, rows);
            }
        }
        return outputs;
    }

    static void append(model::Matrix& all, const model::Matrix& more) {
        all.rows += more.rows;
        all.values.insert(all.values.end(), more.values.begin(), more.values.end());
    }

    static void append(model::Outputs& all, const model::Outputs& more) {
        append(all.logits, more.logits);
        append(all.features, more.features);
        for (auto& [name, matrix] : all.extras) append(matrix, more.extras.at(name));
    }

    /// The input size where the preprocessing fixes it.
    std::optional<image::Size> input_size() const {
        if (info_.preprocess.crop) return info_.preprocess.crop;
        if (info_.preprocess.resize.mode == image::ResizeMode::squash) return info_.preprocess.resize.squash;
        return std::nullopt;
    }

    void try_once() {
        const auto size = input_size();
        if (!size) return;
        model::Batch blank{1, size->height, size->width, {}};
        blank.data.resize(std::size_t{3} * static_cast<std::size_t>(size->height) * static_cast<std::size_t>(size->width));
        model::Outputs outputs;
        try {
            outputs = run(blank);
        } catch (const WrongOutput& error) {
            throw Error(ErrorKind::model, where_ + ": " + error.what());
        } catch (const Error& error) {
            throw Error(error.kind(), where_ + ": refused a picture of " + std::to_string(size->width) + "x" + std::to_string(size->height) +
                                          ", the size its preprocessing gives (" + error.what() + "); check crop and resize in its openset.json");
        }
        outputs_ = head_ ? head_->classes() : outputs.logits.columns;
    }

    void check_labels() {
        if (head_) outputs_ = head_->classes();
        if (outputs_ == 0) return; // no fixed input size and no Linear: told by the first picture
        if (info_.labels.empty()) {
            for (int i = 0; i < outputs_; ++i) info_.labels.push_back(std::to_string(i));
        }
        const auto labels = static_cast<int>(info_.labels.size());
        const bool single_logit = outputs_ == 1 && labels == 2;
        if (single_logit) info_.activation = model::Activation::softmax; // one of two labels, however it was trained
        if (outputs_ != labels && !single_logit) {
            throw Error(ErrorKind::model, where_ + ": " + std::to_string(outputs_) + " outputs, but " + std::to_string(labels) +
                                              " labels; give it the labels it was trained with");
        }
    }

    std::string where_;
    model::ModelInfo info_;
    c10::Device device_;
    jit::Module module_;
    std::optional<model::Head> head_;
    LoadReport report_;
    int outputs_ = 0;
};

} // namespace

std::unique_ptr<ScriptNetwork> load_network(const model::NetworkFile& file, const LoadOptions& options) {
    return std::make_unique<TorchScriptNetwork>(file, options);
}

} // namespace openset::torch
