#include "detect/feature_bank.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "openset/base/random.hpp"

namespace openset::detect {
namespace {

constexpr const char* bank_name = "bank";

/// So many of the numbers 0 to rows - 1, rising.
std::vector<std::int64_t> chosen(std::int64_t rows, std::int64_t many, std::uint64_t seed) {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(rows));
    std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
    if (many == rows) return numbers;
    Random(seed).shuffle(numbers);
    numbers.resize(static_cast<std::size_t>(many));
    std::ranges::sort(numbers);
    return numbers;
}

} // namespace

Parameter FeatureBank::share_parameter(const std::string& usual, const std::string& source) {
    return {"share", "SHARE", usual, "of the training rows that are kept to be compared with, 0 to 1", source};
}

Parameter FeatureBank::seed_parameter() {
    return {"seed", "N", "0", "of the choice, where the share is below 1", "openset's own"};
}

void FeatureBank::add_to(io::FittedFile& file, const TrainingRows& rows, const ParameterValues& values,
                         std::int64_t at_least, const std::function<void(const TrainingRow&)>& receive) {
    const double share = values.number("share", 0, 1);
    const auto seed = static_cast<std::uint64_t>(values.whole("seed", 0));
    const auto wanted = static_cast<std::int64_t>(std::nearbyint(share * static_cast<double>(rows.rows())));
    const std::int64_t many = std::min(std::max({wanted, at_least, std::int64_t{1}}), rows.rows());
    const std::vector<std::int64_t> numbers = chosen(rows.rows(), many, seed);
    io::FittedFloats& bank = file.float_arrays[bank_name];
    bank.shape = {many, rows.features};
    bank.values.reserve(static_cast<std::size_t>(many * rows.features));
    auto next = numbers.begin();
    for_each_row(rows, [&](const TrainingRow& row) {
        if (next == numbers.end() || row.number != *next) return;
        ++next;
        bank.values.insert(bank.values.end(), row.features.begin(), row.features.end());
        if (receive) receive(row);
    });
    add_diagnostic(file, "bank_rows", many);
    if (many > wanted) {
        add_warning(file, std::to_string(many) + " of " + std::to_string(rows.rows()) +
                              " rows are kept, more than the share says: that would be " + std::to_string(wanted));
    }
}

std::int64_t FeatureBank::features_of(const FittedState& state) {
    return state.floats(bank_name, FittedState::any, FittedState::any).shape[1];
}

FeatureBank::FeatureBank(const io::FittedFile& file)
    : features_(static_cast<std::size_t>(features_of(FittedState(file)))),
      bank_(file.float_arrays.at(bank_name).values) {
    for (std::size_t b = 0; b < bank_.size() / features_; ++b) {
        double squares = 0;
        for (const float value : row(b)) squares += static_cast<double>(value) * static_cast<double>(value);
        lengths_.push_back(std::sqrt(squares));
    }
}

void FeatureBank::for_each_product(
    std::span<const double> queries, std::size_t count,
    const std::function<void(std::size_t b, std::span<const double> products)>& receive) const {
    constexpr std::size_t rows_at_once = 64;
    const auto packed = stats::PackedMatrix::of_transposed(queries.first(count * features_), features_, count);
    std::vector<double> some(rows_at_once * features_), products(rows_at_once * count);
    for (std::size_t first = 0; first < rows(); first += rows_at_once) {
        const std::size_t many = std::min(rows_at_once, rows() - first);
        std::ranges::copy(bank_.subspan(first * features_, many * features_), some.begin());
        std::ranges::fill(products, 0.0);
        packed.add_product({some.data(), static_cast<std::ptrdiff_t>(features_), 1}, many, 0, products.data());
        for (std::size_t i = 0; i < many; ++i) receive(first + i, std::span(products).subspan(i * count, count));
    }
}

} // namespace openset::detect
