#include "openset/base/spelling.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace openset {
namespace {

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::size_t alignment_distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, substitution});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                current[j] = std::min(current[j], before_last[j - 2] + 1);
            }
        }
        std::swap(before_last, last);
        std::swap(last, current);
    }
    return last[b.size()];
}

struct Closest {
    std::size_t distance;
    std::optional<std::string> candidate;
};

Closest closest_by_distance(const std::string& wanted, std::span<const std::string> candidates) {
    Closest best{std::max<std::size_t>(1, wanted.size() * 2 / 5) + 1, std::nullopt};
    for (const std::string& candidate : candidates) {
        const std::size_t distance = alignment_distance(wanted, lower_case(candidate));
        if (distance < best.distance) best = {distance, candidate};
    }
    return best;
}

/// Candidates of which the word is the beginning. What is shorter than three letters begins too much to mean anything.
std::vector<std::string> begun(const std::string& wanted, std::span<const std::string> candidates) {
    std::vector<std::string> result;
    if (std::ranges::count_if(wanted, [](unsigned char c) { return std::isalnum(c) != 0; }) < 3) return result;
    for (const std::string& candidate : candidates) {
        if (lower_case(candidate).starts_with(wanted)) result.push_back(candidate);
    }
    return result;
}

/// All that may have been meant, none where nothing is close.
std::vector<std::string> meant(std::string_view word, std::span<const std::string> candidates) {
    constexpr std::size_t most = 3;
    const std::string wanted = lower_case(word);
    const Closest closest = closest_by_distance(wanted, candidates);
    const auto longer = begun(wanted, candidates);
    if (closest.distance > 1 && !longer.empty() && longer.size() <= most) return longer;
    return closest.candidate ? std::vector{*closest.candidate} : std::vector<std::string>{};
}

} // namespace

std::optional<std::string> closest_spelling(std::string_view word, std::span<const std::string> candidates) {
    const auto words = meant(word, candidates);
    return words.empty() ? std::nullopt : std::optional(words.front());
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
    const auto words = meant(word, candidates);
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i)
        list += (i == 0 ? "\"" : i + 1 == words.size() ? " or \"" : ", \"") + words[i] + "\"";
    return words.empty() ? "" : "; did you mean " + list + "?";
}

} // namespace openset
