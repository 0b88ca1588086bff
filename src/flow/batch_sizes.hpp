#pragma once

#include <mutex>
#include <vector>

namespace openset::flow {

/// How many pictures a forward pass takes at most, for each of several networks. Either known, or found while the networks
/// work: passes of some pictures and of half as many alternate, then of the faster and its neighbour, down as long as less is
/// faster by more than 5 %, else up as long as more is by more than 2 %. Every thread may call.
class BatchSizes {
public:
    /// known  by network, 1 or more; 0: to be found
    /// most   that may be tried
    /// first  that is tried
    BatchSizes(const std::vector<int>& known, int most, int first = 8);

    /// What the next pass may take at most.
    int of(std::size_t network) const;

    /// The largest of all networks.
    int largest() const;

    /// A pass has taken so long. Sizes that are not being tried teach nothing.
    void measured(std::size_t network, int pictures, double seconds);

    /// No larger pass from now on: it ran out of memory. Returns the size that was allowed before.
    int lower(std::size_t network, int size);

    /// What the search ended with; 0 while it has not ended, and where there was none.
    int found(std::size_t network) const;

    /// A size that was known, or found, found no memory: it is not to be known any longer. What is left of it says what else
    /// took memory then.
    bool outgrown(std::size_t network) const;

private:
    struct Trial {
        int passes = 0;
        double least = 0; ///< seconds a picture
        void add(double seconds);
    };
    struct Search {
        int most = 0;
        int best = 0;  ///< the fastest so far
        int rival = 0; ///< that is held against it; 0: none, the search has ended or there is none
        bool found = false;
        bool outgrown = false;
        bool up = false, moved = false; ///< the direction of the rivals; whether one of them was faster
        Trial of_best, of_rival;

        int size() const; ///< that the next pass takes
        void challenge();
        void decide();
    };

    mutable std::mutex mutex_;
    std::vector<Search> networks_;
};

} // namespace openset::flow
