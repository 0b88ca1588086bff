#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <map>
#include <string>

#include "openset/base/error.hpp"

/// What a module's forward() returned.
namespace openset::torch {

/// The logits (or, after a cut, the features) and the rest by name.
struct NamedTensors {
    at::Tensor first;
    std::map<std::string, at::Tensor> rest;
};

/// A network that returns something else than logits, whatever picture it is given.
class WrongOutput : public Error {
public:
    explicit WrongOutput(const std::string& message) : Error(ErrorKind::model, message) {}
};

/// Of a tensor, a tuple that starts with one (the others are output1, output2, ...) or a dict that has one as "logits".
/// Throws WrongOutput for anything else.
NamedTensors name_outputs(const c10::IValue& value);

} // namespace openset::torch
