#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace openset {

/// The candidate that was meant, if one is close enough: the closest (optimal string alignment distance, case ignored),
/// at most two fifths of the word's length away, where one edit is always allowed; or, unless one edit leads to another,
/// one that begins with the word, of three letters at least, and at most two more do. Ties go to the first.
std::optional<std::string> closest_spelling(std::string_view word, std::span<const std::string> candidates);

/// `; did you mean "X"?`, or nothing where no candidate is close. Two or three that begin with the word are all named.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

} // namespace openset
