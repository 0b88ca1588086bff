// Fitted files: what is accepted is written, and read again, as the same; a detector that comes of it gives finite
// activations a score that is no NaN.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/detect/detector.hpp"
#include "openset/io/fitted_file.hpp"
#include "scratch_folder.hpp"

namespace {

using namespace openset;

void check_written_back(const io::FittedFile& fitted) {
    const auto copy = scratch_folder() / "copy.json";
    io::write_fitted(copy, fitted);
    const auto again = io::read_fitted(copy);
    const bool same = again.method == fitted.method && again.params_json == fitted.params_json &&
                      again.labels == fitted.labels && again.state_json == fitted.state_json &&
                      again.arrays.size() == fitted.arrays.size();
    if (!same) std::abort();
}

void check_scores(const io::FittedFile& fitted) {
    const auto detector = detect::load_detector(fitted);
    const detect::Needs needs = detector->needs();
    constexpr std::int64_t most = 4096; // columns that are worth the time
    if (needs.classes > most || needs.features > most || needs.extra_columns > most) return;
    const auto matrix = [](std::vector<float>& values, std::int64_t columns) {
        values.resize(static_cast<std::size_t>(2 * columns));
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3;
        return io::FloatRows{2, columns, values.data()};
    };
    std::vector<float> logits, features, extra;
    io::Activations activations{2, matrix(logits, needs.classes), matrix(features, needs.features), {}};
    if (!needs.extra.empty()) activations.extras.emplace(needs.extra, matrix(extra, needs.extra_columns));
    std::vector<double> scores(2);
    detector->score(activations, scores);
    if (std::ranges::any_of(scores, [](double score) { return std::isnan(score); })) std::abort();
}

/// Sums: what every method that is content with them makes of them.
void check_sums(const io::FittedFile& fitted) {
    std::vector<io::FittedFile> parts = {fitted};
    if (fitted.fitted_on.empty()) parts.push_back(fitted);
    const detect::TrainingData data = detect::TrainingData::merged(parts);
    constexpr std::int64_t most = 64; // columns that are worth the time
    if (data.facts().classes > most || data.facts().features > most) return;
    for (const detect::Method& method : detect::methods()) {
        if (!method.fit || what_is_missing(method, data)) continue;
        try {
            check_scores(*fit_detector(method, data, {})->fitted());
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::usage) std::abort();
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = write_scratch("fitted.json", std::string(reinterpret_cast<const char*>(data), size));
    try {
        const auto fitted = io::read_fitted(file);
        check_written_back(fitted);
        fitted.method == detect::TrainingData::sums_name ? check_sums(fitted) : check_scores(fitted);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::usage) std::abort();
    }
    return 0;
}
