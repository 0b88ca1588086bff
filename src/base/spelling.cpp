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

} // namespace

std::optional<std::string> closest_spelling(std::string_view word, std::span<const std::string> candidates) {
    const std::string wanted = lower_case(word);
    std::size_t best_distance = std::max<std::size_t>(1, wanted.size() * 2 / 5) + 1;
    std::optional<std::string> best;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = alignment_distance(wanted, lower_case(candidate));
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
    const auto meant = closest_spelling(word, candidates);
    return meant ? "; did you mean \"" + *meant + "\"?" : "";
}

} // namespace openset
