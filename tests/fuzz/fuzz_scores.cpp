// Score files: what is accepted has as many values in each column as rows, none of them NaN.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/io/score_reader.hpp"
#include "scratch_folder.hpp"

namespace {

bool has_nan(const std::vector<double>& values) {
    return std::ranges::any_of(values, [](double value) { return std::isnan(value); });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace openset;
    const auto file = write_scratch("scores.csv", std::string(reinterpret_cast<const char*>(data), size));
    try {
        io::LabelNames labels;
        const auto methods = io::score_columns(file);
        const auto table = io::read_scores(file, {methods, true, true, true}, labels);
        const auto rows = static_cast<std::size_t>(table.rows);
        if (table.label.size() != rows || table.predicted.size() != rows) std::abort();
        if (table.scores.size() != methods.size()) std::abort();
        if (table.w.size() != rows * table.w_labels.size() && !table.w.empty()) std::abort();
        for (const auto& column : table.scores) {
            if (column.size() != rows || has_nan(column)) std::abort();
        }
        if (has_nan(table.w) || has_nan(table.confidence)) std::abort();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::usage) std::abort();
    }
    return 0;
}
