#pragma once

#include <map>
#include <mutex>
#include <vector>

namespace openset::flow {

/// How many pictures a forward pass takes at most, for each of several networks. Either known, or found while the networks
/// work: the time a picture is taken of the passes of a run, beginning with 8 pictures, then of twice and of half as many,
/// and so on in the direction that is faster by more than 2 %. Every thread may call.
class BatchSizes {
public:
    /// known  by network, 1 or more; 0: to be found
    /// most   that may be tried
    BatchSizes(const std::vector<int>& known, int most);

    /// What the next pass may take at most.
    int of(std::size_t network) const;

    /// The largest of all networks.
    int largest() const;

    /// A pass has taken so long. Sizes that are not being tried teach nothing.
    void measured(std::size_t network, int pictures, double seconds);

    /// No larger pass from now on: it ran out of memory. Returns the size that was allowed before.
    int lower(std::size_t network, int size);

    /// What the search ended with; 0 while it has not, and where there was none.
    int found(std::size_t network) const;

private:
    struct Trial {
        int passes = 0;
        double best = 0; ///< least seconds a picture
    };
    struct Search {
        int size = 0; ///< that passes take now
        int most = 0;
        bool searching = false, ended = false;
        int best = 0; ///< the fastest so far
        std::map<int, Trial> trials;
    };
    static void advance(Search& search);

    mutable std::mutex mutex_;
    std::vector<Search> networks_;
};

} // namespace openset::flow
