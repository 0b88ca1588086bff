#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "openset/cascade/chain_calibration.hpp"
#include "openset/detect/detector.hpp"
#include "openset/io/row.hpp"
#include "openset/model/model_info.hpp"

/// The chain gate -> species -> classifier -> unknown as rules over score vectors: no files, no networks, no threads.
/// Label ids are indices of a network's outputs; probabilities and thresholds lie in 0..1.
namespace openset::cascade {

/// The part of a stage's network that its rule needs to know.
struct StageLabels {
    std::vector<std::string> names;
    /// softmax as well for a network with one output over two labels, whatever its ModelInfo says: its two
    /// probabilities exclude each other.
    model::Activation activation = model::Activation::softmax;
    /// What logits are multiplied by before the softmax; the classifier's alone is not 1. Orders stay as they are.
    double inverse_temperature = 1;
};

enum class GateRule {
    top_k, ///< passes when one of the k likeliest labels is accepted (methods: any-of-top-k)
    mass,  ///< passes when the accepted labels' probabilities sum to min_mass or more
};         // the config's `top-1` is top_k with k = 1

struct Gate {
    StageLabels labels;
    std::vector<int> accept; ///< ascending, no doubles, not empty
    GateRule rule = GateRule::top_k;
    int k = 5;
    double min_mass = 0.5;
};

struct Species {
    StageLabels labels;
    std::vector<int> accept; ///< ascending, no doubles, not empty
    /// By label id: the accepted labels' summed probability must reach the entry of the likeliest accepted label.
    /// None: an accepted label must be the likeliest of all.
    std::optional<std::vector<double>> min_probability;
};

struct Classifier {
    StageLabels labels;
    std::vector<double> min_probability; ///< by label id
    bool rejects = true;                 ///< false: names every picture, whatever its probability (closed set)
};

/// The detector behind the classifier: may reject what the classifier would name.
struct Unknown {
    std::shared_ptr<const detect::Detector> detector;
    /// By id of the classifier's likeliest label: a score above it rejects. Empty: OpenMax's own rule decides (the
    /// arg-max over the revised activations is unknown), and the detector is an OpenMax.
    std::vector<double> threshold;
    /// With OpenMax's own rule: rejects as well where the largest probability is below (the paper's epsilon).
    double epsilon = 0;
};

struct Pipeline {
    std::string name;
    std::optional<Gate> gate;
    std::optional<Species> species;
    Classifier classifier;
    std::optional<Unknown> unknown;
    /// Where the thresholds of gate, species and unknown come from; none: each stage has its own.
    std::shared_ptr<const ChainCalibration> calibration;
};

/// The stages of the pipeline that have a network, in order.
std::vector<Stage> stages(const Pipeline& pipeline);

/// The classifier alone, rejecting nothing.
Pipeline closed_set(Pipeline pipeline);

/// What one network says of one picture.
struct StageScores {
    std::vector<float> logits;         ///< [labels]
    std::vector<double> probabilities; ///< [labels], computed in double from the logits
};

/// Softmax (log-sum-exp form) or sigmoid in double, by the activation. A single logit over two labels is taken as the
/// log odds of the second: its logits become (0, z).
/// logits  [labels], or [1] for two labels; finite
StageScores score(const StageLabels& labels, std::span<const float> logits);

struct StageDecision {
    std::variant<io::GateFigures, io::SpeciesFigures, io::ClassifierFigures> figures;
    std::optional<io::Verdict> verdict; ///< none: the picture goes on to the next stage
};

/// The rule of one stage, applied to one picture. Pure; ties go to the lower id.
/// top  how many labels the classifier's figures list
/// The pipeline must have the stage, and the scores as many entries as the stage has labels.
StageDecision decide(const Pipeline& pipeline, Stage stage, const StageScores& scores, int top = 5);

struct UnknownDecision {
    io::UnknownFigures figures;
    io::Verdict verdict; ///< the classifier's where the picture passes
};

/// The rule behind the classifier, applied to one picture. Pure.
/// activations  of the classifier, as the detector needs them
/// row          the picture's in them
/// scores       of the classifier for the picture
/// classified   what the classifier said of it
UnknownDecision decide_unknown(const Unknown& unknown, const io::Activations& activations, std::int64_t row,
                               const StageScores& scores, const io::Verdict& classified);

/// The p-value of a picture that came as far as the detector, by the figures of its row. The pipeline must have a calibration.
/// named  the classifier names the picture: its own rule does not reject it
double p_value(const Pipeline& pipeline, const io::Row& row, bool named);

/// The smallest mass that a gate lets pass where scores, 1 - mass, above the threshold are rejected.
double mass_at_threshold(double threshold);

/// How likely the gate's rule lets a picture pass that it knows nothing about (methods.md 1.4).
struct ChanceLevel {
    double top_k = 0;        ///< probability that k labels drawn without replacement hit an accepted one
    double uniform_mass = 0; ///< accepted share of all labels: the mass under a uniform softmax
};
ChanceLevel chance_level(const Gate& gate);

/// The sentence to warn with where the gate's rule passes by chance (top-k: more often than not; mass: min_mass is not
/// above the uniform mass); none where the rule is tighter.
std::optional<std::string> loose_gate_warning(const Gate& gate);

} // namespace openset::cascade
