#include "sweep/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "charts/chart.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/number_text.hpp"

namespace openset::sweep {
namespace {

using namespace charts;
using stats::ThresholdPoint;
using stats::ThresholdSweep;

struct Curve {
    const char* name;
    char mark;  ///< in the terminal
    int colour; ///< in the SVG
    std::optional<double> (ThresholdSweep::*figure)(const ThresholdPoint&) const;
};

constexpr std::array all_curves = {Curve{"known_acceptance", 'a', known_colour, &ThresholdSweep::known_acceptance},
                                   Curve{"known_accuracy", 'c', 2, &ThresholdSweep::known_accuracy},
                                   Curve{"unknown_rejection", 'u', unknown_colour, &ThresholdSweep::unknown_rejection}};

/// Those that are known.
std::vector<Curve> curves_of(const ThresholdSweep& sweep) {
    std::vector<Curve> curves;
    std::ranges::copy_if(all_curves, std::back_inserter(curves),
                         [&](const Curve& curve) { return (sweep.*curve.figure)(sweep.points.back()).has_value(); });
    return curves;
}

/// The thresholds to show: without the outermost half percent on each side, which may lie far out, but with the picked.
Range shown_range(const Drawing& drawing) {
    std::vector<double> finite;
    for (const ThresholdPoint& point : drawing.sweep.points)
        if (std::isfinite(point.threshold)) finite.push_back(drawing.unit.shown(point.threshold));
    if (finite.empty()) return {};
    std::ranges::sort(finite);
    const auto last = finite.size() - 1;
    Range range{finite[last / 200], finite[last - last / 200]};
    if (drawing.picked && std::isfinite(*drawing.picked)) {
        const double picked = drawing.unit.shown(*drawing.picked);
        range = {std::min(range.low, picked), std::max(range.high, picked)};
    }
    if (range.low == range.high) range = {range.low - 0.5, range.high + 0.5};
    const double margin = 0.02 * (range.high - range.low);
    return {range.low - margin, range.high + margin};
}

double height_at(const Drawing& drawing, const Curve& curve, double shown) {
    return (drawing.sweep.*curve.figure)(drawing.sweep.at(drawing.unit.score(shown))).value_or(0);
}

constexpr int columns = 72, lines = 17;

std::string axis_line(const Range& range) {
    std::string left = formatted("%.4g", range.low), right = formatted("%.4g", range.high);
    std::string line = "      " + left;
    line.resize(std::max<std::size_t>(line.size() + 1, static_cast<std::size_t>(6 + columns) - right.size()), ' ');
    return line + right + "\n";
}

} // namespace

std::string terminal_plot(const Drawing& drawing) {
    const Range range = shown_range(drawing);
    const std::vector<Curve> curves = curves_of(drawing.sweep);
    std::vector<std::string> grid(lines, std::string(columns, ' '));
    const auto column_of = [&](double shown) {
        return static_cast<std::size_t>(
            std::clamp(std::lround(range.share_of(shown) * (columns - 1)), 0L, columns - 1L));
    };
    if (drawing.picked && std::isfinite(*drawing.picked))
        for (std::string& line : grid) line[column_of(drawing.unit.shown(*drawing.picked))] = '|';
    for (const Curve& curve : curves) {
        for (int column = 0; column < columns; ++column) {
            const double shown = range.at(static_cast<double>(column) / (columns - 1));
            const auto line = std::lround((1 - height_at(drawing, curve, shown)) * (lines - 1));
            char& cell = grid[static_cast<std::size_t>(line)][static_cast<std::size_t>(column)];
            cell = cell == ' ' || cell == '|' ? curve.mark : '*';
        }
    }
    std::string text = printable(drawing.title) + "\n";
    for (int line = 0; line < lines; ++line) {
        const int percent = 100 - 100 * line / (lines - 1);
        text += line % 4 == 0 ? formatted("%3.0f %%", percent) : "     ";
        text += "|" + grid[static_cast<std::size_t>(line)] + "\n";
    }
    text += "     +" + std::string(columns, '-') + "\n" + axis_line(range) + "      ";
    for (const Curve& curve : curves) text += std::string(1, curve.mark) + " " + curve.name + "   ";
    text += "* several";
    if (drawing.picked) text += "   | unknown where " + drawing.unit.rule(*drawing.picked);
    return text + "\n";
}

std::string svg_plot(const Drawing& drawing) {
    Chart chart{drawing.title,
                {drawing.unit.falling() ? "threshold (unknown below it)" : "threshold (unknown above it)",
                 shown_range(drawing)},
                {"share of the rows", {0, 1}, true},
                {}};
    constexpr int samples = 1200; // no finer than the picture shows
    for (const Curve& curve : curves_of(drawing.sweep)) {
        Series series{curve.name, Style::step, {}, {}, curve.colour};
        for (int i = 0; i <= samples; ++i) {
            series.x.push_back(chart.x.range.at(static_cast<double>(i) / samples));
            series.y.push_back(height_at(drawing, curve, series.x.back()));
        }
        chart.series.push_back(std::move(series));
    }
    if (drawing.picked && std::isfinite(*drawing.picked))
        chart.marks.push_back(
            {drawing.unit.shown(*drawing.picked), "unknown where " + drawing.unit.rule_in_short(*drawing.picked)});
    return svg_file(draw(chart));
}

} // namespace openset::sweep
