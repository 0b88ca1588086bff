#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What openset says of one picture: the row of `infer`, whatever format it is written in.
namespace openset::io {

enum class Stage {
    gate,
    species,
    classifier,
    unknown, ///< the detector behind the classifier; it has no network of its own
};

enum class Outcome { known, unknown, failed };

struct LabelProbability {
    int id = 0;
    std::string label;
    double probability = 0;
};

struct GateFigures {
    LabelProbability likeliest; ///< of all labels, accepted or not
    double mass = 0;            ///< summed probability of the accepted labels
    int rank = 0;               ///< best rank of an accepted label, 1 = likeliest
    bool pass = false;
};

struct SpeciesFigures {
    LabelProbability likeliest;
    bool pass = false;
};

struct ClassifierFigures {
    LabelProbability likeliest;
    float max_logit = 0;
    std::optional<std::vector<LabelProbability>> labels; ///< multi-label networks: all that pass, likeliest first
    std::vector<LabelProbability> top;                   ///< likeliest first, ties to the lower id
};

/// What the detector behind the classifier says.
struct UnknownFigures {
    std::string method;
    double score = 0;                ///< larger = more unknown; may be infinite
    std::optional<double> p_unknown; ///< of methods whose score is the log odds of unknown
    std::optional<double> threshold; ///< rejects a score above it; none: OpenMax's own rule, the arg-max, decides
    bool pass = false;
    /// Conformal, of all stages that saw the picture (cascade::ChainCalibration), in (0, 1]; none: nothing was calibrated.
    std::optional<double> p_value{};
};

struct Failure {
    std::string
        kind; ///< not-found, unreadable, empty, not-an-image, unsupported-format, truncated, corrupt, too-large, model
    std::string message;
};

/// How the chain ended for one picture.
struct Verdict {
    Outcome outcome = Outcome::failed;
    std::string label;                 ///< the classifier's label; `unknown` or `failed` otherwise
    std::optional<Stage> decided_by;   ///< none: failed before any stage, while reading or decoding
    std::optional<double> probability; ///< the classifier's, known pictures only

    bool operator==(const Verdict&) const = default;
};

struct Row {
    std::string path; ///< any bytes
    Verdict verdict;
    std::optional<Failure> failure; ///< iff the outcome is failed
    std::optional<GateFigures> gate;
    std::optional<SpeciesFigures> species;
    std::optional<ClassifierFigures> classifier;
    std::optional<UnknownFigures> unknown;
};

std::string_view to_string(Stage stage);
std::string_view to_string(Outcome outcome);

} // namespace openset::io
