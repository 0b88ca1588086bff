#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace openset {

/// The candidate closest to `word` (optimal string alignment distance, case ignored), if one is close enough to be
/// what was meant: at most two fifths of the word's length away, at least one edit is always allowed. Ties go to the
/// first.
std::optional<std::string> closest_spelling(std::string_view word, std::span<const std::string> candidates);

/// `; did you mean "X"?`, or nothing where no candidate is close.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

} // namespace openset
