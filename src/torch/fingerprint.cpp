#include "torch/fingerprint.hpp"

#include <ATen/Functions.h>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <torch/csrc/jit/ir/constants.h>
#include <unordered_map>
#include <vector>

#include "openset/base/sha256.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

/// Something about the graph that a text cannot say.
struct NotKnown {};

std::string exactly(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%a", value);
    return text;
}

/// With its length before it, so that no text can pass for two others.
std::string quoted(const std::string& text) { return std::to_string(text.size()) + ":" + text; }

std::string text_of(const at::Tensor& tensor) {
    if (tensor.layout() != at::kStrided) throw NotKnown();
    std::string text = "tensor " + std::string(c10::toString(tensor.scalar_type()));
    for (const std::int64_t size : tensor.sizes()) text += " " + std::to_string(size);
    at::Tensor values = tensor;
    if (tensor.is_quantized()) {
        if (tensor.qscheme() == at::kPerTensorAffine) {
            text += " scale " + exactly(tensor.q_scale()) + " zero " + std::to_string(tensor.q_zero_point());
        } else if (tensor.qscheme() == at::kPerChannelAffine) {
            text += " axis " + std::to_string(tensor.q_per_channel_axis()) + " scales " +
                    text_of(tensor.q_per_channel_scales()) + " zeros " + text_of(tensor.q_per_channel_zero_points());
        } else {
            throw NotKnown();
        }
        values = tensor.int_repr();
    }
    values = values.to(at::kCPU).contiguous();
    return text + " " + sha256_hex({static_cast<const std::uint8_t*>(values.data_ptr()), values.nbytes()});
}

std::string text_of(const jit::IValue& value) {
    if (value.isNone()) return "none";
    if (value.isTensor()) return value.toTensor().defined() ? text_of(value.toTensor()) : "no tensor";
    if (value.isInt()) return "int " + std::to_string(value.toInt());
    if (value.isDouble()) return "double " + exactly(value.toDouble());
    if (value.isBool()) return value.toBool() ? "true" : "false";
    if (value.isString()) return "string " + quoted(value.toStringRef());
    if (value.isDevice()) return "device " + value.toDevice().str();
    if (value.isTuple()) {
        std::string text = "(";
        for (const jit::IValue& element : value.toTupleRef().elements()) text += text_of(element) + ",";
        return text + ")";
    }
    if (value.isList()) {
        std::string text = "[";
        for (const jit::IValue& element : value.toListRef()) text += text_of(element) + ",";
        return text + "]";
    }
    if (value.isObject()) { // packed weights of quantised layers: what they would be saved as
        const auto type = value.toObject()->type();
        const auto* get_state = type->findMethod("__getstate__");
        if (get_state == nullptr || !type->name()) throw NotKnown();
        return "object " + type->name()->name() + " " + text_of((*const_cast<jit::Function*>(get_state))({value}));
    }
    throw NotKnown();
}

std::string text_of(const jit::Node& node, c10::Symbol attribute) {
    const auto joined = [](const auto& values, auto text_of_one) {
        std::string text = "[";
        for (const auto& value : values) text += text_of_one(value) + ",";
        return text + "]";
    };
    switch (node.kindOf(attribute)) {
    case jit::AttributeKind::f: return exactly(node.f(attribute));
    case jit::AttributeKind::fs: return joined(node.fs(attribute), exactly);
    case jit::AttributeKind::i: return std::to_string(node.i(attribute));
    case jit::AttributeKind::is: return joined(node.is(attribute), [](std::int64_t i) { return std::to_string(i); });
    case jit::AttributeKind::s: return quoted(node.s(attribute));
    case jit::AttributeKind::ss: return joined(node.ss(attribute), quoted);
    case jit::AttributeKind::t: return text_of(node.t(attribute));
    case jit::AttributeKind::ival: return text_of(node.ival(attribute));
    default: throw NotKnown();
    }
}

class Writer {
public:
    std::string operator()(const jit::Graph& graph) {
        write(*graph.block());
        return std::move(text_);
    }

private:
    void write(const jit::Block& block) {
        text_ += "{";
        for (const jit::Value* input : block.inputs()) define(input);
        text_ += "\n";
        for (const jit::Node* node : block.nodes()) write(*node);
        write_inputs(*block.return_node());
        text_ += "}\n";
    }

    void write(const jit::Node& node) {
        if (node.kind() == c10::prim::Constant) return; // written where it is used
        const bool looks_into_the_module = node.kind() == c10::prim::GetAttr || node.kind() == c10::prim::SetAttr ||
                                           node.kind() == c10::prim::CallMethod;
        if (looks_into_the_module || node.isNondeterministic()) throw NotKnown();
        text_ += node.kind().toQualString();
        for (const c10::Symbol attribute : node.attributeNames())
            text_ += " " + std::string(attribute.toUnqualString()) + "=" + text_of(node, attribute);
        write_inputs(node);
        for (const jit::Value* output : node.outputs()) define(output);
        text_ += "\n";
        for (const jit::Block* block : node.blocks()) write(*block);
    }

    void write_inputs(const jit::Node& node) {
        text_ += "(";
        for (const jit::Value* input : node.inputs()) {
            const auto constant = jit::toIValue(input);
            if (constant)
                text_ += text_of(*constant) + ", ";
            else if (const auto number = numbers_.find(input); number != numbers_.end())
                text_ += "%" + std::to_string(number->second) + ", ";
            else
                throw NotKnown(); // a function, say
        }
        text_ += ")";
    }

    void define(const jit::Value* value) {
        numbers_.emplace(value, numbers_.size());
        // The class of a module has a name that depends on what was loaded before it.
        text_ += value->type()->kind() == c10::TypeKind::ClassType ? " module" : " " + value->type()->str();
    }

    std::string text_;
    std::unordered_map<const jit::Value*, std::size_t> numbers_;
};

} // namespace

std::string fingerprint(const jit::Graph& graph) {
    try {
        const std::string text = Writer()(graph);
        return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    } catch (const NotKnown&) {
        return "";
    }
}

} // namespace openset::torch
