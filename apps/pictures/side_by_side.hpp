#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Two ways to run a network, on the same pictures.
namespace openset::pictures {

/// The label of a picture's largest logit, the first of equal ones. A single logit stands for one of two labels: 1 above 0.
std::int64_t likeliest(std::span<const float> logits);

/// The middle one, or the mean of the two in the middle; 0 where there are none.
double median(std::vector<double> values);

} // namespace openset::pictures
