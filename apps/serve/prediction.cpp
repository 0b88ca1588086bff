#include "serve/prediction.hpp"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "openset/io/row_writer.hpp"

namespace openset::serve {
namespace {

std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// What the pipeline has, whether or not the picture came so far.
std::string stage_list(const cascade::Pipeline& pipeline) {
    std::string result;
    for (const cascade::Stage stage : cascade::stages(pipeline))
        result += (result.empty() ? "[\"" : ", \"") + std::string(to_string(stage)) + "\"";
    return result + (pipeline.unknown ? ", \"unknown\"]" : "]");
}

/// Python's f"{round(100 * p, 1)}%"
std::string percent(double probability) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f%%", 100 * probability);
    return text.data();
}

struct Answer {
    std::string pred;
    double probability = 0;
    int level = 2;
};

Answer answer_of(const io::Row& row) {
    const auto stage = row.verdict.decided_by.value_or(io::Stage::classifier);
    if (stage == io::Stage::gate && row.gate) return {"UNKNOWN", row.gate->likeliest.probability, 0};
    if (stage == io::Stage::species && row.species)
        return {row.species->likeliest.label, row.species->likeliest.probability, 1};
    const bool unknown = row.verdict.outcome == io::Outcome::unknown;
    return {unknown ? "UNKNOWN" : row.verdict.label, row.classifier ? row.classifier->likeliest.probability : 0, 2};
}

} // namespace

std::string to_json(const io::Row& row, const cascade::Pipeline& pipeline, const std::string& filename,
                    const std::string& content_type) {
    const Answer answer = answer_of(row);
    return "{\"filename\": " + quoted(filename) + ", \"contenttype\": " + quoted(content_type) +
           ", \"pred\": " + quoted(answer.pred) + ", \"conf\": " + quoted(percent(answer.probability)) +
           ", \"level\": " + std::to_string(answer.level) + ", \"stages\": " + stage_list(pipeline) +
           ", \"row\": " + io::to_json_line(row) + "}";
}

std::string failure_to_json(const io::Row& row) {
    return "{\"detail\": " + quoted(row.failure ? row.failure->message : "failed") +
           ", \"row\": " + io::to_json_line(row) + "}";
}

std::string error_json(const std::string& detail) { return "{\"detail\": " + quoted(detail) + "}"; }

int status_of(const io::Failure& failure) {
    if (failure.kind == "too-large") return 413;
    if (failure.kind == "not-an-image" || failure.kind == "unsupported-format") return 415;
    if (failure.kind == "model") return 500;
    return 422;
}

} // namespace openset::serve
