#include "openset/cascade/reference_config.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "io/checked_json.hpp"
#include "openset/base/spelling.hpp"

namespace openset::cascade {
namespace {

constexpr int imagenet_classes = 1000;

// The list that the reference ships for cars (methods.md 1.3), and what is wrong with it.
const std::set<int> reference_cars{436, 479, 705, 751, 757, 817, 829};
constexpr std::array reference_car_faults{
    "id 705 (passenger car) is a railway coach and id 829 (streetcar) a tram: trains pass the gate; remove both unless "
    "they are wanted",
    "id 479 (car wheel) is a part of a car: it helps with close-ups, and lets motorcycles pass",
    "cars that the gate leaves out: 407 ambulance, 468 cab, 511 convertible, 609 jeep, 627 limousine, 656 minivan, "
    "661 Model T, 717 pickup, 734 police van",
};

struct ReferenceEntry {
    std::string species_weights, breeds_weights;
    std::vector<std::string> species_labels, breeds_labels;
    int correct_species = 0;
    std::vector<int> accepted_ids; ///< ascending
};

/// `{"0": "a", "1": "b", ...}` as a list: "10" comes after "9", whatever the order in the file.
std::vector<std::string> read_labels(io::CheckedObject& entry, const std::string& key, std::size_t min) {
    const std::string what = "an object of labels with the keys \"0\", \"1\", ...";
    const auto value = entry.required(key, what);
    if (!value) return {};
    const auto object = value->object(what);
    if (!object) return {};
    const auto members = object->members();
    if (members.size() < min) {
        value->problem("found " + std::to_string(members.size()) + " labels, expected " + std::to_string(min) +
                       " or more");
        return {};
    }
    std::vector<std::string> labels(members.size());
    std::set<std::size_t> missing;
    for (std::size_t id = 0; id < labels.size(); ++id) missing.insert(id);
    for (const auto& [text, label] : members) {
        std::size_t id = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
        const bool is_plain = read.ec == std::errc() && std::to_string(id) == text;
        if (!is_plain || id >= labels.size()) {
            label.problem("found the key " + io::in_quotes(text) + " among " + std::to_string(labels.size()) +
                          " labels, expected \"0\" to \"" + std::to_string(labels.size() - 1) + "\" without gaps");
            continue;
        }
        missing.erase(id);
        if (const auto name = label.text("a label name that is not empty")) {
            if (name->find_first_of("\r\n") != std::string::npos) label.expected("a label name of one line");
            labels[id] = *name;
        }
    }
    for (const std::size_t id : missing) {
        value->problem("no label with the key \"" + std::to_string(id) + "\", expected \"0\" to \"" +
                       std::to_string(labels.size() - 1) + "\" without gaps");
    }
    return labels;
}

std::vector<std::string> read_imagenet_labels(io::CheckedObject& root, std::vector<std::string>& notes) {
    const auto value = root.optional("IMAGENET_LABELS");
    if (!value) {
        notes.push_back(
            "the file has no IMAGENET_LABELS: the ids of CORRECT_IMAGENET_CLASSES could not be compared with names");
        return {};
    }
    const auto elements = value->array("an array of 1000 label names", imagenet_classes, imagenet_classes);
    if (!elements) return {};
    std::vector<std::string> labels;
    for (const io::CheckedValue& element : *elements) labels.push_back(element.text().value_or(""));
    return labels;
}

/// Names compare without case, and with spaces for underscores.
std::string comparable(std::string name) {
    for (char& c : name) c = c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name;
}

void compare_names(const io::CheckedValue& value, const std::vector<int>& ids,
                   const std::vector<std::string>& imagenet_labels) {
    const auto elements = value.array("an array of label names", 0);
    if (!elements || elements->empty() || imagenet_labels.empty() || ids.empty()) return;
    std::multiset<std::string> unnamed;
    for (const int id : ids) unnamed.insert(comparable(imagenet_labels[static_cast<std::size_t>(id)]));
    for (const io::CheckedValue& element : *elements) {
        const auto name = element.text();
        if (!name) continue;
        const auto found = unnamed.find(comparable(*name));
        if (found == unnamed.end()) {
            element.problem(io::in_quotes(*name) + " is not the name of any id in CORRECT_IMAGENET_CLASSES" +
                            did_you_mean(comparable(*name), std::vector<std::string>(unnamed.begin(), unnamed.end())));
        } else {
            unnamed.erase(found);
        }
    }
    for (const std::string& name : unnamed) {
        value.problem("no " + io::in_quotes(name) +
                      ", though its id stands in CORRECT_IMAGENET_CLASSES; add it, or take the id out");
    }
}

std::vector<int> read_accepted_ids(io::CheckedObject& entry, const std::vector<std::string>& imagenet_labels) {
    const auto things = entry.required("CORRECT_THINGS", "an object with CORRECT_IMAGENET_CLASSES");
    if (!things) return {};
    auto object = things->object("an object with CORRECT_IMAGENET_CLASSES");
    if (!object) return {};
    std::set<int> ids;
    bool whole = true;
    if (const auto classes = object->required("CORRECT_IMAGENET_CLASSES", "an array of ids")) {
        const auto elements = classes->array("an array of ids");
        if (!elements) return {};
        for (const io::CheckedValue& element : *elements) {
            const auto id = element.integer(0, imagenet_classes - 1);
            whole = whole && id;
            if (id && !ids.insert(*id).second)
                element.problem("the id " + std::to_string(*id) + " occurs twice; keep one");
        }
    }
    const std::vector<int> ascending(ids.begin(), ids.end());
    if (const auto names = object->optional("CORRECT_IMAGENET_LABELS"); names && whole) {
        compare_names(*names, ascending, imagenet_labels);
    }
    return ascending;
}

ReferenceEntry read_entry(io::CheckedObject& entry, const std::vector<std::string>& imagenet_labels,
                          std::vector<std::string>& notes) {
    ReferenceEntry result;
    if (const auto local = entry.required("LOCAL_MODELS", "the paths of the species and breeds weights")) {
        if (auto object = local->object("an object with LOCAL_SPECIES_MODEL and LOCAL_BREEDS_MODEL")) {
            const auto path = [&object](const std::string& key) {
                const auto value = object->required(key, "the path of a weights file");
                return value ? value->text("the path of a weights file").value_or("") : "";
            };
            result.species_weights = path("LOCAL_SPECIES_MODEL");
            result.breeds_weights = path("LOCAL_BREEDS_MODEL");
        }
    }
    result.species_labels = read_labels(entry, "SPECIES_LABELS", 2);
    result.breeds_labels = read_labels(entry, "BREEDS_LABELS", 1);
    if (const auto correct = entry.required("CORRECT_SPECIES", "the id of the species label that passes")) {
        const int last = std::max(static_cast<int>(result.species_labels.size()) - 1, 0);
        if (!result.species_labels.empty()) result.correct_species = correct->integer(0, last).value_or(0);
    }
    result.accepted_ids = read_accepted_ids(entry, imagenet_labels);

    if (entry.optional("S3_MODELS"))
        notes.emplace_back("S3_MODELS is left out: openset reads networks from files only");
    if (entry.optional("DRIVE_MODELS")) {
        notes.emplace_back("DRIVE_MODELS is left out: openset reads networks from files only");
    }
    if (entry.optional("STATIC_TEXT")) notes.emplace_back("STATIC_TEXT is left out: it belongs to the web page");
    return result;
}

std::string exported(const std::string& weights) {
    return std::filesystem::path(weights).replace_extension(".pt").generic_string();
}

/// The accepted labels as lines of a JSON array: runs of three and more ids as a range, with their names beside them.
std::string accept_lines(const std::vector<int>& ids, const std::vector<std::string>& labels) {
    std::vector<std::pair<std::string, std::string>> entries; // JSON, comment
    const auto name = [&labels](int id) {
        return labels.empty() ? std::string() : io::in_quotes(labels[static_cast<std::size_t>(id)]);
    };
    for (std::size_t i = 0; i < ids.size();) {
        std::size_t last = i;
        while (last + 1 < ids.size() && ids[last + 1] == ids[last] + 1) ++last;
        if (last - i < 2) last = i;
        if (last == i) {
            entries.emplace_back(std::to_string(ids[i]), name(ids[i]));
        } else {
            entries.emplace_back('"' + std::to_string(ids[i]) + '-' + std::to_string(ids[last]) + '"',
                                 name(ids[i]) + (labels.empty() ? "" : " to ") + name(ids[last]));
        }
        i = last + 1;
    }
    std::string lines;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        lines += "      " + entries[i].first + (i + 1 < entries.size() ? "," : "");
        lines += (entries[i].second.empty() ? "" : " // " + entries[i].second) + "\n";
    }
    return lines;
}

std::string write_config(const ReferenceEntry& entry, const std::string& name,
                         const std::vector<std::string>& imagenet_labels, const std::string& file) {
    const auto json = [](const std::string& text) {
        return io::Json(text).dump(-1, ' ', false, io::Json::error_handler_t::replace);
    };
    // A label that occurs twice, or that reads as an id or a range, is safe to name by its id only.
    const std::string& passing = entry.species_labels[static_cast<std::size_t>(entry.correct_species)];
    const bool is_plain_name = std::ranges::count(entry.species_labels, passing) == 1 &&
                               passing.find_first_not_of("0123456789-") != std::string::npos;
    std::string text;
    text += "// The entry " + io::in_quotes(name) + " of " + io::in_quotes(file) + ", stage by stage.\n";
    text += "// Its networks are weights (.pth); openset reads TorchScript: export each one to the path given here.\n";
    text += "{\n  \"openset\": 1,\n  \"name\": " + json(name) + ",\n";
    text += "  \"gate\": {\n";
    text += "    // An ImageNet network with its 1000 labels in the usual order.\n";
    text += "    \"model\": \"imagenet.pt\",\n    \"preprocess\": \"imagenet\",\n";
    text += "    \"accept\": [\n" + accept_lines(entry.accepted_ids, imagenet_labels) + "    ],\n";
    text += "    \"rule\": \"top-k\",\n    \"k\": 5\n  },\n";
    text += "  \"species\": {\n    // Exported from " + io::in_quotes(entry.species_weights) + ".\n";
    text += "    \"model\": " + json(exported(entry.species_weights)) + ",\n    \"preprocess\": \"imagenet\",\n";
    text += "    \"accept\": [" + (is_plain_name ? json(passing) : std::to_string(entry.correct_species)) + "]\n  },\n";
    text += "  \"classifier\": {\n    // Exported from " + io::in_quotes(entry.breeds_weights) + ".\n";
    text += "    \"model\": " + json(exported(entry.breeds_weights)) + ",\n    \"preprocess\": \"imagenet\"\n  }\n}\n";
    return text;
}

std::string one_a_line(const std::vector<std::string>& labels) {
    std::string text;
    for (const std::string& label : labels) text += label + "\n";
    return text;
}

} // namespace

ReferenceImport import_reference_config(std::string_view json_text, const std::string& file, const std::string& entry) {
    io::JsonProblems problems(file);
    const auto document = io::parse_json(json_text, problems);
    if (!document) problems.throw_if_any(ErrorKind::usage);

    ReferenceImport result;
    ReferenceEntry read;
    std::vector<std::string> imagenet_labels;
    if (auto root = io::CheckedValue(*document, "", problems).object("an object with MODELS and IMAGENET_LABELS")) {
        imagenet_labels = read_imagenet_labels(*root, result.notes);
        const auto models = root->required("MODELS", "an object with an entry for each pipeline");
        if (auto entries = models ? models->object() : std::nullopt) {
            const auto found = entries->optional(entry);
            if (!found) {
                std::vector<std::string> names;
                std::string listed;
                for (const auto& [name, value] : entries->members()) {
                    names.push_back(name);
                    listed += (listed.empty() ? "" : ", ") + io::in_quotes(name);
                }
                const std::string meant = did_you_mean(entry, names);
                models->problem("no entry " + io::in_quotes(entry) +
                                (meant.empty() ? ", expected one of " + listed : meant));
            } else if (auto object = found->object()) {
                read = read_entry(*object, imagenet_labels, result.notes);
            }
        }
    }
    problems.throw_if_any(ErrorKind::usage);

    result.notes.emplace_back(
        "the networks must be exported to TorchScript: " + io::in_quotes(exported(read.species_weights)) + ", " +
        io::in_quotes(exported(read.breeds_weights)) + " and an ImageNet network \"imagenet.pt\"");
    result.notes.emplace_back("the pictures are prepared as the reference does at inference (shorter side 256, crop "
                              "224); its training squashed "
                              "them to 448 x 448: for that, write it into the networks' openset.json and remove "
                              "\"preprocess\" from the config");
    if (std::set<int>(read.accepted_ids.begin(), read.accepted_ids.end()) == reference_cars) {
        result.notes.insert(result.notes.end(), reference_car_faults.begin(), reference_car_faults.end());
    }
    result.config_json = write_config(read, entry, imagenet_labels, file);
    result.species_labels_text = one_a_line(read.species_labels);
    result.classifier_labels_text = one_a_line(read.breeds_labels);
    return result;
}

} // namespace openset::cascade
