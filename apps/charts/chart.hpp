#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "charts/svg.hpp"

/// Our charts: what they show is plain data, and one function draws each kind. They are styled by classes alone, so that a
/// page may give them dark colours. Colours are Okabe and Ito's, told apart by everyone; lines and bars differ in their
/// dashes too, and dots in their shapes.
namespace openset::charts {

/// What stands in an <svg> element of this size. Nothing in it has an id, so that many may stand in one page.
struct Drawing {
    int width = 0, height = 0; ///< in the drawing's own unit, about pixels
    std::string content;
    std::string description; ///< of what is seen, for those who do not see it
    std::string title{};     ///< above the drawing in a file of its own; in a page the page has it
};

/// The element, to stand in a page that has page_style().
std::string svg_element(const Drawing& drawing);
/// A document of its own, on light ground.
std::string svg_file(const Drawing& drawing);
/// CSS for pages: the classes of the drawings, in light and dark.
std::string page_style();

// ---- charts with two axes

struct Axis {
    std::string title; ///< with its unit
    Range range;
    bool percent = false; ///< 0..1 is written as 0 %..100 %
};

enum class Style {
    line,
    step, ///< stays at y until the next x
    bars, ///< from x[i] to x[i + 1], one x more than y
    dots,
};

struct Series {
    std::string name; ///< in the legend and the CSV; empty: not in the legend
    Style style = Style::line;
    std::vector<double> x, y; ///< finite
    int colour = 0;           ///< and the dashes, or shape of dots, that go with it: 57 of them, told apart by both
};

/// A vertical line with words.
struct Mark {
    double x = 0;
    std::string text;
};

struct Chart {
    std::string title;
    Axis x, y;
    std::vector<Series> series;
    std::vector<Mark> marks{};
    bool diagonal = false; ///< a thin line from corner to corner: chance, or perfect agreement
};

constexpr int known_colour = 0, unknown_colour = 1;

Drawing draw(const Chart& chart);
/// `series,x,y`, of bars `series,from,to,y`; the axes' titles are the columns' names.
std::string csv_of(const Chart& chart);

/// A range that holds the values and a little more; {0, 1} where there are none.
Range range_around(const std::vector<double>& values);

/// Shares of the values in so many equal bins over the range; what lies outside counts in the outermost.
Series histogram(const std::string& name, const std::vector<double>& values, const Range& range, int bins, int colour);

// ---- others

/// A matrix of numbers, shaded.
struct HeatMap {
    std::string title;
    std::string row_title, column_title;
    std::vector<std::string> rows, columns;
    std::vector<double> values; ///< [rows, columns], finite
    bool by_row = false; ///< shaded by the share of the row's sum; else by the value between the extremes, two-sided
    const char* format = "%.0f";
};

Drawing draw(const HeatMap& map);
std::string csv_of(const HeatMap& map);

/// A bar for each name, from top to bottom.
struct Bars {
    std::string title;
    std::vector<std::string> names;
    std::vector<double> values; ///< 0 or more
    const char* format = "%.0f";
};

Drawing draw(const Bars& bars);

/// What becomes of a number of things at stage after stage.
struct Funnel {
    struct Stage {
        std::string name;
        std::string stopped_name; ///< "stopped"
        std::int64_t reached = 0, stopped = 0;
    };
    std::string title;
    std::vector<Stage> stages;
    std::string rest_name; ///< of what is left in the end
    std::int64_t rest = 0;
};

Drawing draw(const Funnel& funnel);
std::string csv_of(const Funnel& funnel);

} // namespace openset::charts
