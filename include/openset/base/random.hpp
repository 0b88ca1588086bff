#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace openset {

/// Random numbers that are the same wherever they are drawn: std::mt19937_64 from std::seed_seq{seed's lower and upper 32
/// bits, number}, and nothing of the standard library's distributions, which differ from one to another.
class Random {
public:
    /// number  of the stream: those of one seed know nothing of each other, so that what is drawn for the tenth picture
    ///         does not depend on the nine before it
    explicit Random(std::uint64_t seed, std::uint32_t number = 0);

    std::uint64_t bits() { return generator_(); }

    /// In [0, bound), each as likely: the upper 32 bits times bound, shifted right by 32, where those of a short interval are
    /// drawn again (Lemire 2019). bound  above 0
    std::uint32_t below(std::uint32_t bound);

    /// In [from, to], each as likely.
    int integer(int from, int to);

    /// In [from, to): 53 bits between 0 and 1, stretched.
    double uniform(double from = 0, double to = 1);

    /// Whether something of this chance, 0 to 1, happens.
    bool chance(double probability) { return uniform() < probability; }

    /// Brings the values into a random order, each as likely (Fisher and Yates). Fewer than 2^32 of them
    template <typename Value>
    void shuffle(std::vector<Value>& values) {
        for (std::size_t left = values.size(); left > 1; --left)
            std::swap(values[left - 1], values[below(static_cast<std::uint32_t>(left))]);
    }

    /// Of mean 0 and standard deviation 1: the sum of twelve uniform numbers less 6, which needs no logarithm and so has the
    /// same bits with every mathematical library. Nothing lies beyond 6.
    double normal();

private:
    std::mt19937_64 generator_;
};

} // namespace openset
