#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "openset/detect/training_data.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/activations.hpp"
#include "openset/io/fitted_file.hpp"

/// Detectors: a score for each picture, larger = more unknown.
namespace openset::detect {

/// What a detector needs of the rows it scores.
struct Needs {
    static constexpr std::int64_t any_number = -1; ///< of columns

    std::int64_t classes = 0;  ///< logits of exactly so many columns
    std::int64_t features = 0; ///< 0: it looks at none
    std::string extra = {};    ///< name of a further tensor; empty: none
    std::int64_t extra_columns = 0;
};

/// A detector that is ready to score. Immutable: any number of threads may score at once.
class Detector {
public:
    virtual ~Detector() = default;

    /// As commands and files spell it: `msp`, `openmax`...
    virtual std::string_view method() const = 0;
    virtual Needs needs() const = 0;

    /// The score of each row, from that row alone: the same bits whatever rows stand beside it. May be +-infinity, never
    /// NaN for finite activations.
    /// activations  as needs() says; finite
    /// scores       [activations.rows]
    virtual void score(const io::Activations& activations, std::span<double> scores) const = 0;

    /// Whether the score is the log odds of unknown, so that sigmoid(score) is its probability.
    virtual bool score_is_log_odds() const { return false; }

    /// What write_fitted() stores: method, params, state, arrays, diagnostics; none for a method without a fit.
    virtual std::optional<io::FittedFile> fitted() const { return std::nullopt; }
};

// ---- methods and their parameters

/// A parameter of a method, as `--set k=50` sets it.
struct Parameter {
    std::string name;   ///< `tail-size`
    std::string value;  ///< what stands for its value in a help text: `N`, `PERCENT`, `auto|X`
    std::string usual;  ///< its default, as it would be typed
    std::string help;   ///< one line
    std::string source; ///< where the default comes from
};

/// Parameters as they were typed, by name; of two with one name the later counts. Those that are not given have their
/// defaults.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// What a method needs of the store that it is fitted on, besides the logits.
struct StoreNeeds {
    bool features = false;
    bool head = false;    ///< its weight and bias, with logits = W f + b
    bool labels = false;  ///< of some rows at least
    bool softmax = false; ///< a network that was trained with a softmax: classes exclude each other
    bool sigmoid = false; ///< a network that was trained with a binary loss for each label
    bool rows = true;     ///< every row itself; false: sums over them are enough (TrainingData::merged)
};

/// A method as commands and files know it.
struct Method {
    std::string name;
    std::string summary; ///< for help: what it looks at, who published it
    std::string formula; ///< of the score, one line
    StoreNeeds needs;
    std::vector<Parameter> parameters;
    /// Without a fit, for a network of so many classes; null: the method has to be fitted.
    /// Throws Error(usage): no such parameter, or not such a value.
    std::unique_ptr<Detector> (*make)(std::int64_t classes, const Parameters& parameters);
    /// On labelled rows; null: there is nothing to fit.
    /// Throws Error(usage): parameters as make() does, rows that lack what it needs; Error(corrupt): a row that is not
    /// finite, which it names.
    std::unique_ptr<Detector> (*fit)(const TrainingData& data, const Parameters& parameters);
    /// Out of a fitted file; null: the method has none. Throws Error(corrupt) where the file does not hold together.
    std::unique_ptr<Detector> (*load)(const io::FittedFile& fitted);
};

/// Every method, in the order in which tables show them.
std::span<const Method> methods();

/// Throws Error(usage) with a did-you-mean where there is no such method.
const Method& method_named(std::string_view name);

/// Why the method cannot be fitted on these data, or does not suit their network, in words: "needs features, and the
/// store has none (features.npy)"; none where nothing is missing.
std::optional<std::string> what_is_missing(const Method& method, const TrainingData& data);

/// Fits the method. Throws Error(usage) that says what is missing, or that there is nothing to fit; else as Method::fit.
std::unique_ptr<Detector> fit_detector(const Method& method, const TrainingData& data, const Parameters& parameters);

/// The detector that a fitted file holds. Throws Error(usage) for a method that this version does not know,
/// Error(corrupt) as Method::load does.
std::unique_ptr<Detector> load_detector(const io::FittedFile& fitted);

/// Sentences about what a person should know of a fit: those that the file was written with.
std::vector<std::string> fit_warnings(const io::FittedFile& fitted);

/// Throws Error(usage) that says what the activations lack of what the detector needs.
/// where  names where they come from in the message
void require_needs(const Detector& detector, const io::Activations& activations, const std::string& where);

/// -max p, p the softmax of the logits (Hendrycks & Gimpel 2017).
std::unique_ptr<Detector> make_msp(std::int64_t classes);
/// -max v, v the logits (Hendrycks et al. 2022).
std::unique_ptr<Detector> make_max_logit(std::int64_t classes);
/// -max sigmoid(v), for networks trained with a binary loss for each label.
std::unique_ptr<Detector> make_sigmoid_max(std::int64_t classes);

} // namespace openset::detect
