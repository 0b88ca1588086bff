#pragma once

#include "openset/io/fitted_file.hpp"

namespace openset::detect {

/// 1 / T of a fitted file of the method temperature: what logits are multiplied by so that the largest softmax of the
/// classifier is right as often as it says (Guo et al. 2017). From 0.02 to 50.
/// Throws Error(usage) where the file is of another method, Error(corrupt) for a broken one.
double inverse_temperature(const io::FittedFile& file);

} // namespace openset::detect
