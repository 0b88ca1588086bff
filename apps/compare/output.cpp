#include "compare/output.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "openset/base/printable.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/number_text.hpp"
#include "openset/io/pretty_json.hpp"

namespace openset::compare {
namespace {

using Json = nlohmann::ordered_json;

std::string percent(const std::optional<double>& value) {
    if (!value) return "-";
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f", 100 * *value);
    return text.data();
}

std::string interval_text(const std::optional<stats::Interval>& interval) {
    if (!interval) return "";
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), " (%.1f-%.1f)", 100 * interval->lower, 100 * interval->upper);
    return text.data();
}

/// Cells of one metric: a line for each contestant, best mean first, a column for each set and group.
struct Table {
    std::vector<std::string> titles;
    std::vector<std::size_t> order;              ///< of the contestants
    std::vector<std::vector<std::string>> cells; ///< [lines][columns]
    std::vector<std::vector<bool>> is_best;      ///< [lines][columns]
};

std::vector<std::size_t> sets_of_column(const Comparison& comparison, std::size_t column) {
    const std::size_t sets = comparison.sets.size();
    return column < sets ? std::vector<std::size_t>{column} : comparison.groups[column - sets].sets;
}

Table table_of(const Comparison& comparison, std::size_t metric) {
    const std::size_t columns = comparison.sets.size() + comparison.groups.size();
    const bool larger = larger_is_better(eval::metrics()[metric]);
    const auto value = [&](std::size_t contestant, std::size_t column) {
        return mean_of(comparison.contestants[contestant], metric, sets_of_column(comparison, column));
    };
    const auto is_better = [&](const std::optional<double>& one, const std::optional<double>& other) {
        return one && (!other || (larger ? *one > *other : *one < *other));
    };
    Table table;
    for (const std::string& set : comparison.sets) table.titles.push_back(printable(set));
    for (const Group& group : comparison.groups) table.titles.push_back(group.name + " mean");
    table.order.resize(comparison.contestants.size());
    std::iota(table.order.begin(), table.order.end(), std::size_t{0});
    std::ranges::stable_sort(table.order, [&](std::size_t a, std::size_t b) {
        return is_better(value(a, columns - 1), value(b, columns - 1));
    });
    for (const std::size_t contestant : table.order) {
        std::vector<std::string> line;
        std::vector<bool> best;
        for (std::size_t column = 0; column < columns; ++column) {
            const auto own = value(contestant, column);
            const auto& measured = comparison.contestants[contestant].by_set;
            line.push_back(percent(own) +
                           (column < comparison.sets.size() ? interval_text(measured[column].intervals[metric]) : ""));
            bool none_better = own.has_value();
            for (const std::size_t other : table.order)
                none_better = none_better && !is_better(value(other, column), own);
            best.push_back(none_better);
        }
        table.cells.push_back(std::move(line));
        table.is_best.push_back(std::move(best));
    }
    return table;
}

/// `=`: not told apart from the best.
std::string name_of(const Contestant& contestant) {
    const auto& behind = contestant.auroc_behind_best;
    return printable(contestant.name) + (behind && behind->lower <= 0 ? " =" : "");
}

std::string plain(const Comparison& comparison, const Table& table) {
    std::size_t width = 6;
    for (const Contestant& contestant : comparison.contestants) width = std::max(width, name_of(contestant).size());
    std::vector<std::size_t> widths;
    for (std::size_t column = 0; column < table.titles.size(); ++column) {
        std::size_t widest = table.titles[column].size();
        for (const auto& line : table.cells) widest = std::max(widest, line[column].size() + 1);
        widths.push_back(widest);
    }
    const auto padded = [](const std::string& text, std::size_t to) {
        return text + std::string(to - std::min(to, text.size()), ' ');
    };
    widths.back() = 0; // nothing stands behind it
    std::string text = "  " + padded("method", width);
    for (std::size_t column = 0; column < widths.size(); ++column)
        text += "  " + padded(table.titles[column], widths[column]);
    text += "\n";
    for (std::size_t line = 0; line < table.order.size(); ++line) {
        text += "  " + padded(name_of(comparison.contestants[table.order[line]]), width);
        for (std::size_t column = 0; column < widths.size(); ++column)
            text += "  " + padded(table.cells[line][column] + (table.is_best[line][column] ? "*" : ""), widths[column]);
        text += "\n";
    }
    return text;
}

std::string escaped_markdown(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '|' || c == '*' || c == '_' || c == '\\' || c == '`' || c == '<') result += '\\';
        result += c;
    }
    return result;
}

std::string markdown_table(const Comparison& comparison, const Table& table) {
    std::string text = "| method |", rule = "| --- |";
    for (const std::string& title : table.titles) {
        text += " " + escaped_markdown(title) + " |";
        rule += " --- |";
    }
    text += "\n" + rule + "\n";
    for (std::size_t line = 0; line < table.order.size(); ++line) {
        text += "| " + escaped_markdown(name_of(comparison.contestants[table.order[line]])) + " |";
        for (std::size_t column = 0; column < table.titles.size(); ++column) {
            const std::string bold = table.is_best[line][column] ? "**" : "";
            text += " " + bold + table.cells[line][column] + bold + " |";
        }
        text += "\n";
    }
    return text;
}

std::string heading(const Comparison& comparison, const About& about) {
    std::string text = std::to_string(comparison.known_rows) + " known rows (" + printable(about.known) + ")";
    if (about.accuracy) text += ", of which the network names " + percent(about.accuracy) + " % rightly";
    text += "; unknown:";
    for (std::size_t i = 0; i < comparison.sets.size(); ++i)
        text +=
            (i == 0 ? " " : ", ") + std::to_string(comparison.unknown_rows[i]) + " " + printable(comparison.sets[i]);
    text += ".\n";
    if (about.bootstrap.resamples > 0) {
        text += "In parentheses 95 % intervals from " + std::to_string(about.bootstrap.resamples) +
                " resamples. \"=\": on the same resamples, not told apart from the best mean AUROC.\n";
    }
    if (!about.members.empty()) {
        text += "Put together, from calibration rows alone:";
        for (std::size_t i = 0; i < about.members.size(); ++i) text += (i == 0 ? " " : ", ") + about.members[i];
        text += ".\n";
    }
    for (const std::string& sentence : about.left_out) text += "Left out: " + sentence + ".\n";
    return text;
}

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json interval_or_null(const std::optional<stats::Interval>& interval) {
    return interval ? Json{interval->lower, interval->upper} : Json();
}

} // namespace

std::string tables_text(const Comparison& comparison, const About& about, const std::vector<std::string>& metrics,
                        bool markdown) {
    std::string text = heading(comparison, about);
    for (std::size_t metric = 0; metric < eval::metrics().size(); ++metric) {
        const eval::MetricInfo& info = eval::metrics()[metric];
        if (std::ranges::find(metrics, info.name) == metrics.end()) continue;
        const Table table = table_of(comparison, metric);
        const std::string title =
            std::string(info.name) + ", %: " + info.meaning + (larger_is_better(info) ? "" : " (less is better)");
        text += markdown ? "\n**" + escaped_markdown(title) + "**\n\n" + markdown_table(comparison, table)
                         : "\n" + title + "\n" + plain(comparison, table);
    }
    return text;
}

std::string csv_text(const Comparison& comparison) {
    std::string text = "method,unknown,metric,value,lower,upper\n";
    const auto add = [&](const Contestant& contestant, const std::string& unknown, std::size_t metric,
                         const std::optional<double>& value, const std::optional<stats::Interval>& interval) {
        const auto field = [](const std::optional<double>& each) { return each ? io::shortest(*each) : ""; };
        text += io::csv_field(contestant.name) + "," + io::csv_field(unknown) + "," + eval::metrics()[metric].name +
                "," + field(value) + "," + field(interval ? std::optional(interval->lower) : std::nullopt) + "," +
                field(interval ? std::optional(interval->upper) : std::nullopt) + "\n";
    };
    for (const Contestant& contestant : comparison.contestants) {
        for (std::size_t metric = 0; metric < eval::metrics().size(); ++metric) {
            for (std::size_t set = 0; set < comparison.sets.size(); ++set) {
                const eval::Measured& measured = contestant.by_set[set];
                if (measured.values[metric])
                    add(contestant, comparison.sets[set], metric, measured.values[metric], measured.intervals[metric]);
            }
            for (const Group& group : comparison.groups) {
                const auto mean = mean_of(contestant, metric, group.sets);
                if (mean) add(contestant, group.name + " mean", metric, mean, std::nullopt);
            }
        }
    }
    return text;
}

std::string json_text(const Comparison& comparison, const About& about) {
    Json sets = Json::array(), groups = Json::object(), methods = Json::array();
    for (std::size_t i = 0; i < comparison.sets.size(); ++i)
        sets.push_back({{"name", comparison.sets[i]}, {"rows", comparison.unknown_rows[i]}});
    for (const Group& group : comparison.groups) {
        groups[group.name] = Json::array();
        for (const std::size_t set : group.sets) groups[group.name].push_back(comparison.sets[set]);
    }
    for (const Contestant& contestant : comparison.contestants) {
        Json by_set = Json::object(), means = Json::object();
        for (std::size_t metric = 0; metric < eval::metrics().size(); ++metric) {
            const char* name = eval::metrics()[metric].name;
            for (std::size_t set = 0; set < comparison.sets.size(); ++set) {
                const eval::Measured& measured = contestant.by_set[set];
                if (!measured.values[metric]) continue;
                by_set[comparison.sets[set]][name] = {{"value", number_or_null(measured.values[metric])},
                                                      {"interval", interval_or_null(measured.intervals[metric])}};
            }
            for (const Group& group : comparison.groups)
                if (const auto mean = mean_of(contestant, metric, group.sets)) means[group.name][name] = *mean;
        }
        methods.push_back({{"method", contestant.name},
                           {"fusion", contestant.is_fusion},
                           {"unknown", by_set},
                           {"means", means},
                           {"auroc_behind_best", interval_or_null(contestant.auroc_behind_best)}});
    }
    const Json best = comparison.best ? Json(comparison.contestants[*comparison.best].name) : Json();
    return io::pretty(Json{
               {"format", "openset-compare/1"},
               {"known",
                {{"file", about.known}, {"rows", comparison.known_rows}, {"accuracy", number_or_null(about.accuracy)}}},
               {"unknown", sets},
               {"groups", groups},
               {"bootstrap", {{"resamples", about.bootstrap.resamples}, {"seed", about.bootstrap.seed}}},
               {"best", best},
               {"fusion_members", about.members},
               {"left_out", about.left_out},
               {"methods", methods}}) +
           "\n";
}

bool begins_like_comparison(std::string_view head) {
    return head.starts_with("method,unknown,metric,value") || head.find("openset-compare/") != std::string_view::npos ||
           head.find(" known rows (") != std::string_view::npos;
}

} // namespace openset::compare
