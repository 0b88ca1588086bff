#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "pictures/inputs.hpp"
#include "quantize/options.hpp"

namespace openset::quantize {

/// A picture, and what it shows where its folder or the table says it.
struct Picture {
    std::string path;
    std::string class_name; ///< empty: not told
};

/// What the flags name, in the order in which runs see it.
/// Throws Error(usage) where there is nothing, or where a picture lies in an archive.
std::vector<Picture> pictures_in(const pictures::InputFlags& flags, const Cancellation& cancellation);

/// Pictures of which some measure ranges.
struct Split {
    std::vector<Picture> calibration, rest; ///< each in the order given
};

/// One of each of `count` equal stretches of the list measures ranges, drawn from the seed: every folder gets its share. All
/// of them where there are no more.
Split split(const std::vector<Picture>& pictures, std::int64_t count, std::uint64_t seed);

} // namespace openset::quantize
