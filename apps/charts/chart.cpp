#include "charts/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "openset/io/csv_field.hpp"
#include "openset/io/number_text.hpp"

namespace openset::charts {
namespace {

struct Colour {
    const char *light, *dark, *dashes;
};

/// Okabe and Ito's; those that would drown in a dark ground are lightened there.
constexpr std::array colours = {
    Colour{"#0072B2", "#56A9E0", ""},     Colour{"#D55E00", "#F0803C", "7 3"},
    Colour{"#009E73", "#2DC29A", "2 3"},  Colour{"#CC79A7", "#DE93BC", "9 3 2 3"},
    Colour{"#B98500", "#E6A817", "4 2"},  Colour{"#3E9BD0", "#7CC4EC", "1 2"},
    Colour{"#4D4D4D", "#BDBDBD", "12 3"}, Colour{"#8F8500", "#E5DA4A", "6 2 1 2"},
};

/// How a series looks: what of the colours, and what of the dashes or shapes of dots.
struct Look {
    std::size_t colour, mark;
};

/// Of eight each, one pair for known pictures and every other pair of the seven that are left; then they begin again.
Look look_of(int number) {
    if (number <= 0) return {0, 0};
    constexpr std::size_t others = colours.size() - 1;
    const auto place = static_cast<std::size_t>(number - 1) % (others * colours.size());
    const std::size_t colour = 1 + place % others;
    return {colour, (colour + place / others) % colours.size()};
}

/// The classes of a line (`l`) or bar (`b`).
std::string stroke_of(char kind, int number) {
    const Look look = look_of(number);
    return std::string("os-") + kind + std::to_string(look.colour) + " os-d" + std::to_string(look.mark);
}

struct Ink {
    const char *name, *light, *dark;
};
constexpr std::array inks = {Ink{"ink", "#24262b", "#e6e4df"}, Ink{"muted", "#6a6d75", "#9a9da6"},
                             Ink{"grid", "#e7e6e1", "#33363d"}, Ink{"ground", "#ffffff", "#1c1e22"}};

constexpr const char* font = "font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif";

/// colour_of  (name of a CSS variable, its colours) -> what stands in the rule
template <typename ColourOf>
std::string rules(const ColourOf& colour_of) {
    std::string css;
    for (std::size_t i = 0; i < colours.size(); ++i) {
        const std::string n = std::to_string(i), colour = colour_of("c" + n, colours[i].light);
        css += ".os-l" + n + "{stroke:" + colour + ";fill:none;stroke-width:2}" // line
               + ".os-b" + n + "{fill:" + colour + ";fill-opacity:.28;stroke:" + colour + ";stroke-width:1.2}" +
               ".os-f" + n + "{fill:" + colour + "}";
        if (*colours[i].dashes) css += ".os-d" + n + "{stroke-dasharray:" + colours[i].dashes + "}";
    }
    const std::string ink = colour_of("ink", inks[0].light), muted = colour_of("muted", inks[1].light),
                      grid = colour_of("grid", inks[2].light), ground = colour_of("ground", inks[3].light);
    return css + ".os-t{fill:" + ink + ";font-size:12px}.os-m{fill:" + muted + ";font-size:11px}.os-g{stroke:" + grid +
           ";stroke-width:1}.os-a{stroke:" + muted + ";stroke-width:1}.os-k{stroke:" + ink +
           ";stroke-width:1.2;stroke-dasharray:3 3}.os-h{paint-order:stroke;stroke:" + ground +
           ";stroke-width:4px;stroke-linejoin:round}.os-bg{fill:" + ground + "}.os-o{fill:" + ground +
           ";font-size:11px}";
}

std::string at(double value) { return formatted("%.1f", value); }

/// Shapes of dots are too small for one digit.
std::string at2(double value) { return formatted("%.2f", value); }

std::string line(double x1, double y1, double x2, double y2, const std::string& css) {
    return svg_line(at(x1), at(y1), at(x2), at(y2), "class=\"" + css + "\"");
}

std::string text(double x, double y, const char* anchor, const std::string& words, const std::string& css,
                 const std::string& more = "") {
    return svg_text(at(x), at(y), anchor, words, " class=\"" + css + "\"" + more);
}

std::string rect(double x, double y, double width, double height, const std::string& css,
                 const std::string& more = "") {
    return "<rect x=\"" + at(x) + "\" y=\"" + at(y) + "\" width=\"" + at(width) + "\" height=\"" + at(height) +
           "\" class=\"" + css + "\"" + more + "/>\n";
}

/// About as wide as the words are in 12 px; what is not Latin is as wide as high.
double width_of(const std::string& words) {
    double width = 0;
    for (const char c : words) {
        const auto byte = static_cast<unsigned char>(c);
        width += byte < 0x80U ? 6.7 : (byte & 0xC0U) == 0x80U ? 2.5 : 6.7;
    }
    return width;
}

/// Lines of about this width, two at most, broken at spaces; what does not fit is cut off.
std::vector<std::string> wrapped(const std::string& words, double width) {
    const auto longest = static_cast<std::size_t>(width / width_of("n"));
    const std::size_t end = bytes_of(words, longest);
    if (words.empty() || end == words.size()) return words.empty() ? std::vector<std::string>() : std::vector{words};
    const std::size_t space = words.rfind(' ', end);
    if (space == std::string::npos) return {shortened(words, longest)};
    return {words.substr(0, space), shortened(words.substr(space + 1), longest)};
}

std::string number(double value, bool percent) {
    return percent ? formatted("%.6g", 100 * value) + " %" : formatted("%.6g", value + 0.0);
}

// ---- charts with two axes

constexpr double chart_width = 390, plot_left = 48, plot_right = 376, plot_height = 190;

constexpr double mark_line = 15; ///< of a mark's words, above the plot

struct Frame {
    const Chart& chart;
    double top = 0;

    double bottom() const { return top + plot_height; }
    double x(double value) const {
        const double share = std::clamp(chart.x.range.share_of(value), 0.0, 1.0);
        return plot_left + share * (plot_right - plot_left);
    }
    double y(double value) const {
        return bottom() - std::clamp(chart.y.range.share_of(value), 0.0, 1.0) * plot_height;
    }
};

/// Fewer ticks than ticks() has, where numbers would touch.
std::vector<double> spaced_ticks(const Axis& axis, double length, bool across) {
    std::vector<double> places = ticks(axis.range);
    double widest = 0;
    for (const double tick : places)
        widest = std::max(widest, across ? width_of(number(tick, axis.percent)) + 12 : 22.0);
    const auto fits = std::max<std::size_t>(2, static_cast<std::size_t>(length / std::max(widest, 1.0)));
    for (std::size_t step : {1U, 2U, 5U, 10U}) {
        if (places.size() / step > fits) continue;
        std::vector<double> kept;
        const double unit = places.size() > 1 ? (places[1] - places[0]) * static_cast<double>(step) : 1;
        for (const double tick : places)
            if (std::abs(std::remainder(tick, unit)) < 1e-6 * unit) kept.push_back(tick);
        return kept;
    }
    return places;
}

std::string axes(const Frame& frame) {
    const Chart& chart = frame.chart;
    std::string svg;
    for (const double tick : spaced_ticks(chart.y, plot_height, false)) {
        svg += line(plot_left, frame.y(tick), plot_right, frame.y(tick), "os-g");
        svg += text(plot_left - 6, frame.y(tick) + 4, "end", number(tick, chart.y.percent), "os-m");
    }
    for (const double tick : spaced_ticks(chart.x, plot_right - plot_left, true)) {
        svg += line(frame.x(tick), frame.bottom(), frame.x(tick), frame.bottom() + 4, "os-a");
        svg += text(frame.x(tick), frame.bottom() + 17, "middle", number(tick, chart.x.percent), "os-m");
    }
    svg += line(plot_left, frame.bottom(), plot_right, frame.bottom(), "os-a");
    svg += text((plot_left + plot_right) / 2, frame.bottom() + 35, "middle", chart.x.title, "os-t");
    const double above = 12 + mark_line * static_cast<double>(chart.marks.size());
    return svg + text(0, frame.top - above, "start", chart.y.title, "os-t");
}

struct Legend {
    std::string svg;
    double height = 0;
};

/// One dot as a part of a path, about as large in every shape.
std::string dot(std::size_t shape, double x, double y, double r) {
    const auto polygon = [&](std::initializer_list<std::pair<double, double>> corners) {
        std::string path;
        for (const auto& [dx, dy] : corners)
            path += (path.empty() ? "M" : "L") + at2(x + r * dx) + " " + at2(y + r * dy);
        return path + "Z";
    };
    switch (shape) {
    case 1: return polygon({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
    case 2: return polygon({{0, -1.3}, {1.2, 0.8}, {-1.2, 0.8}});
    case 3: return polygon({{0, -1.35}, {1.35, 0}, {0, 1.35}, {-1.35, 0}});
    case 4:
        return polygon({{-0.4, -1.3},
                        {0.4, -1.3},
                        {0.4, -0.4},
                        {1.3, -0.4},
                        {1.3, 0.4},
                        {0.4, 0.4},
                        {0.4, 1.3},
                        {-0.4, 1.3},
                        {-0.4, 0.4},
                        {-1.3, 0.4},
                        {-1.3, -0.4},
                        {-0.4, -0.4}});
    case 5: return polygon({{0, 1.3}, {-1.2, -0.8}, {1.2, -0.8}});
    case 6: return polygon({{-0.5, -1.4}, {0.5, -1.4}, {0.5, 1.4}, {-0.5, 1.4}});
    case 7: return polygon({{-1.4, -0.5}, {1.4, -0.5}, {1.4, 0.5}, {-1.4, 0.5}});
    default: {
        const std::string arc = "a" + at2(r) + " " + at2(r) + " 0 1 0 ";
        return "M" + at2(x - r) + " " + at2(y) + arc + at2(2 * r) + " 0" + arc + at2(-2 * r) + " 0Z";
    }
    }
}

std::string dots_path(const std::string& path, int colour) {
    return "<path d=\"" + path + "\" class=\"os-f" + std::to_string(look_of(colour).colour) + "\"/>\n";
}

Legend legend(const Chart& chart) {
    Legend made;
    double x = 0, y = 12;
    for (const Series& series : chart.series) {
        if (series.name.empty()) continue;
        const std::string name = shortened(series.name, 48);
        const double width = width_of(name) + 46;
        if (x > 0 && x + width > chart_width) x = 0, y += 18;
        if (series.style == Style::bars) {
            made.svg += rect(x + 1, y - 9, 20, 10, stroke_of('b', series.colour));
        } else if (series.style == Style::dots) {
            made.svg += dots_path(dot(look_of(series.colour).mark, x + 11, y - 4, 3.4), series.colour);
        } else {
            made.svg += line(x, y - 4, x + 22, y - 4, stroke_of('l', series.colour));
        }
        made.svg += text(x + 28, y, "start", name, "os-t");
        x += width;
    }
    made.height = made.svg.empty() ? 0 : y + 8;
    return made;
}

std::string path_of(const Series& series, const Frame& frame) {
    std::string path, last, height;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
        const std::string x = at(frame.x(series.x[i])), y = at(frame.y(series.y[i]));
        const std::string point = x + " " + y;
        // No finer than the picture shows: neither the same point again, nor each place of a level stretch.
        const bool is_level = series.style == Style::step && y == height && i + 1 < series.x.size();
        if (point == last || is_level) continue;
        path += path.empty() ? "M" + point : series.style == Style::step ? "H" + x + "V" + y : "L" + point;
        last = point;
        height = y;
    }
    return "<path d=\"" + path + "\" class=\"" + stroke_of('l', series.colour) + "\"/>\n";
}

std::string bars_of(const Series& series, const Frame& frame) {
    std::string path = "M" + at(frame.x(series.x.front())) + " " + at(frame.bottom());
    for (std::size_t i = 0; i < series.y.size(); ++i)
        path += "V" + at(frame.y(series.y[i])) + "H" + at(frame.x(series.x[i + 1]));
    return "<path d=\"" + path + "V" + at(frame.bottom()) + "Z\" class=\"" + stroke_of('b', series.colour) + "\"/>\n";
}

std::string dots_of(const Series& series, const Frame& frame) {
    std::size_t dots = 0;
    for (const Series& one : frame.chart.series) dots += one.style == Style::dots ? one.x.size() : 0;
    const double radius = dots > 200 ? 1.7 : 2.6;
    std::string path;
    for (std::size_t i = 0; i < series.x.size(); ++i)
        path += dot(look_of(series.colour).mark, frame.x(series.x[i]), frame.y(series.y[i]), radius);
    return dots_path(path, series.colour);
}

std::string marks_of(const Frame& frame) {
    std::string svg;
    double y = frame.top - 5 - mark_line * (static_cast<double>(frame.chart.marks.size()) - 1);
    for (const Mark& mark : frame.chart.marks) {
        const double x = frame.x(mark.x), half = width_of(mark.text) / 2;
        svg += line(x, y + 3, x, frame.bottom(), "os-k");
        svg += text(std::clamp(x, plot_left + half, std::max(plot_left + half, plot_right - half)), y, "middle",
                    mark.text, "os-t os-h");
        y += mark_line;
    }
    return svg;
}

// ---- CSV

std::string record(const std::vector<std::string>& fields) {
    std::string text;
    for (const std::string& field : fields) text += (text.empty() ? "" : ",") + io::csv_field(field);
    return text + "\r\n";
}

} // namespace

std::string svg_element(const Drawing& drawing) {
    const std::string w = std::to_string(drawing.width), h = std::to_string(drawing.height);
    return "<svg class=\"os\" viewBox=\"0 0 " + w + " " + h + "\" width=\"" + w + "\" height=\"" + h +
           "\" role=\"img\" aria-label=\"" + escaped(drawing.description) + "\">\n" + drawing.content + "</svg>\n";
}

std::string svg_file(const Drawing& drawing) {
    constexpr int margin = 16, line_height = 17;
    constexpr double scale = 1.4; // as large as a reader of one chart wants it
    const std::vector<std::string> title = wrapped(drawing.title, drawing.width);
    const int head = title.empty() ? 0 : line_height * static_cast<int>(title.size()) + 9;
    const int width = drawing.width + 2 * margin, height = drawing.height + 2 * margin + head;
    const std::string style = rules([](const std::string&, const char* light) { return std::string(light); });
    std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"" + std::to_string(-margin) + " " +
                      std::to_string(-margin - head) + " " + std::to_string(width) + " " + std::to_string(height) +
                      "\" width=\"" + at(scale * width) + "\" height=\"" + at(scale * height) + "\" style='" + font +
                      "'>\n" + "<title>" + escaped(drawing.description) + "</title>\n<style>" + style + "</style>\n" +
                      rect(-margin, -margin - head, width, height, "os-bg");
    double y = 10 - head;
    for (const std::string& words : title) {
        svg += text(0, y, "start", words, "os-t");
        y += line_height;
    }
    return svg + drawing.content + "</svg>\n";
}

std::string page_style() {
    std::string light, dark;
    for (std::size_t i = 0; i < colours.size(); ++i) {
        light += "--c" + std::to_string(i) + ":" + colours[i].light + ";";
        dark += "--c" + std::to_string(i) + ":" + colours[i].dark + ";";
    }
    for (const Ink& ink : inks) {
        light += std::string("--") + ink.name + ":" + ink.light + ";";
        dark += std::string("--") + ink.name + ":" + ink.dark + ";";
    }
    const std::string classes = rules([](const std::string& name, const char*) { return "var(--" + name + ")"; });
    return ":root{" + light + "}\n@media screen and (prefers-color-scheme:dark){:root{" + dark + "}}\n" +
           ".os{display:block;width:100%;height:auto;overflow:visible;" + font + "}" + classes + "\n";
}

Drawing draw(const Chart& chart) {
    const Legend names = legend(chart);
    const Frame frame{chart, names.height + 26 + mark_line * static_cast<double>(chart.marks.size())};
    std::string svg = names.svg + axes(frame);
    if (chart.diagonal) svg += line(plot_left, frame.bottom(), plot_right, frame.top, "os-a");
    for (const Series& series : chart.series) {
        if (series.x.empty()) continue;
        svg += series.style == Style::bars   ? bars_of(series, frame)
               : series.style == Style::dots ? dots_of(series, frame)
                                             : path_of(series, frame);
    }
    svg += marks_of(frame);
    return {static_cast<int>(chart_width), static_cast<int>(frame.bottom() + 42), svg,
            chart.title + ": " + chart.y.title + " over " + chart.x.title, chart.title};
}

std::string csv_of(const Chart& chart) {
    const bool bars = std::ranges::any_of(chart.series, [](const Series& s) { return s.style == Style::bars; });
    std::string text = bars ? record({"series", chart.x.title + " from", "to", chart.y.title})
                            : record({"series", chart.x.title, chart.y.title});
    for (const Series& series : chart.series) {
        for (std::size_t i = 0; i < series.y.size(); ++i) {
            std::vector<std::string> fields = {series.name, io::shortest(series.x[i])};
            if (bars) fields.push_back(series.style == Style::bars ? io::shortest(series.x[i + 1]) : "");
            fields.push_back(io::shortest(series.y[i]));
            text += record(fields);
        }
    }
    return text;
}

Range range_around(const std::vector<double>& values) {
    if (values.empty()) return {};
    const auto [low, high] = std::ranges::minmax(values);
    if (low == high) return {low - 0.5, high + 0.5};
    const double margin = 0.02 * (high - low);
    return {low - margin, high + margin};
}

Series histogram(const std::string& name, const std::vector<double>& values, const Range& range, int bins, int colour) {
    Series series{name, Style::bars, {}, std::vector<double>(static_cast<std::size_t>(bins), 0.0), colour};
    for (int i = 0; i <= bins; ++i) series.x.push_back(range.at(static_cast<double>(i) / bins));
    for (const double value : values) {
        const double place = std::clamp(range.share_of(value) * bins, 0.0, bins - 1.0); // infinite ones too
        series.y[static_cast<std::size_t>(place)] += 1 / static_cast<double>(values.size());
    }
    return series;
}

// ---- heat maps

Drawing draw(const HeatMap& map) {
    double name_width = 0;
    for (const std::string& name : map.rows) name_width = std::max(name_width, width_of(shortened(name, 20)));
    const double left = name_width + 10;
    const auto columns = static_cast<double>(map.columns.size());
    const double cell = std::clamp((560 - left) / columns, 9.0, 46.0), height = std::min(cell, 30.0);
    double head = 0;
    for (const std::string& name : map.columns) head = std::max(head, width_of(shortened(name, 20)));
    const double top = head * 0.72 + 30;
    std::string svg =
        text(left, 12, "start", map.column_title, "os-m") + text(0, top - 6, "start", map.row_title, "os-m");
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
        const double x = left + (static_cast<double>(c) + 0.5) * cell + 3;
        svg += text(x, top - 6, "start", shortened(map.columns[c], 20), "os-t",
                    " transform=\"rotate(-45 " + at(x) + " " + at(top - 6) + ")\"");
    }
    double largest = 0;
    for (const double value : map.values) largest = std::max(largest, std::abs(value));
    for (std::size_t r = 0; r < map.rows.size(); ++r) {
        const double y = top + static_cast<double>(r) * height;
        svg += text(left - 8, y + height / 2 + 4, "end", shortened(map.rows[r], 20), "os-t");
        double sum = 0;
        for (std::size_t c = 0; c < map.columns.size(); ++c) sum += map.values[r * map.columns.size() + c];
        for (std::size_t c = 0; c < map.columns.size(); ++c) {
            const double value = map.values[r * map.columns.size() + c], whole = map.by_row ? sum : largest;
            const double share = whole > 0 ? std::abs(value) / whole : 0;
            const bool warm = map.by_row ? map.rows[r] != map.columns[c] : value < 0;
            const double x = left + static_cast<double>(c) * cell;
            svg += rect(x, y, cell - 1, height - 1, "os-g os-bg");
            if (share > 0)
                svg += rect(x, y, cell - 1, height - 1, warm ? "os-f1" : "os-f0",
                            " fill-opacity=\"" + formatted("%.3f", 0.06 + 0.94 * share) + "\"");
            const std::string digits = formatted(map.format, value);
            if (width_of(digits) < cell && (value != 0 || !map.by_row))
                svg += text(x + (cell - 1) / 2, y + height / 2 + 4, "middle", digits, share > 0.55 ? "os-o" : "os-m");
        }
    }
    const double bottom = top + static_cast<double>(map.rows.size()) * height;
    const double right = left + columns * cell + head * 0.72;
    return {static_cast<int>(std::max(right, width_of(map.column_title) + left) + 2), static_cast<int>(bottom + 4), svg,
            map.title + ": " + map.row_title + " by " + map.column_title, map.title};
}

std::string csv_of(const HeatMap& map) {
    std::vector<std::string> head = {map.row_title + " \\ " + map.column_title};
    head.insert(head.end(), map.columns.begin(), map.columns.end());
    std::string text = record(head);
    for (std::size_t r = 0; r < map.rows.size(); ++r) {
        std::vector<std::string> fields = {map.rows[r]};
        for (std::size_t c = 0; c < map.columns.size(); ++c)
            fields.push_back(io::shortest(map.values[r * map.columns.size() + c]));
        text += record(fields);
    }
    return text;
}

// ---- bars

Drawing draw(const Bars& bars) {
    constexpr double width = chart_width, height = 16, row = 22;
    double left = 0, largest = 0;
    for (const std::string& name : bars.names) left = std::max(left, width_of(shortened(name, 28)) + 10);
    for (const double value : bars.values) largest = std::max(largest, value);
    std::string svg;
    double y = 2;
    for (std::size_t i = 0; i < bars.names.size(); ++i, y += row) {
        const double length = largest > 0 ? (width - left - 46) * bars.values[i] / largest : 0;
        svg += text(left - 8, y + 12, "end", shortened(bars.names[i], 28), "os-t");
        svg += rect(left, y, std::max(length, 0.5), height, "os-f0");
        svg += text(left + length + 6, y + 12, "start", formatted(bars.format, bars.values[i]), "os-m");
    }
    return {static_cast<int>(width), static_cast<int>(y), svg, bars.title, bars.title};
}

// ---- funnels

Drawing draw(const Funnel& funnel) {
    constexpr double width = chart_width, height = 24, row = 56;
    const std::int64_t all = funnel.stages.empty() ? funnel.rest : funnel.stages.front().reached;
    const double unit = all > 0 ? width / static_cast<double>(all) : 0;
    std::string svg;
    double y = 14;
    const auto bar = [&](const std::string& name, std::int64_t reached, std::int64_t stopped, const std::string& what) {
        const double passed = static_cast<double>(reached - stopped) * unit, off = static_cast<double>(stopped) * unit;
        svg += text(0, y, "start", name + ": " + std::to_string(reached), "os-t");
        if (stopped > 0) svg += text(width, y, "end", std::to_string(stopped) + " " + what, "os-t");
        svg += rect(0, y + 7, width, height, "os-g os-bg");
        if (passed > 0) svg += rect(0, y + 7, passed, height, "os-f0");
        if (off > 0) svg += rect(passed, y + 7, off, height, "os-b1");
        y += row;
    };
    for (const Funnel::Stage& stage : funnel.stages) bar(stage.name, stage.reached, stage.stopped, stage.stopped_name);
    bar(funnel.rest_name, funnel.rest, 0, "");
    return {static_cast<int>(width), static_cast<int>(y - 18), svg, funnel.title, funnel.title};
}

std::string csv_of(const Funnel& funnel) {
    std::string text = record({"stage", "reached", "stopped"});
    for (const Funnel::Stage& stage : funnel.stages)
        text += record({stage.name, std::to_string(stage.reached), std::to_string(stage.stopped)});
    return text + record({funnel.rest_name, std::to_string(funnel.rest), "0"});
}

} // namespace openset::charts
