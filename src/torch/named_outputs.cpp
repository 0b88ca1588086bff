#include "torch/named_outputs.hpp"

namespace openset::torch {

NamedTensors name_outputs(const c10::IValue& value) {
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

} // namespace openset::torch
