#include "flow/batch_sizes.hpp"

#include <algorithm>

namespace openset::flow {
namespace {

constexpr int passes_of_a_trial = 4; ///< the least of several: other programs and a size's first pass only add
constexpr double more_is_faster = 0.98;
/// Smaller passes change networks more often, and each finds its weights gone from the caches: a trial does not see that.
constexpr double less_is_faster = 0.95;

} // namespace

void BatchSizes::Trial::add(double seconds) {
    least = passes == 0 ? seconds : std::min(least, seconds);
    ++passes;
}

int BatchSizes::Search::size() const { return rival != 0 && of_rival.passes < of_best.passes ? rival : best; }

/// The next rival in the direction of the search, or its end.
void BatchSizes::Search::challenge() {
    of_best = of_rival = {};
    rival = up ? 2 * best : best / 2;
    if (rival >= 1 && rival <= most) return;
    rival = 0;
    found = true;
}

void BatchSizes::Search::decide() {
    if (of_best.passes < passes_of_a_trial || of_rival.passes < passes_of_a_trial) return;
    if (of_rival.least < (up ? more_is_faster : less_is_faster) * of_best.least) {
        best = rival;
        moved = true;
        challenge();
    } else if (!up && !moved) {
        up = true;
        challenge();
    } else {
        rival = 0;
        found = true;
    }
}

BatchSizes::BatchSizes(const std::vector<int>& known, int most, int first) {
    for (const int size : known) {
        Search search;
        search.most = most;
        search.best = std::min(size == 0 ? first : size, most);
        if (size == 0) {
            search.up = search.best == 1;
            search.challenge();
        }
        networks_.push_back(search);
    }
}

int BatchSizes::of(std::size_t network) const {
    const std::scoped_lock lock(mutex_);
    return networks_[network].size();
}

int BatchSizes::largest() const {
    const std::scoped_lock lock(mutex_);
    int largest = 1;
    for (const Search& search : networks_) largest = std::max(largest, search.size());
    return largest;
}

void BatchSizes::measured(std::size_t network, int pictures, double seconds) {
    const std::scoped_lock lock(mutex_);
    Search& search = networks_[network];
    if (search.rival == 0) return;
    if (pictures == search.best) search.of_best.add(seconds / pictures);
    if (pictures == search.rival) search.of_rival.add(seconds / pictures);
    search.decide();
}

int BatchSizes::lower(std::size_t network, int size) {
    const std::scoped_lock lock(mutex_);
    Search& search = networks_[network];
    const int before = std::max(search.best, search.rival);
    if (size >= before) return before;
    search.most = std::min(search.most, size);
    const bool searching = search.rival != 0;
    search.best = std::min(search.best, size);
    search.rival = 0;
    if (searching) {
        search.up = search.moved = false;
        search.challenge();
    } else {
        search.found = false;
        search.outgrown = true;
    }
    return before;
}

bool BatchSizes::outgrown(std::size_t network) const {
    const std::scoped_lock lock(mutex_);
    return networks_[network].outgrown;
}

int BatchSizes::found(std::size_t network) const {
    const std::scoped_lock lock(mutex_);
    const Search& search = networks_[network];
    return search.found ? search.best : 0;
}

} // namespace openset::flow
