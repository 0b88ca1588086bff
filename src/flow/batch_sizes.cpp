#include "flow/batch_sizes.hpp"

#include <algorithm>

namespace openset::flow {
namespace {

constexpr int first_size = 8;
constexpr int passes_of_a_trial = 4; ///< the least of several: other programs and a network's first passes only add
constexpr double faster = 0.98;

} // namespace

BatchSizes::BatchSizes(const std::vector<int>& known, int most) {
    for (const int size : known) {
        Search search;
        search.most = most;
        search.searching = size == 0;
        search.size = search.best = search.searching ? std::min(first_size, most) : std::min(size, most);
        networks_.push_back(search);
    }
}

int BatchSizes::of(std::size_t network) const {
    const std::scoped_lock lock(mutex_);
    return networks_[network].size;
}

int BatchSizes::largest() const {
    const std::scoped_lock lock(mutex_);
    return std::ranges::max_element(networks_, {}, &Search::size)->size;
}

void BatchSizes::measured(std::size_t network, int pictures, double seconds) {
    const std::scoped_lock lock(mutex_);
    Search& search = networks_[network];
    if (!search.searching || search.ended || pictures != search.size) return;
    Trial& trial = search.trials[pictures];
    const double each = seconds / pictures;
    trial.best = trial.passes == 0 ? each : std::min(trial.best, each);
    ++trial.passes;
    advance(search);
}

/// Goes on to the size that is to be tried next, or ends.
void BatchSizes::advance(Search& search) {
    const auto tried = [&search](int size) { return search.trials[size].passes >= passes_of_a_trial; };
    const auto is_faster = [&search](int size) {
        return search.trials[size].best < faster * search.trials[search.best].best;
    };
    const auto next = [&]() -> int {
        if (!tried(search.best)) return search.best;
        for (const int size : {2 * search.best, search.best / 2}) {
            if (size < 1 || size > search.most) continue;
            if (!tried(size)) return size;
            if (is_faster(size)) {
                search.best = size;
                return 0; // its neighbours are others
            }
        }
        search.ended = true;
        return search.best;
    };
    do search.size = next();
    while (search.size == 0);
}

int BatchSizes::lower(std::size_t network, int size) {
    const std::scoped_lock lock(mutex_);
    Search& search = networks_[network];
    const int before = search.size;
    if (size >= before) return before;
    search.most = std::min(search.most, size);
    search.size = std::min(search.size, size);
    if (search.best > size) {
        search.best = size;
        search.ended = false;
    }
    return before;
}

int BatchSizes::found(std::size_t network) const {
    const std::scoped_lock lock(mutex_);
    const Search& search = networks_[network];
    return search.searching && search.ended ? search.size : 0;
}

} // namespace openset::flow
