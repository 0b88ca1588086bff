#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "openset/flow/input.hpp"
#include "openset/flow/runner.hpp"
#include "openset/image/picture.hpp"
#include "openset/io/activations.hpp"
#include "openset/io/row.hpp"
#include "openset/model/network.hpp"

namespace openset::flow {

/// What the classifier's network returned for one picture.
struct KeptActivations {
    KeptActivations() = default;
    explicit KeptActivations(const io::Activations& one_row);

    io::Activations view() const;

    std::vector<float> logits, features;
    std::map<std::string, std::vector<float>> extras;
};

/// A picture on its way through the stages.
struct Item {
    std::int64_t number = 0;
    Input input; ///< its bytes are gone once decoded, unless they are to be kept
    io::Row row;
    KeptActivations activations;
    image::Size decoded;
    int divisor = 1;                      ///< of its sides, while it was decoded
    std::vector<image::Picture> prepared; ///< one for each distinct resize and crop
    std::int64_t bytes = 0;               ///< of the prepared pictures
    double decode_seconds = 0;            ///< reading and decoding
    double wait_seconds = 0;              ///< for the memory that both take
    double resize_seconds = 0;
    bool decided = false;       ///< with all_stages a verdict may stand before the last stage
    std::size_t next_stage = 0; ///< that it waits for; past the last: none
    /// By trunk: what it returned, one row, where a later stage has a head on it.
    std::map<std::size_t, model::Outputs> trunk_outputs;
};

/// The kind of failure of a picture that was not run (Input::latest_start).
inline constexpr const char* late = "late";

/// Makes the item's row a failed one. stage  none: it could not be decoded
void fail(Item& item, std::optional<cascade::Stage> stage, std::string kind, std::string message);

} // namespace openset::flow
