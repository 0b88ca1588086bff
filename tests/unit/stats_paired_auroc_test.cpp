#include "openset/stats/paired_auroc.hpp"

#include <gtest/gtest.h>

#include "openset/stats/bootstrap.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::stats {
namespace {

using Rows = std::vector<double>;

std::vector<std::vector<double>> aurocs(const std::vector<Rows>& known, const std::vector<Rows>& unknown,
                                        int resamples) {
    const std::vector<std::span<const double>> one(known.begin(), known.end()), other(unknown.begin(), unknown.end());
    return resampled_aurocs(one, other, resamples, 5);
}

TEST(PairedAuroc, OfDetectorsThatRankAlikeIsTheSameInEveryResample) {
    const Rows known = {0, 1, 2, 5}, unknown = {3, 4, 6};
    const auto found = aurocs({known, {0, 10, 20, 50}}, {unknown, {30, 40, 60}}, 40);
    EXPECT_EQ(found[0], found[1]);
    EXPECT_NE(found[0].front(), found[0].back()); // rows differ from resample to resample
}

TEST(PairedAuroc, IsOneWhereTheSidesAreApartAndHalfWhereAllIsTied) {
    const auto found = aurocs({{0, 1, 2}, {7, 7, 7}}, {{3, 4}, {7, 7}}, 10);
    EXPECT_EQ(found[0], std::vector<double>(10, 1.0));
    EXPECT_EQ(found[1], std::vector<double>(10, 0.5));
}

TEST(PairedAuroc, OfAResampleIsTheAurocOfItsRows) {
    const Rows known = {0.5, 1, 2, 5, 2}, unknown = {3, 2, 6, 0};
    const auto found = aurocs({known}, {unknown}, 20);
    std::vector<std::uint32_t> of_known(known.size()), of_unknown(unknown.size());
    for (std::uint32_t number = 0; number < 20; ++number) {
        Resampler resampler(5, number);
        resampler.draw(of_known);
        resampler.draw(of_unknown);
        Rows drawn_known, drawn_unknown;
        for (std::size_t i = 0; i < known.size(); ++i) drawn_known.insert(drawn_known.end(), of_known[i], known[i]);
        for (std::size_t i = 0; i < unknown.size(); ++i)
            drawn_unknown.insert(drawn_unknown.end(), of_unknown[i], unknown[i]);
        ScoreCounts counts;
        count_scores(RankedRows({0, drawn_known, {}, {}, {}, drawn_unknown, {}}), {}, counts);
        EXPECT_DOUBLE_EQ(found[0][number], *auroc(counts));
    }
}

} // namespace
} // namespace openset::stats
