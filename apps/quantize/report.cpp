#include "quantize/report.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "openset/io/number_text.hpp"

namespace openset::quantize {
namespace {

using Json = nlohmann::ordered_json;

std::string number(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string percent(double share) { return number("%.2f %%", 100 * share); }

/// Columns for people.
std::string line(std::string what, const std::string& before, const std::string& after) {
    what.resize(34, ' ');
    std::string middle = before;
    middle.resize(14, ' ');
    return what + middle + after + "\n";
}

std::string plural(std::int64_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string layers_text(const torch::QuantisedLayers& layers) {
    std::string text = plural(layers.convolutions, "convolution");
    if (layers.sums > 0) text += ", " + plural(layers.sums, "sum");
    if (layers.concatenations > 0) text += ", " + plural(layers.concatenations, "concatenation");
    text += " in eight bits; in float";
    for (const char* separator = " "; const auto& [operation, count] : layers.in_float) {
        text += separator + std::to_string(count) + " " + operation.substr(operation.find("::") + 2);
        separator = ", ";
    }
    return text;
}

Json json_of(const FileFacts& file) { return {{"path", file.path}, {"sha256", file.sha256}, {"bytes", file.bytes}}; }

Json json_of(const Difference& difference) {
    Json json{{"pictures", difference.pictures}, {"agreement", difference.agreement}};
    if (difference.accuracy_before) {
        json["labelled"] = difference.labelled;
        json["accuracy"] = {{"fp32", *difference.accuracy_before}, {"int8", *difference.accuracy_after}};
    }
    json["logit_difference"] = {{"mean", difference.mean_logit}, {"largest", difference.largest_logit}};
    json["cpu_ms"] = {{"fp32", difference.before_ms}, {"int8", difference.after_ms}};
    return json;
}

} // namespace

std::string text_of(const Report& report) {
    const Difference& known = report.known;
    std::string text = layers_text(report.layers) + "\nranges by " + report.observer + " on " +
                       plural(report.calibrated_on, "picture") + "; compared on " + plural(known.pictures, "picture") +
                       " " + report.compared_on + "\n\n";
    text += line("", "fp32", "int8");
    text += line("file", number("%.1f MB", static_cast<double>(report.before.bytes) / 1e6),
                 number("%.1f MB", static_cast<double>(report.after.bytes) / 1e6));
    text += line("CPU time a picture", number("%.2f ms", known.before_ms), number("%.2f ms", known.after_ms));
    if (known.accuracy_before) {
        text += line("accuracy (" + plural(known.labelled, "picture") + ")", percent(*known.accuracy_before),
                     percent(*known.accuracy_after));
    }
    for (const Separation& separation : report.separations)
        text +=
            line("AUROC of " + separation.method, number("%.4f", separation.before), number("%.4f", separation.after));
    text += "\nsame likeliest label      " + percent(known.agreement);
    if (report.unknown)
        text +=
            "; of " + plural(report.unknown->pictures, "unknown picture") + " " + percent(report.unknown->agreement);
    text += "\nlogits differ by          " + number("%.3g", known.mean_logit) + " on the average, " +
            number("%.3g", known.largest_logit) + " at most\n";
    return text;
}

Json json_of(const Report& report) {
    Json in_float = Json::object();
    for (const auto& [operation, count] : report.layers.in_float) in_float[operation] = count;
    Json json{{"format", "openset-quantization/1"},
              {"fp32", json_of(report.before)},
              {"int8", json_of(report.after)},
              {"observer", report.observer}};
    if (report.percentile) json["percentile"] = *report.percentile;
    json["calibrated_on"] = report.calibrated_on;
    json["layers"] = {{"convolutions", report.layers.convolutions},
                      {"sums", report.layers.sums},
                      {"concatenations", report.layers.concatenations},
                      {"in_float", in_float}};
    json["compared_on"] = report.compared_on;
    json["known"] = json_of(report.known);
    if (report.unknown) json["unknown"] = json_of(*report.unknown);
    if (!report.separations.empty()) {
        Json areas = Json::object();
        for (const Separation& separation : report.separations)
            areas[separation.method] = {{"fp32", separation.before}, {"int8", separation.after}};
        json["auroc"] = areas;
    }
    json["failed"] = report.failed;
    return json;
}

} // namespace openset::quantize
