#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What made a score file: `<scores>.run.json` beside it (format openset-score-run/1).
namespace openset::io {

/// What a column of a score file was computed with.
struct ScoredMethod {
    std::string method;
    std::string fitted_file;   ///< as it was named; empty: a method without a fit
    std::string fitted_sha256; ///< of the fitted file
    std::string fitted_on{};   ///< identity of the store it was fitted on; empty: not told
};

struct ScoreRun {
    std::string openset_version;
    std::string store;                    ///< as it was named
    std::string store_identity;           ///< two stores with the same are of the same pictures and network
    std::string model_name, model_sha256; ///< of the network that filled it; empty: not told
    std::vector<std::string> labels;      ///< [classes]
    std::int64_t rows = 0, failed = 0;    ///< scored rows, and pictures of the store that have none
    std::map<std::string, ScoredMethod> columns;
    std::string scores_sha256; ///< of the score file: one that was changed since has another; empty: not told
};

std::string to_json(const ScoreRun& run);

/// name  of the document in messages. Throws Error(corrupt) with everything that is wrong with it.
ScoreRun parse_score_run(std::string_view json, const std::string& name);

/// The record beside a score file; none where there is none. Throws as parse_score_run(), and Error(unreadable).
std::optional<ScoreRun> read_score_run(const std::filesystem::path& scores);

} // namespace openset::io
