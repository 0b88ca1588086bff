#include "openset/stats/paired_auroc.hpp"

#include <algorithm>

#include "openset/stats/bootstrap.hpp"

namespace openset::stats {
namespace {

struct Place {
    double score;
    std::uint32_t row;
    bool unknown;
};

/// Both sides by rising score.
std::vector<Place> in_order(std::span<const double> known, std::span<const double> unknown) {
    std::vector<Place> places;
    for (std::size_t i = 0; i < known.size(); ++i) places.push_back({known[i], static_cast<std::uint32_t>(i), false});
    for (std::size_t i = 0; i < unknown.size(); ++i)
        places.push_back({unknown[i], static_cast<std::uint32_t>(i), true});
    std::ranges::sort(places, {}, &Place::score);
    return places;
}

/// [#(u > k) + 0.5 #(u = k)] / (n_k n_u), rows counted as often as they were drawn.
double auroc(const std::vector<Place>& places, std::span<const std::uint32_t> known,
             std::span<const std::uint32_t> unknown) {
    std::uint64_t below = 0, twice = 0;
    for (std::size_t first = 0; first < places.size();) {
        std::uint64_t known_here = 0, unknown_here = 0;
        std::size_t i = first;
        for (; i < places.size() && places[i].score == places[first].score; ++i)
            (places[i].unknown ? unknown_here : known_here) += (places[i].unknown ? unknown : known)[places[i].row];
        twice += unknown_here * (2 * below + known_here);
        below += known_here;
        first = i;
    }
    return static_cast<double>(twice) / 2 / (static_cast<double>(known.size()) * static_cast<double>(unknown.size()));
}

} // namespace

std::vector<std::vector<double>> resampled_aurocs(std::span<const std::span<const double>> known,
                                                  std::span<const std::span<const double>> unknown,
                                                  std::int64_t resamples, std::uint64_t seed) {
    std::vector<std::vector<Place>> places;
    for (std::size_t i = 0; i < known.size(); ++i) places.push_back(in_order(known[i], unknown[i]));
    std::vector<std::vector<double>> found(known.size());
    if (known.empty()) return found;
    std::vector<std::uint32_t> of_known(known[0].size()), of_unknown(unknown[0].size());
    for (std::int64_t number = 0; number < resamples; ++number) {
        Resampler resampler(seed, static_cast<std::uint32_t>(number));
        resampler.draw(of_known);
        resampler.draw(of_unknown);
        for (std::size_t i = 0; i < places.size(); ++i) found[i].push_back(auroc(places[i], of_known, of_unknown));
    }
    return found;
}

} // namespace openset::stats
