#include "openset/io/score_run.hpp"

#include <nlohmann/json.hpp>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/io/run_record.hpp"

namespace openset::io {
namespace {

constexpr const char* run_format = "openset-score-run/1";
constexpr std::uint64_t max_run_bytes = std::uint64_t{64} << 20;

std::string text_of(CheckedObject& object, const std::string& key) {
    const auto value = object.required(key, "a string");
    if (!value) return "";
    if (!value->json().is_string()) value->expected("a string");
    return value->json().is_string() ? value->json().get<std::string>() : "";
}

std::int64_t count_of(CheckedObject& object, const std::string& key) {
    const auto value = object.required(key, "a whole number");
    return value ? value->count(std::int64_t{1} << 53).value_or(0) : 0;
}

ScoredMethod read_column(CheckedObject& object) {
    return {text_of(object, "method"), text_of(object, "fitted_file"), text_of(object, "fitted_sha256"),
            text_of(object, "fitted_on")};
}

ScoreRun read_run(CheckedObject& object) {
    ScoreRun run;
    if (const auto format = object.required("format", run_format)) format->one_of({run_format});
    run.openset_version = text_of(object, "openset");
    run.store = text_of(object, "store");
    run.store_identity = text_of(object, "store_identity");
    run.model_name = text_of(object, "model_name");
    run.model_sha256 = text_of(object, "model_sha256");
    if (const auto labels = object.required("labels", "an array of names")) {
        for (const CheckedValue& label : labels->array("an array of names").value_or(std::vector<CheckedValue>()))
            run.labels.push_back(label.text().value_or(""));
    }
    run.rows = count_of(object, "rows");
    run.failed = count_of(object, "failed");
    if (object.optional("scores_sha256")) run.scores_sha256 = text_of(object, "scores_sha256");
    if (const auto columns = object.required("columns", "an object"))
        if (const auto all = columns->object())
            for (const auto& [name, value] : all->members())
                if (auto column = value.object()) run.columns[name] = read_column(*column);
    return run;
}

} // namespace

std::string to_json(const ScoreRun& run) {
    using OrderedJson = nlohmann::ordered_json;
    OrderedJson columns = OrderedJson::object();
    for (const auto& [name, column] : run.columns) {
        columns[name] = {{"method", column.method},
                         {"fitted_file", column.fitted_file},
                         {"fitted_sha256", column.fitted_sha256},
                         {"fitted_on", column.fitted_on}};
    }
    const OrderedJson json = {{"format", run_format},
                              {"openset", run.openset_version},
                              {"store", run.store},
                              {"store_identity", run.store_identity},
                              {"model_name", run.model_name},
                              {"model_sha256", run.model_sha256},
                              {"labels", run.labels},
                              {"rows", run.rows},
                              {"failed", run.failed},
                              {"scores_sha256", run.scores_sha256},
                              {"columns", columns}};
    return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

ScoreRun parse_score_run(std::string_view json, const std::string& name) {
    JsonProblems problems(name);
    const auto document = parse_json(json, problems);
    ScoreRun run;
    if (document) {
        if (auto object = CheckedValue(*document, "", problems).object("a record of openset score"))
            run = read_run(*object);
    }
    problems.throw_if_any(ErrorKind::corrupt);
    return run;
}

std::optional<ScoreRun> read_score_run(const std::filesystem::path& scores) {
    const auto path = run_record_path(scores);
    try {
        const auto bytes = read_file(path, max_run_bytes);
        return parse_score_run({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::not_found) return std::nullopt;
        if (error.kind() == ErrorKind::corrupt) throw;
        throw Error(error.kind(), path.string() + ": " + error.what());
    }
}

} // namespace openset::io
