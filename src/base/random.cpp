#include "openset/base/random.hpp"

namespace openset {

Random::Random(std::uint64_t seed, std::uint32_t number) {
    std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), number};
    generator_.seed(sequence);
}

std::uint32_t Random::below(std::uint32_t bound) {
    const std::uint32_t unfair = -bound % bound; // 2^32 mod bound
    while (true) {
        const std::uint64_t product = (generator_() >> 32) * bound;
        if (static_cast<std::uint32_t>(product) >= unfair) return static_cast<std::uint32_t>(product >> 32);
    }
}

int Random::integer(int from, int to) {
    const auto many = static_cast<std::uint32_t>(static_cast<std::int64_t>(to) - from + 1);
    return static_cast<int>(from + static_cast<std::int64_t>(below(many)));
}

double Random::uniform(double from, double to) {
    return from + (to - from) * (static_cast<double>(generator_() >> 11) * 0x1p-53);
}

double Random::normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
}

} // namespace openset
