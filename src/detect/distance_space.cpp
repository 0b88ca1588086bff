#include "detect/distance_space.hpp"

#include <algorithm>
#include <cmath>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"

namespace openset::detect {
namespace {

constexpr std::string_view with_logits = "logits+";
constexpr const char* features_name = "features";

/// The name of the block behind the logits, or in their place; empty for the logits alone.
std::string block_name(const std::string& text) {
    if (text.starts_with(with_logits)) return text.substr(with_logits.size());
    return text == "logits" ? "" : text;
}

/// Throws Error(usage): what there is instead.
[[noreturn]] void refuse_block(const std::string& name, const TrainingRows& rows) {
    std::vector<std::string> known;
    if (rows.features > 0) known.emplace_back(features_name);
    for (const auto& [extra, columns] : rows.extras) known.push_back(extra);
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    throw Error(ErrorKind::usage, rows.name + ": no tensor " + io::in_quotes(name) + " beside the logits, expected " +
                                      (list.empty() ? "--space logits, for there is no other"
                                                    : (known.size() == 1 ? "" : "one of ") + list) +
                                      did_you_mean(name, known));
}

double squared_euclidean(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

double cosine(std::span<const double> a, std::span<const double> b) {
    const double norms = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
    return norms == 0 ? 1 : 1 - dot(a, b) / norms;
}

/// Appends the block's row.
std::span<double>::iterator copy_row(const io::FloatRows& block, std::int64_t index, std::span<double>::iterator to) {
    return std::ranges::copy(block.row(index), to).out;
}

} // namespace

DistanceSpace::DistanceSpace(const std::string& text, const TrainingRows& rows)
    : logits_(text != features_name), needs_{.classes = rows.classes, .features = 0, .extra = {}, .extra_columns = 0} {
    const std::string name = block_name(text);
    if (name.empty()) return;
    if (name == features_name) {
        needs_.features = rows.features;
    } else if (const auto extra = rows.extras.find(name); extra != rows.extras.end()) {
        needs_.extra = name;
        needs_.extra_columns = extra->second;
    }
    if (block_columns() == 0) refuse_block(name, rows);
}

DistanceSpace::DistanceSpace(const std::string& text, std::int64_t classes, std::int64_t columns)
    : logits_(text != features_name), needs_{.classes = classes, .features = 0, .extra = {}, .extra_columns = 0} {
    const std::string name = block_name(text);
    if (name.empty()) return;
    const std::int64_t of_block = columns - (logits_ ? classes : 0);
    if (name == features_name) {
        needs_.features = of_block;
    } else {
        needs_.extra = name;
        needs_.extra_columns = of_block;
    }
}

void DistanceSpace::gather(const io::Activations& activations, std::int64_t index, std::span<double> row) const {
    auto end = row.begin();
    if (logits_) end = copy_row(activations.logits, index, end);
    if (needs_.features > 0) end = copy_row(activations.features, index, end);
    if (needs_.extra_columns > 0) copy_row(activations.extras.at(needs_.extra), index, end);
}

double distance(Distance kind, std::span<const double> row, std::span<const double> mean) {
    constexpr double eucos_divisor = 200; // OSDN's
    switch (kind) {
    case Distance::euclidean: return std::sqrt(squared_euclidean(row, mean));
    case Distance::squared_euclidean: return squared_euclidean(row, mean);
    case Distance::cosine: return cosine(row, mean);
    case Distance::eucos: return std::sqrt(squared_euclidean(row, mean)) / eucos_divisor + cosine(row, mean);
    }
    return 0;
}

} // namespace openset::detect
