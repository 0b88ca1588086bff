// How often stats::RateWatch raises a false alarm, and how late a true one, on simulated streams: what docs/calibration.md tells.
//   rate_watch            about a minute

#include <algorithm>
#include <cstdio>
#include <vector>

#include "openset/base/random.hpp"
#include "openset/stats/rate_watch.hpp"

namespace {

using openset::Random;
using openset::stats::RateWatch;

constexpr double expected = 0.05;
constexpr int length = 10'000;

void count_false_alarms(double stated, int streams) {
    int alarms = 0;
    for (int stream = 0; stream < streams; ++stream) {
        Random random(1, static_cast<std::uint32_t>(stream));
        RateWatch watch({expected, expected}, stated);
        bool told = false;
        for (int i = 0; i < length; ++i) told = watch.add(random.chance(expected)).has_value() || told;
        alarms += told ? 1 : 0;
    }
    std::printf("false alarms, stated %g: %d of %d streams of %d pictures (%.2f %%)\n", stated, alarms, streams, length,
                100.0 * alarms / streams);
}

struct Change {
    double to;
    int after; ///< observations at the expected rate before it
};

void measure_delay(const Change& change) {
    constexpr int streams = 201, longest = 30'000;
    std::vector<int> delays;
    for (int stream = 0; stream < streams; ++stream) {
        Random random(2, static_cast<std::uint32_t>(stream));
        RateWatch watch({expected, expected}, 0.01);
        int delay = 0;
        for (int i = 0; i < change.after; ++i) watch.add(random.chance(expected));
        while (delay++ < longest && !watch.add(random.chance(change.to))) {
        }
        delays.push_back(delay);
    }
    std::ranges::sort(delays);
    std::printf("from %g to %g after %d pictures: told after %d in half of the streams, after %d in nine tenths\n",
                expected, change.to, change.after, delays[streams / 2], delays[streams * 9 / 10]);
}

} // namespace

int main() {
    count_false_alarms(0.1, 2000);
    count_false_alarms(0.01, 4000);
    for (const Change& change : {Change{0.1, 0}, Change{0.2, 0}, Change{0.5, 0}, Change{0.1, 10'000},
                                 Change{0.2, 10'000}, Change{0.2, 100'000}, Change{0.025, 0}})
        measure_delay(change);
}
