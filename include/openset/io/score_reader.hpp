#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "openset/io/row.hpp"

/// Reading scores back: score files, as `score` wrote them, and the figures of one stage from rows that `infer` wrote.
/// Only what is wanted is kept, as columns.
namespace openset::io {

/// Label names as numbers from 0, in the order in which they were met; shared by tables that are held against each other.
class LabelNames {
public:
    /// The name's number; a new name gets the next one.
    std::int32_t number(std::string_view name);
    std::optional<std::int32_t> find(std::string_view name) const;
    const std::vector<std::string>& names() const { return names_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::vector<std::string> names_;
    std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> numbers_;
};

/// Scores of one file, a row each in the file's order; larger = more unknown, +-infinity is legal, NaN never.
struct ScoreTable {
    std::string file;                    ///< as it was named
    std::int64_t rows = 0;               ///< that have scores
    std::vector<std::int32_t> label;     ///< [rows] the true label; -1: none is told
    std::vector<std::int32_t> predicted; ///< [rows] the label that the network found likeliest; -1: none is told
    std::vector<double> confidence;      ///< [rows], or empty: not wanted, or the file has none

    std::vector<std::string> methods;        ///< names of the score columns
    std::vector<std::vector<double>> scores; ///< [methods][rows]

    std::vector<std::int32_t> w_labels;         ///< labels of the W-scores, in the order of the columns
    std::vector<double> w;                      ///< [rows, w_labels]; empty: not wanted, or the file has none
    std::vector<std::uint8_t> argmax_unknown{}; ///< [rows] P(unknown) > every other P; empty: as `w`
    std::vector<std::string> paths{};           ///< [rows] any bytes; empty: not wanted
    std::vector<std::uint8_t> rejected{};       ///< [rows] by the detector when `infer` ran; empty: not told

    std::int64_t failed = 0;    ///< rows of `infer` without a verdict: not scored
    std::int64_t unreached = 0; ///< rows of `infer` that an earlier stage rejected: this one has no figures for them
};

/// Names of the score columns: what follows the first four and is neither `p:` nor `w:`.
/// Throws Error(not_found, unreadable, corrupt), naming the file.
std::vector<std::string> score_columns(const std::filesystem::path& file);

struct WantedScores {
    std::vector<std::string> methods; ///< score columns
    bool confidence = false;
    bool w_scores = false;       ///< where the file has them
    bool argmax_unknown = false; ///< where the file has probabilities
    bool paths = false;
};

/// Reads a score file in one pass. Memory: what the table holds, and a piece of the file.
/// Throws Error(not_found, unreadable); Error(usage) where a wanted column is missing, with those that there are;
/// Error(corrupt) that names the line: ragged rows, text that is no number, NaN.
ScoreTable read_scores(const std::filesystem::path& file, const WantedScores& wanted, LabelNames& labels);

struct WantedStage {
    Stage stage = Stage::unknown; ///< or gate, species; the classifier has no score of its own
    /// gate: `mass` (default: 1 - mass) or `rank`; species: `mass` (1 - summed probability of the accepted labels);
    /// unknown: the rows' own method, which an empty name takes as it comes.
    std::string method;
    /// species only: whether a label of the filter, a network with two labels, is accepted.
    std::function<bool(int id, const std::string& label)> accepts;
    bool paths = false;
};

/// Reads one stage's scores from rows that `infer` wrote (jsonl or csv). The true label of a row is the name of the
/// picture's folder, where some row of the file names it as a label; predicted is the classifier's likeliest label.
/// Failed rows, and rows that did not reach the stage, are counted and left out.
/// Throws as RowReader; Error(usage) where the rows have no such stage, other methods than the wanted one, or a species
/// filter with more than two labels.
ScoreTable read_stage_scores(const std::filesystem::path& rows, const WantedStage& wanted, LabelNames& labels);

} // namespace openset::io
