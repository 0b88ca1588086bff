#include "report/method.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "charts/chart.hpp"
#include "openset/detect/detector.hpp"
#include "openset/io/csv_field.hpp"

namespace openset::report {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number_float()) return charts::formatted("%.6g", value.get<double>());
    return value.dump();
}

/// `calibration_error_before` as people read it.
std::string words_of(std::string key) {
    std::ranges::replace(key, '_', ' ');
    return key;
}

void add_row(Table& table, const std::string& name, const Json& value, const std::string& hint = "") {
    table.rows.push_back({name, text_of(value)});
    table.hints.push_back(hint);
    table.csv +=
        io::csv_field(name) + "," + io::csv_field(value.is_string() ? value.get<std::string>() : value.dump()) + "\r\n";
}

Table parameter_table(const detect::Method& method, const Json& params) {
    Table table{"parameters", "Parameters", "", {"parameter", "value"}, {}, "parameter,value\r\n"};
    for (const detect::Parameter& parameter : method.parameters) {
        std::string key = parameter.name;
        std::ranges::replace(key, '-', '_');
        add_row(table, parameter.name, params.value(key, Json()), parameter.help);
    }
    return table;
}

/// Figures of the fit that are one number or word; longer ones stand in the fitted file.
Table finding_table(const Json& diagnostics) {
    Table table{"fit", "What the fit found", "", {"figure", "value"}, {}, "figure,value\r\n"};
    for (const auto& [key, value] : diagnostics.items())
        if (!value.is_structured()) add_row(table, words_of(key), value);
    return table;
}

charts::Series diagram(const Json& bins, const std::string& name, int colour) {
    charts::Series series{name, charts::Style::dots, {}, {}, colour};
    for (const Json& bin : bins) {
        series.x.push_back(bin.at(0).get<double>());
        series.y.push_back(bin.at(1).get<double>());
    }
    return series;
}

Figure temperature_figure(const Json& diagnostics) {
    charts::Chart chart{"What the temperature does to the confidence",
                        {"mean confidence of a bin", {0, 1}, true},
                        {"rightly named", {0, 1}, true},
                        {}};
    chart.series = {diagram(diagnostics["reliability_before"], "before", charts::unknown_colour),
                    diagram(diagnostics["reliability_after"], "after", charts::known_colour)};
    chart.diagonal = true;
    const auto error = [&](const char* key) { return percent(diagnostics.value(key, 0.0)); };
    return {"temperature", chart.title,
            "The rows that it was fitted on, in 15 bins of confidence; on the thin line confidence says what is true. "
            "Calibration "
            "error " +
                error("calibration_error_before") + " before, " + error("calibration_error_after") + " after.",
            draw(chart), csv_of(chart)};
}

} // namespace

Section method_section(const io::FittedFile& file) {
    const detect::Method& method = detect::method_named(file.method);
    Section section{"detector", "What the detector learned", {}, {}};
    section.words.push_back(method.name + ": " + method.summary +
                            ". Its score, larger = more unknown: " + method.formula + ".");
    std::ranges::copy(detect::fit_warnings(file), std::back_inserter(section.words));
    const Json diagnostics = Json::parse(file.diagnostics_json);
    if (diagnostics.contains("reliability_before") && diagnostics.contains("reliability_after"))
        section.parts.emplace_back(temperature_figure(diagnostics));
    if (!method.parameters.empty()) section.parts.emplace_back(parameter_table(method, Json::parse(file.params_json)));
    if (Table found = finding_table(diagnostics); !found.rows.empty()) section.parts.emplace_back(std::move(found));
    return section;
}

} // namespace openset::report
