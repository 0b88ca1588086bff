#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "openset/cascade/pipeline.hpp"
#include "openset/io/operating_point.hpp"

/// The pipeline config file: what is written in it, before its label names meet the networks' labels.
namespace openset::cascade {

/// One entry of `accept`: "tabby" or "281-284" (string), 281 (id).
using LabelReference = std::variant<std::string, int>;

/// `min_probability`: one number, or one by label name with "*" for the rest.
struct ThresholdConfig {
    std::optional<double> any; ///< the single number, or "*"
    std::map<std::string, double> by_label;
};

struct NetworkConfig {
    std::filesystem::path model;                     ///< absolute, or relative to the working directory
    std::optional<image::PreprocessSpec> preprocess; ///< instead of the network's own
};

struct GateConfig {
    NetworkConfig network;
    std::vector<LabelReference> accept;
    std::string rule = "top-k"; ///< top-k, mass or top-1
    int k = 5;
    double min_mass = 0.5;
    std::optional<std::filesystem::path> operating_point; ///< instead of k or min_mass
};

struct SpeciesConfig {
    NetworkConfig network;
    std::vector<LabelReference> accept;
    std::optional<ThresholdConfig> min_probability;
    std::optional<std::filesystem::path> operating_point; ///< instead of min_probability
};

struct ClassifierConfig {
    NetworkConfig network;
    std::optional<ThresholdConfig> min_probability; ///< default 0 (softmax) or 0.95 (sigmoid)
    /// Probabilities are softmax(logits / T): T itself, or a file that fit --method temperature wrote. At most one.
    std::optional<double> temperature;
    std::optional<std::filesystem::path> fitted_temperature;
};

/// A threshold on a detector's score, as it was written.
struct ScoreThreshold {
    enum class Unit {
        score,
        p_unknown,     ///< "p=0.62": a probability of unknown, of methods whose score is its log odds
        doubled_value, ///< "q=0.35": the twice-softmaxed maximum of openmax-notebook, whose score is -q
    };
    Unit unit = Unit::score;
    double value = 0;

    bool operator==(const ScoreThreshold&) const = default;
};

/// Where the unknown stage's threshold comes from: exactly one of the four is given.
struct UnknownConfig {
    std::optional<std::filesystem::path> fitted; ///< none: a method that needs no fit
    std::string method;                          ///< empty: the fitted file's
    std::optional<ScoreThreshold> any;           ///< one for all, or "*"
    std::map<std::string, ScoreThreshold> by_label;
    bool argmax = false; ///< OpenMax's own rule
    std::optional<std::filesystem::path> operating_point;
    std::optional<double> epsilon; ///< with argmax
};

struct PipelineConfig {
    std::string name; ///< default: the file's name without its ending
    std::optional<GateConfig> gate;
    std::optional<SpeciesConfig> species;
    ClassifierConfig classifier;
    std::optional<UnknownConfig> unknown;
    /// Instead of every threshold of gate, species and unknown; what their rules say holds without it.
    std::optional<std::filesystem::path> calibration;
    std::optional<double> significance; ///< instead of the calibration's budget, between 0 and 1
};

/// Values given by flags instead of the file. Each stands for one key of the config and is checked like it.
/// A new `/gate/rule` drops the file's `k` or `min_mass` where the new rule has no use for it.
struct ConfigOverride {
    std::string pointer;    ///< JSON pointer of the key, e.g. "/gate/k"
    std::string json_value; ///< e.g. "3" or "\"mass\""
    std::string flag;       ///< for messages, e.g. "--gate-top-k"
};

/// Parses the JSON text of a pipeline config (comments allowed); paths are taken relative to `folder`.
/// file  names the config in messages
/// Throws Error(usage) with every problem of the file at once, one a line:
/// `cats.json: /gate/acept: unknown key; did you mean "accept"?`
PipelineConfig parse_pipeline_config(std::string_view json_text, const std::string& file,
                                     const std::filesystem::path& folder,
                                     const std::vector<ConfigOverride>& overrides = {});

/// The networks' labels, as far as the pipeline has the stages.
struct PipelineLabels {
    std::optional<StageLabels> gate, species;
    StageLabels classifier;
};

/// What the files say that a config names beside its networks.
struct PipelineFiles {
    std::map<Stage, io::OperatingPoint> operating_points; ///< of gate, species and unknown, where the config names one
    std::shared_ptr<const ChainCalibration> calibration;  ///< iff the config names one
    std::shared_ptr<const detect::Detector> detector;     ///< iff the config has an unknown stage
    std::string fitted_sha256;                            ///< of the detector's file; empty: it needs none
    std::optional<double> inverse_temperature;            ///< iff the config names a fitted temperature
    bool allow_mismatch = false;                          ///< an operating point of another fitted file is let pass
};

/// Resolves label references and thresholds against the networks' labels.
/// Throws Error(usage) with every problem at once (no such label, with a did-you-mean; a name that occurs twice, with
/// its ids; an id out of range; a sigmoid network as gate or species; k above the number of labels is not one).
Pipeline resolve(const PipelineConfig& config, const PipelineLabels& labels, const std::string& file,
                 const PipelineFiles& files = {});

/// The same config with the classifier's own thresholds under the names of their labels, as rows have them: a config may give
/// ids. classifier  as the config was resolved
PipelineConfig with_thresholds_by_name(PipelineConfig config, const Classifier& classifier);

/// The `accept` of a config's gate or species as JSON, spelt the same for configs that say the same; empty where there is
/// no such stage.
/// config_json  as to_json() gives it
std::string accept_of(std::string_view config_json, Stage stage);

/// Every path of the config: networks, the fitted file, operating points, the calibration.
std::vector<std::filesystem::path*> paths_of(PipelineConfig& config);

/// The config in full, defaults filled in, as JSON text that parse_pipeline_config reads back to the same.
std::string to_json(const PipelineConfig& config);

} // namespace openset::cascade
