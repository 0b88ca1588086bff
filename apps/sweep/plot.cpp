#include "sweep/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "charts/svg.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/number_text.hpp"

namespace openset::sweep {
namespace {

using namespace charts;
using stats::ThresholdPoint;
using stats::ThresholdSweep;

struct Curve {
    const char* name;
    char mark;          ///< in the terminal
    const char* colour; ///< in the SVG: Okabe and Ito's, told apart by everyone
    std::optional<double> (ThresholdSweep::*figure)(const ThresholdPoint&) const;
};

constexpr std::array all_curves = {Curve{"known_acceptance", 'a', "#0072B2", &ThresholdSweep::known_acceptance},
                                   Curve{"known_accuracy", 'c', "#009E73", &ThresholdSweep::known_accuracy},
                                   Curve{"unknown_rejection", 'u', "#D55E00", &ThresholdSweep::unknown_rejection}};

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

/// The frame of the SVG, in its own unit.
struct Frame {
    Range range;
    double left = 64, top = 56, width = 600, height = 320;

    std::string x(double shown) const { return formatted("%.1f", left + width * range.share_of(shown)); }
    std::string y(double rate) const { return formatted("%.1f", top + height * (1 - rate)); }
    std::string right() const { return formatted("%.1f", left + width); }
    std::string bottom() const { return formatted("%.1f", top + height); }
};

std::string svg_axes(const Frame& frame) {
    std::string svg;
    for (const double rate : {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}) {
        svg += svg_line(formatted("%.1f", frame.left), frame.y(rate), frame.right(), frame.y(rate), "stroke=\"#ddd\"");
        svg += svg_text(formatted("%.1f", frame.left - 8), formatted("%.1f", std::stod(frame.y(rate)) + 4), "end",
                        formatted("%.0f %%", 100 * rate));
    }
    for (const double tick : ticks(frame.range)) {
        svg += svg_line(frame.x(tick), frame.bottom(), frame.x(tick), formatted("%.1f", frame.top + frame.height + 5),
                        "stroke=\"#333\"");
        svg += svg_text(frame.x(tick), formatted("%.1f", frame.top + frame.height + 20), "middle",
                        formatted("%.6g", tick + 0.0));
    }
    return svg +
           svg_line(formatted("%.1f", frame.left), frame.bottom(), frame.right(), frame.bottom(), "stroke=\"#333\"");
}

/// Where the curve steps, but no finer than the picture shows.
std::string svg_curve(const Drawing& drawing, const Frame& frame, const Curve& curve) {
    constexpr int samples = 1200;
    std::string path;
    std::string before;
    for (int i = 0; i <= samples; ++i) {
        const double shown = frame.range.at(static_cast<double>(i) / samples);
        const std::string y = frame.y(height_at(drawing, curve, shown));
        if (path.empty()) {
            path = "M" + frame.x(shown) + " " + y;
        } else if (y != before || i == samples) {
            path += "H" + frame.x(shown) + (y != before ? "V" + y : "");
        }
        before = y;
    }
    return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + curve.colour + "\" stroke-width=\"2\"/>\n";
}

std::string svg_legend(const std::vector<Curve>& curves, const Frame& frame) {
    std::string svg;
    double x = frame.left;
    for (const Curve& curve : curves) {
        const std::string y = formatted("%.1f", frame.top - 14);
        svg += svg_line(formatted("%.1f", x), y, formatted("%.1f", x + 24), y,
                        std::string("stroke=\"") + curve.colour + "\" stroke-width=\"3\"");
        svg += svg_text(formatted("%.1f", x + 30), formatted("%.1f", frame.top - 10), "start", curve.name);
        x += 180;
    }
    return svg;
}

std::string svg_picked(const Drawing& drawing, const std::vector<Curve>& curves, const Frame& frame) {
    if (!drawing.picked || !std::isfinite(*drawing.picked)) return "";
    const double shown = drawing.unit.shown(*drawing.picked);
    const std::string x = frame.x(shown);
    std::string svg =
        svg_line(x, formatted("%.1f", frame.top), x, frame.bottom(), "stroke=\"#333\" stroke-dasharray=\"5 4\"");
    for (const Curve& curve : curves) {
        svg += "<circle cx=\"" + x + "\" cy=\"" + frame.y(height_at(drawing, curve, shown)) + "\" r=\"4\" fill=\"" +
               curve.colour + "\"/>\n";
    }
    const bool on_the_right = frame.range.share_of(shown) > 0.6;
    // A white rim, for a curve may pass below the words.
    return svg + svg_text(formatted("%.1f", std::stod(x) + (on_the_right ? -6 : 6)),
                          formatted("%.1f", frame.top + frame.height - 8), on_the_right ? "end" : "start",
                          "unknown where " + drawing.unit.rule(*drawing.picked),
                          " stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\"");
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
    const Frame frame{shown_range(drawing)};
    const std::vector<Curve> curves = curves_of(drawing.sweep);
    std::string svg;
    svg += svg_text(formatted("%.1f", frame.left), "22", "start", shortened(drawing.title, 95), " font-size=\"13\"");
    svg += svg_axes(frame) + svg_legend(curves, frame);
    for (const Curve& curve : curves) svg += svg_curve(drawing, frame, curve);
    svg += svg_picked(drawing, curves, frame);
    svg += svg_text(formatted("%.1f", frame.left + frame.width / 2), "428", "middle",
                    drawing.unit.falling() ? "threshold (unknown below it)" : "threshold (unknown above it)");
    return svg_document(700, 440, svg);
}

} // namespace openset::sweep
