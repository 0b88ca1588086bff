#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

#include "openset/base/random.hpp"
#include "openset/detect/detector.hpp"
#include "openset/stats/conformal.hpp"
#include "shared_data.hpp"

// golden/store: the promise of conformal p-values, for the scores of every method.
namespace openset {
namespace {

constexpr int splits = 200;

/// Of random halves, the mean share of one that is rejected by p-values among the other.
double rejected_share(const std::vector<double>& scores, double alpha) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::int64_t rejected = 0;
    const std::size_t half = scores.size() / 2;
    for (std::uint32_t split = 0; split < splits; ++split) {
        Random(11, split).shuffle(order);
        std::vector<double> calibration;
        for (std::size_t i = 0; i < half; ++i) calibration.push_back(scores[order[i]]);
        const stats::ConformalScores conformal(calibration);
        for (std::size_t i = half; i < order.size(); ++i)
            rejected += conformal.p_value(scores[order[i]]) <= alpha ? 1 : 0;
    }
    return static_cast<double>(rejected) / static_cast<double>(splits * (scores.size() - half));
}

TEST(GoldenConformal, NoMethodRejectsMoreKnownRowsThanItSays) {
    OPENSET_NEED_SHARED("golden/store/train");
    const io::ActivationStore train(shared_data() / "golden/store/train"),
        known(shared_data() / "golden/store/test_known");
    const detect::TrainingRows rows = detect::training_rows(train);
    int tried = 0;
    for (const detect::Method& method : detect::methods()) {
        if (detect::what_is_missing(method, rows)) continue;
        ++tried;
        const auto detector = method.make ? method.make(train.classes(), {}) : detect::fit_detector(method, rows, {});
        std::vector<double> scores(static_cast<std::size_t>(known.rows()));
        detector->score(known.all(), scores);
        for (const double alpha : {0.05, 0.1, 0.2}) {
            // A half of n rows has a rate that spreads by about sqrt(2 alpha / n) around the mean.
            const double deviation = std::sqrt(2 * alpha / (static_cast<double>(scores.size()) / 2) / splits);
            EXPECT_LE(rejected_share(scores, alpha), alpha + 3 * deviation) << method.name << " at " << alpha;
        }
    }
    EXPECT_GE(tried, 24);
}

} // namespace
} // namespace openset
