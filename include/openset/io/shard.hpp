#pragma once

#include <cstdint>
#include <string>

namespace openset::io {

/// Which of `count` parts of the inputs: those at positions index, index + count, ...
struct Shard {
    std::int64_t index = 0; ///< from 0, below count
    std::int64_t count = 1;

    bool operator==(const Shard&) const = default;
};

/// As flags spell it: `0/4`.
std::string to_string(const Shard& shard);

} // namespace openset::io
