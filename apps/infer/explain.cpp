#include "infer/explain.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "cli/signals.hpp"
#include "infer/explain_unknown.hpp"
#include "infer/figures.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/printable.hpp"
#include "openset/image/encode.hpp"

namespace openset::infer {
namespace {

namespace fs = std::filesystem;
using cascade::Stage;

/// What a stage was shown and said.
struct Told {
    Stage stage;
    image::Picture prepared;
    cascade::StageScores scores;
};

struct OnePicture {
    io::Row row;
    image::Size size;
    int divisor = 1; ///< of the file's, by --fast-decode
    std::vector<Told> stages;
    std::optional<detect::Revision> revision; ///< where an OpenMax stands behind the classifier
};

std::string counted(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string size_text(int width, int height) { return std::to_string(width) + " x " + std::to_string(height); }

std::string_view heading(Stage stage) {
    switch (stage) {
    case Stage::gate: return "Gate: is this our kind of thing at all?";
    case Stage::species: return "Species filter: is it our family?";
    case Stage::classifier:
    case Stage::unknown: break; // has no network, and a text of its own
    }
    return "Classifier: which one is it?";
}

std::string_view name_of(Stage stage) {
    switch (stage) {
    case Stage::gate: return "the gate";
    case Stage::species: return "the species filter";
    case Stage::unknown: return "the detector of the unknown";
    case Stage::classifier: break;
    }
    return "the classifier";
}

/// "the gate, the species filter and the classifier"
std::string listed(const std::vector<std::string_view>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + std::string(names[i]);
    return text;
}

const flow::LoadedStage& loaded_stage(const flow::LoadedPipeline& loaded, Stage stage) {
    return *std::ranges::find(loaded.stages, stage, &flow::LoadedStage::stage);
}

std::string preprocess_text(const image::PreprocessSpec& spec) {
    static constexpr std::array interpolations = {"bilinear", "bicubic", "nearest"};
    std::string text;
    const std::string interpolation = interpolations.at(static_cast<std::size_t>(spec.resize.interpolation));
    switch (spec.resize.mode) {
    case image::ResizeMode::none: text = "not resized"; break;
    case image::ResizeMode::shorter_side:
        text = "shorter side resized to " + std::to_string(spec.resize.shorter_side) + " (" + interpolation + ")";
        break;
    case image::ResizeMode::squash:
        text = "squashed to " + size_text(spec.resize.squash.width, spec.resize.squash.height) + " (" + interpolation +
               ")";
        break;
    }
    static constexpr const char* places[] = {"centre", "top left", "top right", "bottom left", "bottom right"};
    if (spec.crop)
        text += std::string(", ") + places[static_cast<int>(spec.crop_place)] + " of " +
                size_text(spec.crop->width, spec.crop->height) + " cut out";
    return spec.mirror ? text + ", mirrored" : text;
}

// ---- labels

std::vector<std::size_t> likeliest_first(const cascade::StageScores& scores) {
    std::vector<std::size_t> ids(scores.probabilities.size());
    std::iota(ids.begin(), ids.end(), std::size_t{0});
    std::ranges::stable_sort(ids, [&](std::size_t a, std::size_t b) { return scores.logits[a] > scores.logits[b]; });
    return ids;
}

bool contains(const std::vector<int>& accept, std::size_t id) {
    return std::ranges::binary_search(accept, static_cast<int>(id));
}

/// A line a label: its place, name, probability and bar, and whether the rule accepts it. The likeliest `most`, and the
/// likeliest accepted one where it is not among them.
std::string label_lines(const cascade::StageLabels& labels, const cascade::StageScores& scores, std::size_t most,
                        const std::vector<int>& accept) {
    const auto ids = likeliest_first(scores);
    std::vector<std::size_t> places(std::min(most, ids.size()));
    std::iota(places.begin(), places.end(), std::size_t{0});
    const auto accepted = std::ranges::find_if(ids, [&](std::size_t id) { return contains(accept, id); });
    if (accepted - ids.begin() >= std::ssize(places) && accepted != ids.end())
        places.push_back(static_cast<std::size_t>(accepted - ids.begin()));

    std::size_t widest = 0;
    for (const std::size_t place : places) widest = std::max(widest, printable(labels.names[ids[place]]).size());
    std::string text;
    for (const std::size_t place : places) {
        const std::size_t id = ids[place];
        std::string name = printable(labels.names[id]);
        name.resize(std::max(name.size(), widest), ' ');
        std::string bar(static_cast<std::size_t>(std::lround(20 * scores.probabilities[id])), '#');
        bar.resize(20, '.');
        text += padded_left(std::to_string(place + 1), 5) + ". " + name + "  " + bar + " " +
                padded_left(percent(scores.probabilities[id]), 9) + (contains(accept, id) ? "  accepted" : "") + "\n";
    }
    if (places.size() < ids.size()) text += "       (" + counted(ids.size() - places.size(), "label") + " not shown)\n";
    return text;
}

// ---- the rules, in words

/// What the rule says of this picture, up to the verdict of the stage.
std::string gate_sentence(const cascade::Gate& gate, const cascade::StageScores& scores,
                          const io::GateFigures& figures) {
    const std::string accepted = counted(gate.accept.size(), "accepted label");
    if (gate.rule == cascade::GateRule::mass) {
        return "The " + accepted + " sum to " + percent(figures.mass) + ", and at least " + percent(gate.min_mass) +
               (figures.pass ? " is needed: it passes." : " would be needed: the gate rejects the picture.");
    }
    const auto ids = likeliest_first(scores);
    const std::string best = printable(gate.labels.names[ids[static_cast<std::size_t>(figures.rank - 1)]]);
    const std::string rule =
        gate.k == 1 ? "the likeliest label" : "one of the " + std::to_string(gate.k) + " likeliest labels";
    return "Of the " + accepted + ", " + best + " comes first, at place " + std::to_string(figures.rank) + " of " +
           std::to_string(ids.size()) + "; an accepted one must be " + rule +
           (figures.pass ? ": it passes." : ": the gate rejects the picture.");
}

std::string species_sentence(const cascade::Species& species, const cascade::StageScores& scores,
                             const io::SpeciesFigures& figures) {
    double mass = 0;
    std::size_t likeliest = static_cast<std::size_t>(species.accept.front());
    for (const int id : species.accept) {
        const auto index = static_cast<std::size_t>(id);
        mass += scores.probabilities[index];
        if (scores.logits[index] > scores.logits[likeliest]) likeliest = index;
    }
    const std::string rejected = ": the species filter rejects the picture.";
    if (!species.min_probability) {
        return figures.pass ? "The likeliest label is an accepted one: it passes."
                            : "The likeliest label is " + printable(figures.likeliest.label) + ", not an accepted one" +
                                  rejected;
    }
    return (species.accept.size() == 1 ? "The accepted label has " : "The accepted labels sum to ") + percent(mass) +
           ", and at least " + percent((*species.min_probability)[likeliest]) +
           (figures.pass ? " is needed: it passes." : " would be needed" + rejected);
}

std::string classifier_sentence(const cascade::Classifier& classifier, const cascade::StageScores& scores,
                                const io::ClassifierFigures& figures) {
    const std::string label = printable(figures.likeliest.label);
    const double needed = classifier.min_probability[static_cast<std::size_t>(figures.likeliest.id)];
    if (!classifier.rejects)
        return "It is asked to name every picture (closed set), and " + label + " is the likeliest.";
    if (classifier.labels.activation == model::Activation::sigmoid) {
        const std::size_t passing = figures.labels ? figures.labels->size() : 0;
        if (passing == 0) {
            return "No label reaches its threshold; the likeliest, " + label + ", has " +
                   percent(figures.likeliest.probability) + " and would need " + percent(needed) +
                   ": the classifier rejects the picture.";
        }
        std::string names;
        for (const io::LabelProbability& each : *figures.labels)
            names += (names.empty() ? "" : ", ") + printable(each.label);
        return counted(passing, "label") + (passing == 1 ? " reaches its threshold: " : " reach their thresholds: ") +
               names + ".";
    }
    if (figures.likeliest.probability < needed) {
        return label + " is the likeliest with " + percent(figures.likeliest.probability) + ", and at least " +
               percent(needed) + " would be needed: the classifier rejects the picture.";
    }
    std::string text = label + " is the likeliest with " + percent(figures.likeliest.probability);
    if (needed > 0) text += ", and at least " + percent(needed) + " is needed";
    const auto ids = likeliest_first(scores);
    if (ids.size() > 1) {
        text += "; its logit of " + number(figures.max_logit) + " is " +
                number(static_cast<double>(scores.logits[ids[0]]) - static_cast<double>(scores.logits[ids[1]])) +
                " above the next, " + printable(classifier.labels.names[ids[1]]);
    }
    return text + ".";
}

std::string stage_text(const flow::LoadedPipeline& loaded, const OnePicture& picture, const Told& told, int top) {
    const flow::LoadedStage& stage = loaded_stage(loaded, told.stage);
    const cascade::Pipeline& pipeline = loaded.pipeline;
    const auto most = static_cast<std::size_t>(std::max(top, 1));
    std::string text = std::string(heading(told.stage)) + "\n  " + stage.file.path.string() + " sees " +
                       size_text(told.prepared.width, told.prepared.height) +
                       " pixels: " + preprocess_text(stage.preprocess) + "\n";
    switch (told.stage) {
    case Stage::gate:
        return text + label_lines(pipeline.gate->labels, told.scores, most, pipeline.gate->accept) + "  " +
               gate_sentence(*pipeline.gate, told.scores, *picture.row.gate) + "\n";
    case Stage::species:
        return text + label_lines(pipeline.species->labels, told.scores, most, pipeline.species->accept) + "  " +
               species_sentence(*pipeline.species, told.scores, *picture.row.species) + "\n";
    case Stage::classifier:
    case Stage::unknown: break;
    }
    return text + label_lines(pipeline.classifier.labels, told.scores, most, {}) + "  " +
           classifier_sentence(pipeline.classifier, told.scores, *picture.row.classifier) + "\n";
}

std::string verdict_text(const flow::LoadedPipeline& loaded, const OnePicture& picture) {
    const io::Verdict& verdict = picture.row.verdict;
    if (picture.row.failure) {
        const std::string where = verdict.decided_by ? std::string(name_of(*verdict.decided_by)) + " failed on it"
                                                     : "it could not be read as a picture";
        return "Verdict: failed, because " + where + ".\n  " + picture.row.failure->kind + ": " +
               picture.row.failure->message + "\n";
    }
    if (verdict.outcome == io::Outcome::known) {
        return "Verdict: " + printable(verdict.label) +
               (verdict.probability ? ", with a probability of " + percent(*verdict.probability) : "") + ".\n";
    }
    std::string text = "Verdict: unknown, because " + std::string(name_of(*verdict.decided_by)) + " rejects it.\n";
    std::vector<std::string_view> not_asked;
    for (const flow::LoadedStage& stage : loaded.stages) {
        if (std::ranges::find(picture.stages, stage.stage, &Told::stage) == picture.stages.end())
            not_asked.push_back(name_of(stage.stage));
    }
    if (loaded.pipeline.unknown && !picture.row.unknown) not_asked.push_back(name_of(Stage::unknown));
    if (!not_asked.empty()) text += "  Not asked any more: " + listed(not_asked) + " (--all-stages asks them all).\n";
    return text;
}

// ---- the one picture

/// The archive of `archive.tar//member`, where there is such a file.
std::optional<std::string> archive_of(const std::string& name) {
    if (name.starts_with("-//")) return "-";
    for (auto slashes = name.find("//"); slashes != std::string::npos; slashes = name.find("//", slashes + 1)) {
        std::error_code ignored;
        if (fs::is_regular_file(name.substr(0, slashes), ignored)) return name.substr(0, slashes);
    }
    return std::nullopt;
}

flow::Input find_picture(const std::string& name, const flow::ScanOptions& options) {
    std::error_code ignored;
    if (fs::is_directory(name, ignored)) {
        throw Error(ErrorKind::usage, "--explain " + name + ": is a folder, expected one picture of it");
    }
    const auto archive = archive_of(name);
    const auto source = flow::scan({archive.value_or(name)}, options);
    std::optional<flow::Input> found;
    while (auto input = source->next()) {
        if (archive && input->path != name) continue;
        if (found) {
            throw Error(ErrorKind::usage,
                        "--explain " + name + ": holds several pictures, expected one, such as " + found->path);
        }
        found = std::move(*input);
        if (archive) break;
    }
    if (!found && options.cancellation->requested()) throw cli::Interrupted();
    if (!found)
        throw Error(ErrorKind::usage,
                    "--explain " + name + ": no such picture in " + archive.value_or(name) + "; tar -tf lists them");
    return std::move(*found);
}

class Single : public flow::InputSource {
public:
    explicit Single(flow::Input input) : input_(std::move(input)) {}
    std::optional<flow::Input> next() override { return std::exchange(input_, std::nullopt); }

private:
    std::optional<flow::Input> input_;
};

OnePicture look_at(const flow::LoadedPipeline& loaded, const ExplainOptions& options,
                   const Cancellation& cancellation) {
    OnePicture picture;
    flow::RunnerOptions runner = options.runner;
    runner.jobs = runner.threads = runner.batch = 1;
    runner.observe = [&](const flow::StageObservation& seen) {
        picture.size = seen.decoded;
        picture.divisor = seen.divisor;
        picture.stages.push_back({seen.stage, seen.prepared, seen.scores});
        if (seen.row.unknown) picture.revision = revision_of(*loaded.pipeline.unknown, seen.activations);
    };
    Single source(
        find_picture(options.picture, {.cancellation = &cancellation,
                                       .max_bytes = static_cast<std::uint64_t>(options.runner.decode_memory)}));
    flow::run(
        loaded.pipeline, loaded.networks(), source,
        [&picture](const flow::Delivery& delivery) {
            picture.row = delivery.row;
            return true;
        },
        runner, cancellation);
    if (cancellation.requested()) throw cli::Interrupted();
    return picture;
}

// ---- the preview

void write_picture(const std::string& file, const image::Picture& picture) {
    const auto png = image::encode_png(picture);
    write_file_atomically(file, {reinterpret_cast<const char*>(png.data()), png.size()});
}

std::string preview_file(const std::string& name, Stage stage) {
    const fs::path path(name);
    return (path.parent_path() /
            (path.stem().string() + "-" + std::string(to_string(stage)) + path.extension().string()))
        .string();
}

void refuse_to_replace_what_is_read(const flow::LoadedPipeline& loaded, const ExplainOptions& options) {
    std::vector<fs::path> targets = {options.preview},
                          read = {options.picture, archive_of(options.picture).value_or("")};
    for (const flow::LoadedStage& stage : loaded.stages) {
        targets.emplace_back(preview_file(options.preview, stage.stage));
        read.push_back(stage.file.path);
    }
    for (const fs::path& target : targets) {
        std::error_code ignored; // what is not there cannot be replaced
        if (std::ranges::any_of(read, [&](const fs::path& file) { return fs::equivalent(file, target, ignored); })) {
            throw Error(ErrorKind::usage, "--preview " + options.preview + ": would replace " + target.string() +
                                              "; choose another name");
        }
    }
}

/// One file for all stages that see the same, the first under the name itself.
std::string write_previews(const OnePicture& picture, const std::string& name) {
    std::string text;
    std::vector<bool> done(picture.stages.size());
    for (std::size_t i = 0; i < picture.stages.size(); ++i) {
        if (done[i]) continue;
        std::vector<std::string_view> seen_by;
        for (std::size_t j = i; j < picture.stages.size(); ++j) {
            if (picture.stages[j].prepared != picture.stages[i].prepared) continue;
            done[j] = true;
            seen_by.push_back(name_of(picture.stages[j].stage));
        }
        const std::string file = i == 0 ? name : preview_file(name, picture.stages[i].stage);
        write_picture(file, picture.stages[i].prepared);
        text += file + ": what " + listed(seen_by) + (seen_by.size() == 1 ? " sees\n" : " see\n");
    }
    return text;
}

} // namespace

Explanation explain(const flow::LoadedPipeline& loaded, const ExplainOptions& options,
                    const Cancellation& cancellation) {
    if (!options.preview.empty()) refuse_to_replace_what_is_read(loaded, options);
    const OnePicture picture = look_at(loaded, options, cancellation);
    std::string text = printable(picture.row.path);
    if (!picture.stages.empty()) text += ", " + size_text(picture.size.width, picture.size.height) + " pixels";
    if (picture.divisor > 1) text += ", which is 1/" + std::to_string(picture.divisor) + " of its size (--fast-decode)";
    text += "\n\n";
    for (const Told& told : picture.stages) text += stage_text(loaded, picture, told, options.runner.top) + "\n";
    if (picture.row.unknown) {
        text += unknown_text(loaded.pipeline, picture.revision, *picture.row.unknown, picture.row.classifier->likeliest,
                             options.runner.top) +
                "\n";
    }
    text += verdict_text(loaded, picture);
    if (!options.preview.empty()) {
        const std::string previews = write_previews(picture, options.preview);
        text += "\n" + (previews.empty() ? "No preview: no network saw the picture.\n" : previews);
    }
    return {text, picture.row.failure.has_value()};
}

} // namespace openset::infer
