// Files that nobody would make: the corpus of golden/pixels, damaged at random but always in the same way. Whatever
// comes, a decoder gives a picture or an Error, in little time, and of little memory.
//
//   OPENSET_MUTATIONS=N     this many instead of 20,000
//   OPENSET_MUTATION=I      this one alone, written to mutation-I in the working directory before it is decoded

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "openset/base/error.hpp"
#include "openset/image/decode.hpp"
#include "shared_data.hpp"

namespace openset::image {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr auto folder = "golden/pixels";

/// SplitMix64: each number of a mutation seeds one of its own, so that any can be made alone.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15U;
        std::uint64_t value = state_;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
        return value ^ (value >> 31);
    }

    /// 0 to count - 1
    std::size_t below(std::size_t count) { return count == 0 ? 0 : static_cast<std::size_t>(next() % count); }

private:
    std::uint64_t state_;
};

struct Seed {
    std::string name;
    Bytes bytes;
};

/// Files up to 64 kB, by name; larger ones cost time and teach no more.
std::vector<Seed> read_seeds() {
    std::vector<Seed> seeds;
    for (const char* part : {"nasty", "images"}) {
        for (const auto& entry : std::filesystem::directory_iterator(shared_data() / folder / part)) {
            if (entry.file_size() == 0 || entry.file_size() > 65536) continue;
            std::ifstream stream(entry.path(), std::ios::binary);
            seeds.push_back({entry.path().filename(), Bytes(std::istreambuf_iterator<char>(stream), {})});
        }
    }
    std::ranges::sort(seeds, {}, &Seed::name);
    return seeds;
}

// ---- what can befall a file

std::ptrdiff_t signed_size(std::size_t size) { return static_cast<std::ptrdiff_t>(size); }

void flip_bits(Bytes& file, Dice& dice) {
    for (std::size_t count = 1 + dice.below(8); count > 0; --count) {
        file[dice.below(file.size())] ^= static_cast<std::uint8_t>(1U << dice.below(8));
    }
}

void change_bytes(Bytes& file, Dice& dice) {
    for (std::size_t count = 1 + dice.below(16); count > 0; --count) {
        file[dice.below(file.size())] = static_cast<std::uint8_t>(dice.next());
    }
}

/// Sizes, offsets and counts stand near the beginning, mostly, and are two or four bytes long.
void change_number(Bytes& file, Dice& dice) {
    static constexpr std::uint32_t values[] = {0,          1,          2,          3,          7,         8,
                                               255,        256,        0x7FFF,     0x8000,     0xFFFF,    0x10000,
                                               0x00FFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
    const std::size_t length = dice.below(2) == 0 ? 2 : 4;
    const std::size_t reach = dice.below(2) == 0 ? std::min<std::size_t>(file.size(), 128) : file.size();
    const std::size_t at = dice.below(reach);
    const std::uint32_t value = values[dice.below(std::size(values))];
    const bool big_endian = dice.below(2) == 0;
    for (std::size_t i = 0; i < length && at + i < file.size(); ++i) {
        file[at + i] = static_cast<std::uint8_t>(value >> (8 * (big_endian ? length - 1 - i : i)));
    }
}

void cut(Bytes& file, Dice& dice) { file.resize(1 + dice.below(file.size())); }

void remove_piece(Bytes& file, Dice& dice) {
    const std::size_t at = dice.below(file.size()),
                      length = 1 + dice.below(std::min<std::size_t>(file.size() - at, 256));
    file.erase(file.begin() + signed_size(at), file.begin() + signed_size(at + length));
}

void repeat_piece(Bytes& file, Dice& dice) {
    const std::size_t at = dice.below(file.size()),
                      length = 1 + dice.below(std::min<std::size_t>(file.size() - at, 256));
    const Bytes piece(file.begin() + signed_size(at), file.begin() + signed_size(at + length));
    for (std::size_t count = 1 + dice.below(8); count > 0; --count) {
        file.insert(file.begin() + signed_size(at), piece.begin(), piece.end());
    }
}

void fill_piece(Bytes& file, Dice& dice) {
    const std::size_t at = dice.below(file.size()),
                      length = 1 + dice.below(std::min<std::size_t>(file.size() - at, 64));
    std::fill_n(file.begin() + signed_size(at), length, dice.below(2) == 0 ? std::uint8_t{0} : std::uint8_t{0xFF});
}

/// The beginning of one file and the end of another.
void splice(Bytes& file, const Bytes& other, Dice& dice) {
    file.resize(1 + dice.below(file.size()));
    file.insert(file.end(), other.begin() + signed_size(dice.below(other.size())), other.end());
}

/// Makes the sums of a PNG's chunks right again, without which little of it is ever looked at.
void mend_png(Bytes& file) {
    constexpr std::size_t signature = 8, around_data = 12;
    for (std::size_t at = signature; file.size() - std::min(at, file.size()) >= around_data;) {
        const std::size_t length = std::size_t{file[at]} << 24 | std::size_t{file[at + 1]} << 16 |
                                   std::size_t{file[at + 2]} << 8 | std::size_t{file[at + 3]};
        if (length > file.size() - at - around_data) return;
        const auto sum = static_cast<std::uint32_t>(crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4)));
        for (std::size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
        at += around_data + length;
    }
}

Bytes mutated(const std::vector<Seed>& seeds, std::uint64_t number, std::string& made_from) {
    Dice dice(number);
    const Seed& seed = seeds[dice.below(seeds.size())];
    made_from = seed.name;
    Bytes file = seed.bytes;
    static constexpr void (*mutations[])(Bytes&, Dice&) = {flip_bits, change_bytes, change_number, change_number,
                                                           cut,       remove_piece, repeat_piece,  fill_piece};
    for (std::size_t count = 1 + dice.below(3); count > 0; --count) {
        const std::size_t which = dice.below(std::size(mutations) + 1);
        if (which < std::size(mutations))
            mutations[which](file, dice);
        else
            splice(file, seeds[dice.below(seeds.size())].bytes, dice);
        if (file.empty()) file.push_back(0);
    }
    if (file[0] == 0x89 && dice.below(4) != 0) mend_png(file);
    return file;
}

// ---- what must be

constexpr double most_seconds = 10;
// The most that a pixel costs: of a progressive CMYK JPEG that is turned upright 8 bytes of coefficients and two pictures.
const std::int64_t most_bytes = 15 * DecodeOptions{}.max_pixels;
/// Of this process alone, so that a busy machine is no failure.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Decodes one mutation; counts the outcome by its kind and notes whatever must not be.
void check(const Bytes& file, std::map<std::string, int>& outcomes, double& slowest) {
    std::int64_t announced = 0;
    DecodeOptions options{.exif_orientation = ExifOrientation::apply};
    options.before_allocation = [&](const DecodeCost& cost) { announced = cost.bytes; };
    const double start = processor_seconds();
    std::string outcome = "decoded";
    try {
        const Picture picture = decode(file, options).picture;
        if (std::ssize(picture.rgb) != std::int64_t{picture.width} * picture.height * 3)
            outcome = "a picture of another size";
        if (announced < std::ssize(picture.rgb)) outcome = "more than announced";
    } catch (const Error& error) {
        outcome = to_string(error.kind());
    } catch (const std::exception& error) {
        ADD_FAILURE() << "not an Error: " << error.what();
    }
    const double seconds = processor_seconds() - start;
    slowest = std::max(slowest, seconds);
    ++outcomes[outcome];
    EXPECT_LT(seconds, most_seconds);
    EXPECT_LE(announced, most_bytes);
    EXPECT_NE(outcome, "internal");
    EXPECT_NE(outcome, "a picture of another size");
    EXPECT_NE(outcome, "more than announced");
}

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Mutations, EveryDamagedFileIsAPictureOrAnErrorSoon) {
    OPENSET_NEED_SHARED(folder);
    const std::vector<Seed> seeds = read_seeds();
    ASSERT_GT(seeds.size(), 300U);
    const bool one_alone = std::getenv("OPENSET_MUTATION") != nullptr;
    const std::uint64_t first = number_from_environment("OPENSET_MUTATION", 0);
    const std::uint64_t count = one_alone ? 1 : number_from_environment("OPENSET_MUTATIONS", 20'000);

    std::map<std::string, int> outcomes;
    double slowest = 0;
    for (std::uint64_t number = first; number < first + count; ++number) {
        std::string made_from;
        const Bytes file = mutated(seeds, number, made_from);
        SCOPED_TRACE("mutation " + std::to_string(number) + ", of " + made_from);
        if (one_alone) {
            std::ofstream("mutation-" + std::to_string(number), std::ios::binary)
                .write(reinterpret_cast<const char*>(file.data()), std::ssize(file));
        }
        double seconds = 0;
        check(file, outcomes, seconds);
        if (seconds > 1) std::cout << "mutation " << number << ", of " << made_from << ": " << seconds << " s\n";
        slowest = std::max(slowest, seconds);
    }
    for (const auto& [outcome, times] : outcomes) std::cout << times << ' ' << outcome << '\n';
    std::cout << "the slowest took " << slowest << " s\n";
    EXPECT_TRUE(one_alone || outcomes["decoded"] > 0);
}

} // namespace
} // namespace openset::image
