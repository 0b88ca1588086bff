#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "openset/detect/detector.hpp"
#include "openset/detect/training_rows.hpp"
#include "openset/stats/weibull.hpp"
#include "openset/stats/weibull_max.hpp"

/// OpenMax (Bendale & Boult 2016): each class's logit gives away as much of itself to `unknown` as the row lies beyond
/// the tail of the class's training distances.
namespace openset::detect {

// ---- parameters

/// Of a row x to a class mean m.
enum class Distance {
    euclidean,
    squared_euclidean,
    cosine, ///< 1 - cos; 1 where a norm is 0
    eucos,  ///< euclidean / 200 + cosine (OSDN)
};

/// Which rows of a class its mean and its tail are made of.
enum class FitRows {
    correct, ///< whose largest logit is that of their label
    all,
};

/// Which distances of a class make its tail.
enum class TailRows {
    largest,
    last, ///< in the store's order, as seeds/001 did
};

enum class TailFamily {
    weibull_min,
    weibull_max,       ///< the best regular fit
    weibull_max_scipy, ///< where scipy's optimiser ends
};

/// Weight of the i-th largest logit, i = 1..a, a = min(alpha, classes); 0 beyond.
enum class AlphaWeights {
    osdn,    ///< (a + 1 - i) / a
    paper,   ///< (a - i) / a: never rejects with alpha 1
    uniform, ///< 1
};

/// What is done about negative logits, for which the published rule works backwards: of v_i < 0 an outlier's logit
/// rises, and that of unknown falls. a_i = omega_i w_i:
enum class NegativeLogits {
    none,        ///< as published: r_i = v_i (1 - a_i), r_0 = sum v_i a_i
    shift,       ///< the same on v - min v
    clamp,       ///< r_i = v_i - max(v_i, 0) a_i, r_0 = sum max(v_i, 0) a_i
    abs,         ///< the same with |v_i|
    probability, ///< P_i = p_i (1 - a_i), P_0 = sum p_i a_i, p the softmax of v
};

/// The W-score of a class without a fit.
enum class WithoutFit {
    step,  ///< 0 up to the largest distance of the tail, 1 beyond; 1 where the class had no row
    zero,  ///< never a reason to reject
    one,   ///< always one
    error, ///< such a store is refused
};

/// How the system that a preset comes from decides.
enum class Decision {
    threshold, ///< score > threshold
    argmax,    ///< r_0 > max r, or the largest P < epsilon
    notebook,  ///< seeds/001: softmax of the probabilities; unknown has the largest, or the largest < threshold
};

struct OpenMaxParams {
    Distance distance = Distance::euclidean;
    std::string space = "logits"; ///< where distances are taken: `logits`, `features`, or `logits+NAME`: the logits and
                                  ///< a further tensor behind them (CROSR: Yoshihashi et al. 2019), or the features
    FitRows fit_rows = FitRows::correct;
    TailRows tail_rows = TailRows::largest;
    std::int64_t tail_size = 20; ///< at least 1
    TailFamily tail_family = TailFamily::weibull_min;
    std::optional<double> translate;        ///< of weibull_min, > 0; none: auto, the tail's span
    std::optional<std::int64_t> alpha = 10; ///< at least 1, cut to the number of classes; none: all classes
    AlphaWeights alpha_weights = AlphaWeights::osdn;
    NegativeLogits negative_logits = NegativeLogits::probability;
    WithoutFit without_fit = WithoutFit::step;

    // Of the preset, no flags:
    std::string preset = "recommended"; ///< which one this began as
    Decision decision = Decision::threshold;
    double epsilon = 0; ///< of Decision::argmax, 0 to 1

    bool operator==(const OpenMaxParams&) const = default;
};

/// A parameter as a flag: `--tail-size 20`, `--set tail-size=20`, `--grid tail-size=5,10`.
struct OpenMaxOption {
    std::string name;                 ///< without dashes in front: `tail-size`
    std::string value;                ///< what stands for its value in a help text: `N`, `auto|X`, `KIND`
    std::vector<std::string> choices; ///< all values there are; empty: a number, or a name of the network's
    std::string help;                 ///< one line
};

/// Every parameter but the preset, in the order of a help text.
const std::vector<OpenMaxOption>& openmax_options();

/// Sets a parameter from the text that a flag has. Throws Error(usage): no such parameter, or not such a value.
void set_option(OpenMaxParams& params, const std::string& name, const std::string& value);

/// The text that set_option() would read; `auto` and `all` where there is no number.
std::string option_text(const OpenMaxParams& params, const std::string& name);

/// An object with every parameter, keys as the flags with `_` for `-`.
std::string to_json(const OpenMaxParams& params);

/// name  of the document in messages. Throws Error(corrupt) with everything that is wrong with it: every key of
/// to_json() must be there, and no other.
OpenMaxParams parse_openmax_params(std::string_view json, const std::string& name);

/// A known system's choices.
struct OpenMaxPreset {
    std::string name;
    std::string source; ///< where they come from, one sentence
    OpenMaxParams params;
};

/// In the order of a help text; the first is the default.
const std::vector<OpenMaxPreset>& openmax_presets();

/// Throws Error(usage): no such preset.
const OpenMaxPreset& openmax_preset(const std::string& name);

/// The parameters that typed ones make of the preset among them, or of the method's own. method  openmax, openmax-notebook
/// Throws Error(usage): no such preset, parameter or value; a preset that is none of openmax-notebook's.
OpenMaxParams openmax_params(std::string_view method, const Parameters& typed);

// ---- the detector

/// What is known of a class.
struct OpenMaxClass {
    std::string label;
    std::int64_t rows = 0; ///< that its mean and its distances come from; 0: it has neither
    std::variant<stats::TailFit, stats::WeibullMaxFit> tail;

    const stats::TailSummary& summary() const;
    bool has_fit() const { return summary().ok(); }
};

/// Everything that OpenMax computes for a row, to be shown. C = classes.
struct Revision {
    std::vector<std::optional<double>> distances; ///< [C] to the class means; none: the class has no mean
    std::vector<double> w;                        ///< [C] 0 to 1
    std::vector<double> omega;                    ///< [C] 0 to 1, by rank
    std::vector<double> logits;                   ///< [C] revised, r; empty for NegativeLogits::probability
    std::optional<double> unknown_logit;          ///< r_0; none for NegativeLogits::probability
    std::vector<double> probabilities;            ///< [C]; sum to 1 with p_unknown
    double p_unknown = 0;
    double score = 0;            ///< as Detector::score() gives it
    std::int64_t prediction = 0; ///< class with the largest probability (ties: the first); -1: unknown's is larger
                                 ///< (an exact tie keeps the class)
    Decision decision = Decision::threshold; ///< of the detector
    std::vector<double> twice_softmaxed;     ///< [C + 1], unknown last: q of Decision::notebook; empty otherwise, and
                                             ///< where the notebook's arithmetic gave no number
};

/// OpenMax's own rule: unknown has the largest probability, or the largest of the classes is < epsilon. For
/// Decision::notebook: unknown has the largest q, or the largest q is < epsilon; never where q is not a number.
bool rejects_by_argmax(const Revision& revision, double epsilon = 0);

struct OpenMaxState;

/// Scores: `openmax` gives the log odds of unknown, ln(P_0 / (1 - P_0)) = r_0 - LSE(r); P_0 = sigmoid(score).
/// `openmax-notebook` (Decision::notebook) gives -max q, q the softmax of the probabilities; +inf where unknown has the
/// largest q; -inf (never rejected) where exp overflows, which the notebook, comparing with NaN, accepted as class 0.
class OpenMax final : public Detector {
public:
    /// Reads the store three times: means, distances, diagnostics. Memory: classes x (columns of the space + tail).
    /// Throws Error(usage): no label, no row that counts, no such tensor, a class without a fit and WithoutFit::error;
    /// Error(corrupt): a NaN or an infinity in a row, which it names.
    static OpenMax fit(const TrainingRows& rows, const OpenMaxParams& params);
    static OpenMax fit(const io::ActivationStore& store, const OpenMaxParams& params);

    /// Throws Error(corrupt) with everything that is wrong with it. Scores to the last bit what was written.
    static OpenMax from(const io::FittedFile& file);

    std::string_view method() const override;
    Needs needs() const override;
    void score(const io::Activations& activations, std::span<double> scores) const override;
    bool score_is_log_odds() const override { return params().decision != Decision::notebook; }
    std::optional<io::FittedFile> fitted() const override;

    /// activations  as needs() says; finite
    Revision revise(const io::Activations& activations, std::int64_t row) const;

    const OpenMaxParams& params() const;
    const std::vector<OpenMaxClass>& classes() const;
    /// [columns of the space]; empty where the class has no mean
    std::span<const double> mean(std::int64_t index) const;
    /// Sentences about what a person should know of this fit; of a file, those that it was written with.
    const std::vector<std::string>& warnings() const;

private:
    explicit OpenMax(std::shared_ptr<const OpenMaxState> state) : state_(std::move(state)) {}
    std::shared_ptr<const OpenMaxState> state_;
};

} // namespace openset::detect
