#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace openset::stats {

/// AUROC of several detectors in the same resamples of the same rows, so that differences between detectors are free of
/// what the rows themselves vary by.
///
/// known      [detectors] scores of the known rows, in one order for all
/// unknown    [detectors] the same of the unknown rows; neither side empty
/// resamples  drawn as stats::Resampler does, known rows first: the same known rows for every set of unknown ones
/// Returns [detectors][resamples].
std::vector<std::vector<double>> resampled_aurocs(std::span<const std::span<const double>> known,
                                                  std::span<const std::span<const double>> unknown,
                                                  std::int64_t resamples, std::uint64_t seed);

} // namespace openset::stats
