#include "openset/cascade/starter_config.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/cascade/pipeline.hpp"

namespace openset::cascade {
namespace {

using model::NetworkFile;

constexpr std::size_t imagenet_labels = 1000;

// ---- which network is which stage

/// "Egyptian_cat" -> egyptian, cat
std::vector<std::string> words_of(const std::string& label) {
    std::vector<std::string> words(1);
    for (const unsigned char c : label) {
        if (std::isalnum(c) != 0 || c >= 0x80) {
            words.back() += static_cast<char>(std::tolower(c));
        } else if (!words.back().empty()) {
            words.emplace_back();
        }
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

enum class Role { gate, species, classifier };

/// What a network seems to be, and what tells.
struct Guess {
    const NetworkFile* file;
    Role role;
    bool by_name;
    std::string why; ///< "it has 3 labels"
};

struct Roles {
    std::optional<Guess> gate, species;
    Guess classifier;
    std::vector<const NetworkFile*> unused;
    std::vector<std::string> warnings;
};

std::size_t labels_of(const NetworkFile& file) { return file.info.labels.size(); }

std::string number_of_labels(const NetworkFile& file) {
    const auto count = labels_of(file);
    return count == 1 ? "1 label" : std::to_string(count) + " labels";
}

/// Nothing where the name speaks of no stage, or of two. "cat_or_not" is a filter, too.
std::optional<Role> role_in_name(const std::string& name) {
    static const std::map<std::string, Role> signs = {
        {"gate", Role::gate},      {"imagenet", Role::gate},         {"species", Role::species},
        {"filter", Role::species}, {"classifier", Role::classifier}, {"breeds", Role::classifier}};
    const auto words = words_of(name);
    std::set<Role> roles;
    for (std::size_t i = 0; i < words.size(); ++i) {
        for (const auto& [sign, role] : signs) {
            if (words[i].starts_with(sign)) roles.insert(role); // imagenet1k
        }
        if (i > 0 && words[i - 1] == "or" && words[i] == "not") roles.insert(Role::species);
    }
    return roles.size() == 1 ? std::optional(*roles.begin()) : std::nullopt;
}

/// Multi-label networks are classifiers, but for one output over two labels.
bool can_be(Role role, const NetworkFile& file) {
    return role == Role::classifier || file.info.activation == model::Activation::softmax ||
           (role == Role::species && labels_of(file) == 2);
}

Guess guess_role(const NetworkFile& file) {
    const auto in_file = role_in_name(file.path.stem().string()), inside = role_in_name(file.info.name);
    if (in_file && can_be(*in_file, file)) return {&file, *in_file, true, "its file is named so"};
    if (inside && can_be(*inside, file)) return {&file, *inside, true, "its name is " + file.info.name};
    const std::string why = "it has " + number_of_labels(file);
    if (labels_of(file) >= imagenet_labels && can_be(Role::gate, file)) return {&file, Role::gate, false, why};
    if (labels_of(file) == 2) return {&file, Role::species, false, why};
    return {&file, Role::classifier, false, labels_of(file) == 0 ? "it names no labels" : why};
}

/// Lowest first: a name tells more than labels, and labels more than none.
int doubt(const Guess& guess) { return guess.by_name ? 0 : labels_of(*guess.file) > 0 ? 1 : 2; }

/// The one that serves, if any could; where several could as well, the first does and the user is warned.
std::optional<Guess> choose(Role role, const std::string& stage, const std::vector<Guess>& guesses,
                            std::vector<std::string>& warnings) {
    std::vector<Guess> best;
    for (const Guess& guess : guesses) {
        if (guess.role != role || (!best.empty() && doubt(guess) > doubt(best.front()))) continue;
        if (!best.empty() && doubt(guess) < doubt(best.front())) best.clear();
        best.push_back(guess);
    }
    if (best.empty()) return std::nullopt;
    const std::string taken = best.front().file->path.filename().string();
    std::string names;
    for (const Guess& guess : best) names += (names.empty() ? "" : ", ") + guess.file->path.filename().string();
    if (best.size() > 1)
        warnings.push_back(std::to_string(best.size()) + " networks could be the " + stage + " (" + names + "): took " +
                           taken + "; to take another, name it in the config");
    return best.front();
}

Roles guess_roles(const std::vector<NetworkFile>& networks) {
    std::vector<Guess> guesses;
    for (const NetworkFile& file : networks) guesses.push_back(guess_role(file));
    if (std::ranges::find(guesses, Role::classifier, &Guess::role) == guesses.end()) {
        // There has to be one. A filter knows what is wanted better than a gate does.
        Guess& guess = *std::ranges::max_element(guesses, {}, &Guess::role);
        guess = {guess.file, Role::classifier, true,
                 networks.size() == 1 ? "it is the only network" : "no other one seems to be the classifier"};
    }
    Roles roles;
    roles.gate = choose(Role::gate, "gate", guesses, roles.warnings);
    roles.species = choose(Role::species, "species filter", guesses, roles.warnings);
    roles.classifier = *choose(Role::classifier, "classifier", guesses, roles.warnings);
    for (const NetworkFile& file : networks) {
        const bool is_used = (roles.gate && roles.gate->file == &file) ||
                             (roles.species && roles.species->file == &file) || roles.classifier.file == &file;
        if (!is_used) roles.unused.push_back(&file);
    }
    return roles;
}

// ---- which labels pass

/// "not a cat", "no_cat", "other": what a filter is to keep out.
bool is_rest(const std::string& label) {
    static const std::set<std::string> signs = {"not",  "no",         "non",      "none",    "other",  "others",
                                                "rest", "background", "negative", "unknown", "else",   "neither",
                                                "0",    "false",      "without",  "nothing", "random", "outlier"};
    return std::ranges::any_of(words_of(label), [](const std::string& word) { return signs.contains(word); });
}

/// Of two labels the one that is not the rest; the second one where that cannot be told, as scikit-learn counts classes.
/// Nothing to guess from where there are more.
std::optional<std::string> accepted_species(const NetworkFile& file) {
    const auto& labels = file.info.labels;
    if (labels.size() != 2) return std::nullopt;
    return is_rest(labels[1]) && !is_rest(labels[0]) ? labels[0] : labels[1];
}

/// Ids of the gate's labels that the other networks speak of.
std::vector<int> accepted_by_gate(const Roles& roles) {
    std::set<std::vector<std::string>> names;
    std::set<std::string> kinds;
    for (const std::string& label : roles.classifier.file->info.labels) names.insert(words_of(label));
    const auto accepted = roles.species ? accepted_species(*roles.species->file) : std::nullopt;
    for (const std::string& word : words_of(accepted.value_or(""))) kinds.insert(word);
    const auto& labels = roles.gate->file->info.labels;
    std::vector<int> ids;
    for (std::size_t id = 0; id < labels.size(); ++id) {
        const auto words = words_of(labels[id]);
        const bool is_kind = std::ranges::any_of(words, [&](const std::string& word) { return kinds.contains(word); });
        if (is_kind || names.contains(words)) ids.push_back(static_cast<int>(id));
    }
    return ids;
}

/// With few labels and many of them accepted, one of the 5 likeliest nearly always is.
bool passes_by_chance(const std::vector<std::string>& labels, const std::vector<int>& accepted) {
    Gate gate;
    gate.labels.names = labels;
    gate.accept = accepted;
    return loose_gate_warning(gate).has_value();
}

// ---- what stands behind the classifier

struct Detector {
    const io::FittedFile* file;
    const NamedOperatingPoint* point; ///< none: nothing was measured on it
};

/// The first detector that was fitted on this network's activations, one with an operating point before those without.
std::optional<Detector> find_detector(const NetworkFile& classifier, const StarterFiles& files) {
    std::optional<Detector> found;
    for (const io::FittedFile& file : files.detectors) {
        if (file.model_sha256 != classifier.sha256 || file.labels != classifier.info.labels) continue;
        const auto point = std::ranges::find_if(files.points, [&file](const NamedOperatingPoint& named) {
            return named.point.stage == "unknown" && named.point.fitted_sha256 == file.sha256;
        });
        if (point != files.points.end()) return Detector{&file, &*point};
        if (!found) found = Detector{&file, nullptr};
    }
    return found;
}

/// For the terminal: an operating point that is not in the config.
std::string why_unused(const NamedOperatingPoint& named, const std::optional<Detector>& detector) {
    const io::OperatingPoint& point = named.point;
    const std::string text = "operating point not used: " + named.path.string() + ", because it is ";
    if (point.stage != "unknown") return text + "for the " + point.stage + "; name it there as operating_point";
    const std::string method = "a threshold of " + point.method;
    if (point.fitted_sha256.empty())
        return text + method +
               ", which needs no fitted file; /unknown/method and /unknown/operating_point would take it";
    if (!detector) return text + method + " and no detector stands behind the classifier";
    if (point.method != detector->file->method)
        return text + method + " and the detector is " + detector->file->method + ", whose scores are others";
    if (point.fitted_sha256 != detector->file->sha256)
        return text + "of another fit of " + point.method + "; openset sweep --pick measures one on this";
    return text + "a second one of this detector";
}

// ---- writing

std::string json_text(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// In a comment a line break would end it.
std::string in_comment(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
    return text;
}

/// "cat, dog and 6 more", for a comment.
std::string listed(const std::vector<std::string>& labels) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(labels.size(), most); ++i)
        text += (i == 0 ? "" : ", ") + in_comment(labels[i]);
    return text + (labels.size() > most ? " and " + std::to_string(labels.size() - most) + " more" : "");
}

class Writer {
public:
    Writer(const std::filesystem::path& folder, std::vector<std::string>& notes) : folder_(folder), notes_(notes) {}

    std::string model(const NetworkFile& file) const { return "\"model\": " + relative(file.path); }

    std::string gate(const Roles& roles) {
        const auto ids = accepted_by_gate(roles);
        const auto& labels = roles.gate->file->info.labels;
        std::map<std::string, int> times;
        for (const std::string& label : labels) ++times[label];
        std::string accept;
        std::vector<std::string> passing;
        for (const int id : ids) {
            const std::string& label = labels[static_cast<std::size_t>(id)];
            passing.push_back(label);
            accept += (accept.empty() ? "" : ", ") + (times[label] > 1 ? std::to_string(id) : json_text(label));
        }
        note("gate", *roles.gate,
             ids.empty() ? "no label passes yet; fill in /gate/accept"
                         : std::to_string(ids.size()) + " of " + number_of_labels(*roles.gate->file) + " pass (" +
                               listed(passing) + "); look through /gate/accept");
        const std::string hint =
            "    // Of its " + number_of_labels(*roles.gate->file) +
            (ids.empty() ? ", those that pass, by name or id: none is like a label of the other networks.\n"
                         : ", those that pass. Guessed: they are like labels of the other networks.\n");
        const std::string rule =
            passes_by_chance(labels, ids)
                ? "\"rule\": \"mass\", \"min_mass\": 0.5 // passes when accepted labels are as likely as not"
                : "\"rule\": \"top-k\", \"k\": 5 // passes when one of the 5 likeliest labels is accepted";
        return "  // Rejects pictures of other things.\n  \"gate\": {\n    " + model(*roles.gate->file) + ",\n" + hint +
               "    \"accept\": [" + accept + "],\n    " + rule + "\n  },\n";
    }

    std::string species(const Guess& guess) {
        const auto& labels = guess.file->info.labels;
        const auto accepted = accepted_species(*guess.file);
        note("species", guess,
             accepted ? in_comment(*accepted) + " passes; look at /species/accept"
                      : "no label passes yet; fill in /species/accept");
        const std::string hint = accepted ? "guessed; its labels: " + listed(labels)
                                          : "which of its labels pass, nothing tells; they are " + listed(labels);
        return "  // Rejects what is not of the family that the classifier knows.\n  \"species\": {\n    " +
               model(*guess.file) + ",\n    \"accept\": [" + (accepted ? json_text(*accepted) : "") + "], // " + hint +
               "\n    \"min_probability\": 0.5\n  },\n";
    }

    std::string classifier(const Guess& guess, bool is_last) {
        const auto& labels = guess.file->info.labels;
        note("classifier", guess, labels.empty() ? "give it labels with --labels FILE" : "it names " + listed(labels));
        const bool multi_label = guess.file->info.activation == model::Activation::sigmoid;
        const std::string names = labels.empty() ? "" : "  // Names one of " + listed(labels) + ".\n";
        return names + "  \"classifier\": {\n    " + model(*guess.file) +
               (multi_label
                    ? " // \"min_probability\": 0.95 is the default; no label that likely: unknown"
                    : " // with \"min_probability\": 0.5, what is less likely would be unknown; the default is 0") +
               "\n  }" + (is_last ? "\n" : ",\n");
    }

    void no_gate() {
        notes_.push_back("gate: none, no network here has ImageNet's 1000 labels or is named gate; pictures of other "
                         "things are for the stages behind it to reject");
    }

    std::string unknown(const Detector& detector) {
        const auto& [file, point] = detector;
        const bool is_openmax = file->method == "openmax";
        std::string threshold = "\"threshold\": \"inf\" // rejects nothing yet: openset sweep --pick chooses one";
        if (point != nullptr)
            threshold =
                "\"operating_point\": " + relative(point->path) + " // picked by " + in_comment(point->point.rule);
        else if (is_openmax)
            threshold = "\"threshold\": \"argmax\" // OpenMax's own rule; openset sweep --pick chooses a threshold";
        notes_.push_back("unknown: " + file->name + ", because it was fitted on the classifier" +
                         (point != nullptr ? ", and " + point->path.string() + ", because it was measured with that"
                          : is_openmax     ? "; no operating point of it was found: OpenMax decides by its own rule"
                                           : "; no operating point of it was found: give it a threshold"));
        return "  // Behind the classifier: may reject what that names.\n  \"unknown\": {\n    \"fitted\": " +
               relative(file->name) + ",\n    " + threshold + "\n  }\n";
    }

private:
    /// The file's name in the config, as JSON.
    std::string relative(const std::filesystem::path& file) const {
        const auto path = real(file.parent_path()) / file.filename();
        return json_text(path.lexically_proximate(real(folder_)).string());
    }

    /// Without links, so that `..` leads where it seems to. A network that is a link stays one.
    static std::filesystem::path real(const std::filesystem::path& folder) {
        std::error_code unknown; // no working folder: as it was named
        const auto absolute = std::filesystem::absolute(folder.empty() ? "." : folder, unknown);
        const auto result = std::filesystem::weakly_canonical(absolute, unknown);
        return unknown ? folder : result;
    }

    void note(const std::string& stage, const Guess& guess, const std::string& edit) {
        notes_.push_back(stage + ": " + guess.file->path.string() + ", because " + guess.why +
                         (edit.empty() ? "" : "; " + edit));
    }

    std::filesystem::path folder_;
    std::vector<std::string>& notes_;
};

} // namespace

StarterConfig make_starter_config(const std::string& name, const StarterFiles& files,
                                  const std::filesystem::path& folder) {
    if (files.networks.empty()) {
        throw Error(ErrorKind::usage, name + ": found no networks, expected TorchScript archives to make a config for");
    }
    Roles roles = guess_roles(files.networks);
    const auto detector = find_detector(*roles.classifier.file, files);
    StarterConfig result;
    result.warnings = std::move(roles.warnings);
    Writer writer(folder, result.notes);
    result.config_json =
        "// A start, guessed from the networks' names and labels: edit it, then look with infer --dry-run.\n"
        "{\n  \"openset\": 1,\n  \"name\": " +
        json_text(name) + ",\n";
    if (roles.gate) {
        result.config_json += writer.gate(roles);
    } else {
        writer.no_gate();
    }
    if (roles.species) result.config_json += writer.species(*roles.species);
    result.config_json += writer.classifier(roles.classifier, !detector);
    if (detector) result.config_json += writer.unknown(*detector);
    result.config_json += "}\n";
    for (const NamedOperatingPoint& point : files.points) {
        if (!detector || detector->point != &point) result.notes.push_back(why_unused(point, detector));
    }
    std::string unused;
    for (const NetworkFile* file : roles.unused) unused += (unused.empty() ? "" : ", ") + file->path.string();
    for (const io::FittedFile& file : files.detectors)
        if (!detector || detector->file != &file) unused += (unused.empty() ? "" : ", ") + file.name;
    if (!unused.empty()) result.notes.push_back("not used: " + unused + "; to use one, name it in the config instead");
    return result;
}

} // namespace openset::cascade
