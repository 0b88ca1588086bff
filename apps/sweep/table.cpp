#include "sweep/table.hpp"

#include <algorithm>
#include <optional>

#include "openset/io/number_text.hpp"

namespace openset::sweep {
namespace {

using stats::ThresholdPoint;

std::optional<double> figure(const std::string& column, const stats::ThresholdSweep& sweep,
                             const ThresholdPoint& point) {
    if (column == "known_accuracy") return sweep.known_accuracy(point);
    if (column == "known_acceptance") return sweep.known_acceptance(point);
    if (column == "unknown_rejection") return sweep.unknown_rejection(point);
    return sweep.balanced_accuracy(point);
}

} // namespace

void sort_by(const std::string& column, const scores::Unit& unit, const stats::ThresholdSweep& sweep,
             std::vector<ThresholdPoint>& points) {
    std::ranges::stable_sort(points, {}, [&](const ThresholdPoint& point) { return unit.shown(point.threshold); });
    if (column == "threshold") return;
    std::ranges::stable_sort(points, std::ranges::greater(),
                             [&](const ThresholdPoint& point) { return figure(column, sweep, point).value_or(0); });
}

void write_table(const std::vector<ThresholdPoint>& points, const stats::ThresholdSweep& sweep,
                 const scores::Unit& unit, ByteSink& sink) {
    std::string line;
    for (const std::string& column : table_columns) line += (line.empty() ? "" : ",") + column;
    sink.write(line + "\r\n");
    for (const ThresholdPoint& point : points) {
        line = io::shortest(unit.shown(point.threshold));
        for (std::size_t i = 1; i < table_columns.size(); ++i) {
            const auto value = figure(table_columns[i], sweep, point);
            line += "," + (value ? io::shortest(*value) : std::string());
        }
        sink.write(line + "\r\n");
    }
}

} // namespace openset::sweep
