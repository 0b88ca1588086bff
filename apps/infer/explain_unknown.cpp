#include "infer/explain_unknown.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "infer/figures.hpp"
#include "openset/base/printable.hpp"

namespace openset::infer {
namespace {

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
}

/// The classes that OpenMax looks at, by rank, and no more than `most`.
std::vector<std::size_t> by_rank(const detect::Revision& revision, int most) {
    std::vector<std::size_t> ids(revision.omega.size());
    std::iota(ids.begin(), ids.end(), std::size_t{0});
    std::ranges::stable_sort(ids, std::ranges::greater(), [&](std::size_t id) { return revision.omega[id]; });
    ids.resize(std::min(ids.size(), static_cast<std::size_t>(std::max(most, 1))));
    return ids;
}

/// A line a class: how far its mean is, how far beyond its tail that is, and what is left of the class.
std::string class_lines(const std::vector<std::string>& names, const detect::Revision& revision, int most) {
    const auto ids = by_rank(revision, most);
    std::size_t widest = 5;
    for (const std::size_t id : ids) widest = std::max(widest, printable(names[id]).size());
    std::string text = "       " + padded("class", widest) + "   distance   W-score    weight    by OpenMax\n";
    for (const std::size_t id : ids) {
        const auto& distance = revision.distances[id];
        text += "       " + padded(printable(names[id]), widest) +
                padded_left(distance ? number(*distance) : "no mean", 11) + padded_left(number(revision.w[id]), 10) +
                padded_left(number(revision.omega[id]), 10) + padded_left(percent(revision.probabilities[id]), 14) +
                "\n";
    }
    return text + "       " + padded("unknown", widest) + padded_left(percent(revision.p_unknown), 45) + "\n";
}

std::string w_sentence(const detect::Revision& revision, const io::LabelProbability& likeliest) {
    const auto id = static_cast<std::size_t>(likeliest.id);
    const std::string label = printable(likeliest.label);
    if (!revision.distances[id])
        return "No training picture of " + label + " was classified correctly, so it has no mean. ";
    const double w = revision.w[id];
    const std::string tail = "the tail that was fitted to the farthest training pictures of " + label;
    if (w == 0) return "It lies nearer to the mean of " + label + " than where " + tail + " begins. ";
    return "Of " + tail + ", " + percent(1 - w) + " lies farther out than this picture. ";
}

std::string rule_sentence(const io::UnknownFigures& figures, bool per_label, const std::string& label) {
    const std::string rejects = ": " + figures.method + " rejects the picture.";
    if (!figures.threshold) {
        return figures.pass ? "By OpenMax's own rule a class, not unknown, has the largest probability: it passes."
                            : "By OpenMax's own rule, unknown wins" + rejects;
    }
    const std::string score = "The score of " + figures.method + " (larger = more unknown) is " +
                              number(figures.score) +
                              (figures.p_unknown ? ", a probability of unknown of " + percent(*figures.p_unknown) : "");
    const std::string threshold = number(*figures.threshold) + (per_label ? ", the threshold of " + label : "");
    return score +
           (figures.pass ? "; it is not above " + threshold + ": it passes." : "; it is above " + threshold + rejects);
}

} // namespace

std::optional<detect::Revision> revision_of(const cascade::Unknown& unknown, const io::Activations& one_row) {
    const auto* openmax = dynamic_cast<const detect::OpenMax*>(unknown.detector.get());
    if (openmax == nullptr) return std::nullopt;
    return openmax->revise(one_row, 0);
}

std::string unknown_text(const cascade::Pipeline& pipeline, const std::optional<detect::Revision>& revision,
                         const io::UnknownFigures& figures, const io::LabelProbability& likeliest, int most) {
    const cascade::Unknown& unknown = *pipeline.unknown;
    std::string text = "Unknown: does it look like what the classifier has learned?\n";
    std::string sentence;
    if (revision) {
        const auto& params = dynamic_cast<const detect::OpenMax&>(*unknown.detector).params();
        text += "  " + figures.method + ", preset " + params.preset + ": " + option_text(params, "distance") +
                " distances of " + params.space + " to the class means\n" +
                class_lines(pipeline.classifier.labels.names, *revision, most);
        sentence = w_sentence(*revision, likeliest);
    }
    const bool per_label =
        std::ranges::adjacent_find(unknown.threshold, std::ranges::not_equal_to()) != unknown.threshold.end();
    const std::string p_value = figures.p_value
                                    ? " Of known pictures " + percent(*figures.p_value) +
                                          " look as odd as this one to all stages together (its conformal p-value)."
                                    : "";
    return text + "  " + sentence + rule_sentence(figures, per_label, printable(likeliest.label)) + p_value + "\n";
}

} // namespace openset::infer
