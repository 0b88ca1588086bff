#include "openset/cascade/starter_config.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "openset/base/error.hpp"

namespace openset::cascade {
namespace {

using model::NetworkFile;

constexpr std::size_t imagenet_labels = 1000;

// ---- which network is which stage

struct Roles {
    const NetworkFile* gate = nullptr;
    const NetworkFile* species = nullptr;
    const NetworkFile* classifier = nullptr;
    std::vector<const NetworkFile*> unused;
};

std::size_t labels_of(const NetworkFile& file) { return file.info.labels.size(); }

bool may_be_gate(const NetworkFile& file) {
    return labels_of(file) >= imagenet_labels && file.info.activation == model::Activation::softmax;
}

bool may_be_species(const NetworkFile& file) { return labels_of(file) == 2; }

/// Best first: one that is nothing else; one that names no labels; what could be a filter; what could be a gate.
int rank_as_classifier(const NetworkFile& file) {
    if (may_be_gate(file)) return 3;
    if (may_be_species(file)) return 2;
    return labels_of(file) == 0 ? 1 : 0;
}

Roles guess_roles(const std::vector<NetworkFile>& networks) {
    Roles roles;
    roles.classifier = &*std::ranges::min_element(networks, {}, rank_as_classifier);
    for (const NetworkFile& file : networks) {
        if (&file == roles.classifier) continue;
        if (roles.gate == nullptr && may_be_gate(file)) {
            roles.gate = &file;
        } else if (roles.species == nullptr && may_be_species(file)) {
            roles.species = &file;
        } else {
            roles.unused.push_back(&file);
        }
    }
    return roles;
}

// ---- which labels pass

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

/// "not a cat", "no_cat", "other": what a filter is to keep out.
bool is_rest(const std::string& label) {
    static const std::set<std::string> signs = {"not",  "no",         "non",      "none",    "other",  "others",
                                                "rest", "background", "negative", "unknown", "else",   "neither",
                                                "0",    "false",      "without",  "nothing", "random", "outlier"};
    return std::ranges::any_of(words_of(label), [](const std::string& word) { return signs.contains(word); });
}

/// Two labels, of which one is the rest; the second one where that cannot be told, as scikit-learn counts classes.
int accepted_species(const std::vector<std::string>& labels) {
    return is_rest(labels[1]) && !is_rest(labels[0]) ? 0 : 1;
}

/// Ids of the gate's labels that the other networks speak of.
std::vector<int> accepted_by_gate(const Roles& roles) {
    std::set<std::vector<std::string>> names;
    std::set<std::string> kinds;
    for (const std::string& label : roles.classifier->info.labels) names.insert(words_of(label));
    if (roles.species != nullptr) {
        const auto& labels = roles.species->info.labels;
        for (const std::string& word : words_of(labels[static_cast<std::size_t>(accepted_species(labels))]))
            kinds.insert(word);
    }
    const auto& labels = roles.gate->info.labels;
    std::vector<int> ids;
    for (std::size_t id = 0; id < labels.size(); ++id) {
        const auto words = words_of(labels[id]);
        const bool is_kind = std::ranges::any_of(words, [&](const std::string& word) { return kinds.contains(word); });
        if (is_kind || names.contains(words)) ids.push_back(static_cast<int>(id));
    }
    return ids;
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

class Writer {
public:
    Writer(const std::filesystem::path& folder, std::vector<std::string>& notes) : folder_(folder), notes_(notes) {}

    std::string model(const NetworkFile& file) const {
        const auto path = real(file.path.parent_path()) / file.path.filename();
        return "\"model\": " + json_text(path.lexically_proximate(real(folder_)).string());
    }

    std::string gate(const Roles& roles) {
        const auto ids = accepted_by_gate(roles);
        const auto& labels = roles.gate->info.labels;
        std::map<std::string, int> times;
        for (const std::string& label : labels) ++times[label];
        std::string accept;
        for (const int id : ids) {
            const std::string& label = labels[static_cast<std::size_t>(id)];
            accept += (accept.empty() ? "" : ", ") + (times[label] > 1 ? std::to_string(id) : json_text(label));
        }
        note("gate", *roles.gate, "it has " + std::to_string(labels.size()) + " labels",
             ids.empty() ? "no label passes yet; fill in /gate/accept"
                         : std::to_string(ids.size()) + " labels pass; look through /gate/accept");
        const std::string hint = ids.empty()
                                     ? "    // The labels that pass, by name or id: nothing was found to guess from.\n"
                                     : "    // Guessed: labels that the other networks speak of.\n";
        return "  \"gate\": {\n    " + model(*roles.gate) + ",\n" + hint + "    \"accept\": [" + accept +
               "],\n    \"rule\": \"top-k\", \"k\": 5 // passes when one of the 5 likeliest labels is accepted\n  },\n";
    }

    std::string species(const NetworkFile& file) {
        const auto& labels = file.info.labels;
        const auto& accepted = labels[static_cast<std::size_t>(accepted_species(labels))];
        note("species", file, "it has two labels", in_comment(accepted) + " passes; look at /species/accept");
        return "  \"species\": {\n    " + model(file) + ",\n    \"accept\": [" + json_text(accepted) +
               "], // guessed; its labels: " + in_comment(labels[0]) + ", " + in_comment(labels[1]) +
               "\n    \"min_probability\": 0.5\n  },\n";
    }

    std::string classifier(const NetworkFile& file) {
        const auto count = labels_of(file);
        note("classifier", file, count == 0 ? "it names no labels" : "it has " + std::to_string(count) + " labels",
             count == 0 ? "give it labels with --labels FILE" : "");
        const bool multi_label = file.info.activation == model::Activation::sigmoid;
        return "  \"classifier\": {\n    " + model(file) +
               ",\n    \"min_probability\": " + (multi_label ? "0.95" : "0.5") +
               " // less likely than this: unknown\n  }\n";
    }

private:
    /// Without links, so that `..` leads where it seems to. A network that is a link stays one.
    static std::filesystem::path real(const std::filesystem::path& folder) {
        std::error_code unknown; // no working folder: as it was named
        const auto absolute = std::filesystem::absolute(folder.empty() ? "." : folder, unknown);
        const auto result = std::filesystem::weakly_canonical(absolute, unknown);
        return unknown ? folder : result;
    }

    void note(const std::string& stage, const NetworkFile& file, const std::string& why, const std::string& edit) {
        notes_.push_back(stage + ": " + file.path.string() + ", because " + why + (edit.empty() ? "" : "; " + edit));
    }

    std::filesystem::path folder_;
    std::vector<std::string>& notes_;
};

} // namespace

StarterConfig make_starter_config(const std::string& name, const std::vector<NetworkFile>& networks,
                                  const std::filesystem::path& folder) {
    if (networks.empty()) {
        throw Error(ErrorKind::usage, name + ": found no networks, expected TorchScript archives to make a config for");
    }
    const Roles roles = guess_roles(networks);
    StarterConfig result;
    Writer writer(folder, result.notes);
    result.config_json = "// A start, guessed from the networks' labels: edit it, then look with infer --dry-run.\n"
                         "{\n  \"openset\": 1,\n  \"name\": " +
                         json_text(name) + ",\n";
    if (roles.gate != nullptr) result.config_json += writer.gate(roles);
    if (roles.species != nullptr) result.config_json += writer.species(*roles.species);
    result.config_json += writer.classifier(*roles.classifier) + "}\n";
    for (const NetworkFile* file : roles.unused) {
        result.notes.push_back(file->path.string() +
                               ": not used, each stage has its network; to use it, name it in the "
                               "config instead");
    }
    return result;
}

} // namespace openset::cascade
