#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "openset/torch/quantise.hpp"
#include "quantize/comparison.hpp"

namespace openset::quantize {

struct FileFacts {
    std::string path, sha256;
    std::uint64_t bytes = 0;
};

/// What became of a network, and what it costs.
struct Report {
    FileFacts before, after;
    torch::QuantisedLayers layers;
    std::string observer;
    std::optional<double> percentile; ///< of that observer
    std::int64_t calibrated_on = 0;   ///< pictures
    std::string compared_on;          ///< "pictures that calibration did not see"
    Difference known;
    std::int64_t failed = 0; ///< further pictures, of all kinds
    std::optional<Difference> unknown;
    std::vector<Separation> separations; ///< of known and unknown pictures
};

std::string text_of(const Report& report);

nlohmann::ordered_json json_of(const Report& report);

} // namespace openset::quantize
