#include "openset/cascade/pipeline_config.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "base/file_kind.hpp"
#include "cascade/label_finder.hpp"
#include "cascade/unknown_config.hpp"
#include "io/checked_json.hpp"
#include "model/preprocess_json.hpp"
#include "openset/io/row_reader.hpp"

namespace openset::cascade {
namespace {

constexpr int largest_int = std::numeric_limits<int>::max();
constexpr double sigmoid_min_probability = 0.95;
constexpr double least_temperature = 0.02, largest_temperature = 50; // as fit --method temperature searches

// ---- overrides

/// A flag that changes a rule leaves the parameters of the file's rule, or its operating point, without a meaning: they go,
/// unless a flag gave them too.
void drop_parameters_of_the_replaced_rule(io::Json& document, const std::vector<ConfigOverride>& overrides) {
    const auto given = [&overrides](const std::string& pointer) {
        return std::ranges::any_of(overrides, [&](const ConfigOverride& one) { return one.pointer == pointer; });
    };
    if (given("/unknown/threshold") && document.contains("unknown") && document["unknown"].is_object()) {
        document["unknown"].erase("operating_point");
        if (document["unknown"].value("threshold", io::Json()) != "argmax") document["unknown"].erase("epsilon");
    }
    for (const char* stage : {"gate", "species"}) {
        const std::string prefix = "/" + std::string(stage) + "/";
        const bool own =
            std::ranges::any_of(overrides, [&](const ConfigOverride& one) { return one.pointer.starts_with(prefix); });
        if (own && document.contains(stage) && document[stage].is_object()) document[stage].erase("operating_point");
    }
    const io::Json::json_pointer rule("/gate/rule");
    if (!given("/gate/rule") || !document.contains(rule)) return;
    if (document.at(rule) != "top-k" && !given("/gate/k")) document["gate"].erase("k");
    if (document.at(rule) != "mass" && !given("/gate/min_mass")) document["gate"].erase("min_mass");
}

void apply(const std::vector<ConfigOverride>& overrides, io::Json& document, const std::string& file,
           io::JsonProblems& problems) {
    if (!document.is_object()) return; // which is a problem of its own
    for (const ConfigOverride& override : overrides) {
        const io::Json::json_pointer pointer(override.pointer);
        io::JsonProblems value_problems(override.flag);
        const auto value = io::parse_json(override.json_value, value_problems);
        if (!value) {
            problems.add("",
                         override.flag + ": found " + io::in_quotes(override.json_value) + ", expected a JSON value");
            continue;
        }
        const auto parent = pointer.parent_pointer();
        if (!document.contains(parent)) {
            problems.add("", override.flag + ": the config has no " + parent.to_string() +
                                 " that it could change; add it to " + file + " or leave the flag out");
            continue;
        }
        if (!document.at(parent).is_object()) continue; // which is a problem of its own
        document[pointer] = *value;
        problems.set_origin(override.pointer, override.flag);
    }
    drop_parameters_of_the_replaced_rule(document, overrides);
    if (!document.contains("calibration")) return;
    for (const ConfigOverride& override : overrides) {
        if (override.pointer != "/significance")
            problems.add("/calibration", "gives the thresholds of all stages, so that " + override.flag +
                                             " has no meaning; use --significance, or remove the key");
    }
}

// ---- reading

NetworkConfig read_network(io::CheckedObject& stage, const std::filesystem::path& folder) {
    NetworkConfig network;
    if (const auto model = stage.required("model", "the path of the network's file")) {
        if (const auto path = model->text("the path of the network's file")) {
            if (path->find('\0') != std::string::npos) model->expected("a path without NUL characters");
            network.model = folder / *path; // not tidied up: `..` behind a link means the link's target's folder
        }
    }
    if (const auto preprocess = stage.optional("preprocess")) {
        if (!preprocess->json().is_string()) {
            network.preprocess = model::read_preprocess(*preprocess, model::UnknownKeys::refuse);
        } else if (preprocess->json() == "imagenet") {
            network.preprocess = model::imagenet_preprocess();
        } else {
            preprocess->expected("\"imagenet\" or an object with resize, mean and std");
        }
    }
    return network;
}

std::vector<LabelReference> read_accept(io::CheckedObject& stage) {
    const std::string what = "a label name, an id or a range such as \"281-284\"";
    std::vector<LabelReference> accept;
    const auto value = stage.required("accept", "the labels that pass: names, ids or ranges such as \"281-284\"");
    if (!value) return accept;
    const auto elements = value->array("an array of label names, ids or ranges such as \"281-284\"");
    if (!elements) return accept;
    for (const io::CheckedValue& element : *elements) {
        if (element.json().is_number()) {
            if (const auto id = element.integer(0, largest_int)) accept.emplace_back(*id);
        } else if (auto name = element.text(what)) {
            accept.emplace_back(*std::move(name));
        }
    }
    return accept;
}

std::optional<ThresholdConfig> read_thresholds(io::CheckedObject& stage) {
    const auto value = stage.optional("min_probability");
    if (!value) return {};
    ThresholdConfig thresholds;
    if (value->json().is_object() && !value->json().empty()) {
        for (const auto& [label, entry] : value->object()->members()) {
            const auto number = entry.number(0, 1);
            if (!number) continue;
            if (label == "*")
                thresholds.any = number;
            else
                thresholds.by_label[label] = *number;
        }
    } else {
        thresholds.any =
            value->number(0, 1, R"(a number from 0 to 1, or one by label such as {"tabby": 0.9, "*": 0.8})");
    }
    return thresholds;
}

GateConfig read_gate(io::CheckedObject& stage, const std::filesystem::path& folder) {
    GateConfig gate;
    gate.network = read_network(stage, folder);
    gate.accept = read_accept(stage);
    bool rule_is_known = true;
    if (const auto rule = stage.optional("rule")) {
        const auto name = rule->one_of({"top-k", "mass", "top-1"});
        rule_is_known = name.has_value();
        gate.rule = name.value_or(gate.rule);
    }
    const auto unused = [&gate](const io::CheckedValue& value, const std::string& rule) {
        value.problem("has no meaning with the rule \"" + gate.rule + "\"; remove it, or say \"rule\": \"" + rule +
                      "\"");
    };
    if (const auto k = stage.optional("k"); k && rule_is_known) {
        if (gate.rule != "top-k")
            unused(*k, "top-k");
        else
            gate.k = k->integer(1, largest_int).value_or(gate.k);
    }
    if (const auto min_mass = stage.optional("min_mass"); min_mass && rule_is_known) {
        if (gate.rule != "mass")
            unused(*min_mass, "mass");
        else
            gate.min_mass = min_mass->number(0, 1).value_or(gate.min_mass);
    }
    gate.operating_point = read_operating_point(stage, folder, {"k", "min_mass"});
    stage.refuse_other_keys();
    return gate;
}

SpeciesConfig read_species(io::CheckedObject& stage, const std::filesystem::path& folder) {
    SpeciesConfig species;
    species.network = read_network(stage, folder);
    species.accept = read_accept(stage);
    species.min_probability = read_thresholds(stage);
    species.operating_point = read_operating_point(stage, folder, {"min_probability"});
    stage.refuse_other_keys();
    return species;
}

ClassifierConfig read_classifier(io::CheckedObject& stage, const std::filesystem::path& folder) {
    ClassifierConfig classifier;
    classifier.network = read_network(stage, folder);
    classifier.min_probability = read_thresholds(stage);
    if (const auto temperature = stage.optional("temperature")) {
        if (temperature->json().is_number())
            classifier.temperature = temperature->number(least_temperature, largest_temperature);
        else
            classifier.fitted_temperature = read_path(
                *temperature, folder, "a number, or the path of a file that openset fit --method temperature wrote");
    }
    stage.refuse_other_keys();
    return classifier;
}

void read_pipeline(io::CheckedObject& root, const std::filesystem::path& folder, PipelineConfig& config) {
    if (const auto version = root.required("openset", "\"openset\": 1, the version of the config format")) {
        version->integer(1, 1);
    }
    if (const auto name = root.optional("name")) config.name = name->text().value_or(config.name);
    if (const auto gate = root.optional("gate")) {
        if (auto stage = gate->object("an object with model and accept")) config.gate = read_gate(*stage, folder);
    }
    if (const auto species = root.optional("species")) {
        if (auto stage = species->object("an object with model and accept")) {
            config.species = read_species(*stage, folder);
        }
    }
    if (const auto classifier = root.required("classifier", "an object with model")) {
        if (auto stage = classifier->object("an object with model")) {
            config.classifier = read_classifier(*stage, folder);
        }
    }
    if (const auto unknown = root.optional("unknown")) {
        if (auto stage = unknown->object("an object with fitted and threshold"))
            config.unknown = read_unknown(*stage, folder, root.optional("calibration").has_value());
    }
    read_calibration(root, folder, config);
    root.refuse_other_keys();
}

// ---- resolving

std::vector<int> resolve_accept(const std::vector<LabelReference>& accept, const std::string& pointer,
                                const LabelFinder& finder) {
    std::set<int> ids;
    for (std::size_t i = 0; i < accept.size(); ++i) {
        const auto found = finder.find(accept[i], pointer + "/" + std::to_string(i));
        ids.insert(found.begin(), found.end());
    }
    return {ids.begin(), ids.end()};
}

void require_softmax(const StageLabels& labels, const NetworkConfig& network, const std::string& pointer,
                     io::JsonProblems& problems) {
    if (labels.activation == model::Activation::softmax) return;
    problems.add(pointer + "/model", network.model.filename().string() +
                                         " is a multi-label network (sigmoid), expected softmax, or one output over "
                                         "two labels; only the classifier may be multi-label");
}

Gate resolve_gate(const GateConfig& config, const StageLabels& labels, io::JsonProblems& problems) {
    require_softmax(labels, config.network, "/gate", problems);
    Gate gate;
    gate.labels = labels;
    gate.accept = resolve_accept(config.accept, "/gate/accept", {labels.names, config.network, problems});
    gate.rule = config.rule == "mass" ? GateRule::mass : GateRule::top_k;
    gate.k = config.rule == "top-1" ? 1 : config.k;
    gate.min_mass = config.min_mass;
    return gate;
}

Species resolve_species(const SpeciesConfig& config, const StageLabels& labels, io::JsonProblems& problems) {
    require_softmax(labels, config.network, "/species", problems);
    const LabelFinder finder(labels.names, config.network, problems);
    Species species;
    species.labels = labels;
    species.accept = resolve_accept(config.accept, "/species/accept", finder);
    if (!config.min_probability) return species;

    const std::string pointer = "/species/min_probability";
    const auto by_id = finder.find_each(config.min_probability->by_label, pointer);
    for (const auto& [id, threshold] : by_id) {
        if (std::ranges::find(species.accept, id) == species.accept.end()) {
            problems.add(pointer, "the label " + io::in_quotes(labels.names[static_cast<std::size_t>(id)]) +
                                      " is not accepted, so that its threshold has no meaning; remove it");
        }
    }
    species.min_probability.emplace(labels.names.size(), config.min_probability->any.value_or(0));
    for (const int id : species.accept) {
        const auto own = by_id.find(id);
        if (own != by_id.end()) {
            (*species.min_probability)[static_cast<std::size_t>(id)] = own->second;
        } else if (!config.min_probability->any) {
            problems.add(pointer, "no threshold for the accepted label " +
                                      io::in_quotes(labels.names[static_cast<std::size_t>(id)]) + "; add it, or \"*\"");
        }
    }
    return species;
}

Classifier resolve_classifier(const ClassifierConfig& config, const StageLabels& labels, const PipelineFiles& files,
                              io::JsonProblems& problems) {
    Classifier classifier;
    classifier.labels = labels;
    if (config.temperature) classifier.labels.inverse_temperature = 1 / *config.temperature;
    if (config.fitted_temperature) classifier.labels.inverse_temperature = files.inverse_temperature.value_or(1);
    if ((config.temperature || config.fitted_temperature) && labels.activation == model::Activation::sigmoid)
        problems.add("/classifier/temperature", "has a meaning with softmax only, but the network is a multi-label one "
                                                "(sigmoid); remove it");
    double any = labels.activation == model::Activation::sigmoid ? sigmoid_min_probability : 0;
    std::map<int, double> by_id;
    if (config.min_probability) {
        any = config.min_probability->any.value_or(any);
        by_id = LabelFinder(labels.names, config.network, problems)
                    .find_each(config.min_probability->by_label, "/classifier/min_probability");
    }
    classifier.min_probability.assign(labels.names.size(), any);
    for (const auto& [id, threshold] : by_id) classifier.min_probability[static_cast<std::size_t>(id)] = threshold;
    return classifier;
}

// ---- writing

using OrderedJson = nlohmann::ordered_json;

OrderedJson to_json(const NetworkConfig& network) {
    OrderedJson result;
    result["model"] = network.model.generic_string();
    if (network.preprocess) result["preprocess"] = model::preprocess_to_json(*network.preprocess);
    return result;
}

OrderedJson to_json(const std::vector<LabelReference>& accept) {
    OrderedJson result = OrderedJson::array();
    for (const LabelReference& reference : accept) {
        std::visit([&result](const auto& value) { result.push_back(value); }, reference);
    }
    return result;
}

OrderedJson to_json(const ThresholdConfig& thresholds) {
    if (thresholds.by_label.empty()) return thresholds.any.value_or(0);
    OrderedJson result(thresholds.by_label);
    if (thresholds.any) result["*"] = *thresholds.any;
    return result;
}

} // namespace

PipelineConfig parse_pipeline_config(std::string_view json_text, const std::string& file,
                                     const std::filesystem::path& folder,
                                     const std::vector<ConfigOverride>& overrides) {
    if (is_zip(json_text)) {
        throw Error(ErrorKind::usage, file + ": found a ZIP archive, such as a network is, expected a pipeline config "
                                             "that names networks; openset init writes one");
    }
    constexpr std::size_t shortest_row = 16; // less could be the beginning of anything
    if (json_text.size() >= shortest_row && io::begins_like_rows(json_text)) {
        throw Error(
            ErrorKind::usage,
            file + ": found rows as openset infer writes them, expected a pipeline config; openset init writes one");
    }
    io::JsonProblems problems(file);
    auto document = io::parse_json(json_text, problems);
    if (!document) problems.throw_if_any(ErrorKind::usage);
    apply(overrides, *document, file, problems);

    PipelineConfig config;
    config.name = std::filesystem::path(file).stem().string();
    if (auto root = io::CheckedValue(*document, "", problems).object("an object with openset and classifier")) {
        read_pipeline(*root, folder, config);
    }
    problems.throw_if_any(ErrorKind::usage);
    return config;
}

Pipeline resolve(const PipelineConfig& config, const PipelineLabels& labels, const std::string& file,
                 const PipelineFiles& files) {
    if ((config.gate && !labels.gate) || (config.species && !labels.species)) {
        throw Error(ErrorKind::internal, file + ": the labels of a stage are missing");
    }
    io::JsonProblems problems(file);
    Pipeline pipeline;
    pipeline.name = config.name;
    if (config.gate) pipeline.gate = resolve_gate(*config.gate, *labels.gate, problems);
    if (config.species) pipeline.species = resolve_species(*config.species, *labels.species, problems);
    pipeline.classifier = resolve_classifier(config.classifier, labels.classifier, files, problems);
    if (pipeline.gate && config.gate->operating_point)
        set_operating_point(*pipeline.gate, files.operating_points.at(Stage::gate), "/gate/operating_point", problems);
    if (pipeline.species && config.species->operating_point)
        set_operating_point(*pipeline.species, files.operating_points.at(Stage::species), "/species/operating_point",
                            problems);
    if (config.unknown && files.detector)
        pipeline.unknown =
            resolve_unknown(*config.unknown, labels.classifier, config.classifier.network, files, problems);
    if (config.calibration && files.calibration) set_calibration(pipeline, config, files, problems);
    problems.throw_if_any(ErrorKind::usage);
    return pipeline;
}

PipelineConfig with_thresholds_by_name(PipelineConfig config, const Classifier& classifier) {
    if (!config.classifier.min_probability) return config;
    const std::vector<std::string>& names = classifier.labels.names;
    io::JsonProblems none("");
    const LabelFinder finder(names, config.classifier.network, none);
    std::map<std::string, double> by_name;
    for (const auto& [id, threshold] : finder.find_each(config.classifier.min_probability->by_label, ""))
        by_name[names[static_cast<std::size_t>(id)]] = threshold;
    config.classifier.min_probability->by_label = std::move(by_name);
    return config;
}

std::string accept_of(std::string_view config_json, Stage stage) {
    const io::Json config = io::Json::parse(config_json, nullptr, false);
    const io::Json::json_pointer place("/" + std::string(to_string(stage)) + "/accept");
    if (!config.is_object() || !config.contains(place) || !config[place].is_array()) return "";
    io::Json accept = config[place];
    std::sort(accept.begin(), accept.end()); // Json iterators are none of the new kind
    return accept.dump(-1, ' ', false, io::Json::error_handler_t::replace);
}

std::vector<std::filesystem::path*> paths_of(PipelineConfig& config) {
    std::vector<std::filesystem::path*> paths;
    const auto add = [&paths](std::optional<std::filesystem::path>& path) {
        if (path) paths.push_back(&*path);
    };
    if (config.gate) {
        paths.push_back(&config.gate->network.model);
        add(config.gate->operating_point);
    }
    if (config.species) {
        paths.push_back(&config.species->network.model);
        add(config.species->operating_point);
    }
    paths.push_back(&config.classifier.network.model);
    add(config.classifier.fitted_temperature);
    if (config.unknown) {
        add(config.unknown->fitted);
        add(config.unknown->operating_point);
    }
    add(config.calibration);
    return paths;
}

std::string to_json(const PipelineConfig& config) {
    OrderedJson result;
    result["openset"] = 1;
    result["name"] = config.name;
    if (config.gate) {
        OrderedJson gate = to_json(config.gate->network);
        gate["accept"] = to_json(config.gate->accept);
        gate["rule"] = config.gate->rule;
        if (config.gate->operating_point) {
            gate["operating_point"] = config.gate->operating_point->generic_string();
        } else {
            if (config.gate->rule == "top-k") gate["k"] = config.gate->k;
            if (config.gate->rule == "mass") gate["min_mass"] = config.gate->min_mass;
        }
        result["gate"] = gate;
    }
    if (config.species) {
        OrderedJson species = to_json(config.species->network);
        species["accept"] = to_json(config.species->accept);
        if (config.species->min_probability) species["min_probability"] = to_json(*config.species->min_probability);
        if (config.species->operating_point)
            species["operating_point"] = config.species->operating_point->generic_string();
        result["species"] = species;
    }
    OrderedJson classifier = to_json(config.classifier.network);
    if (config.classifier.min_probability) {
        classifier["min_probability"] = to_json(*config.classifier.min_probability);
    }
    if (config.classifier.temperature) classifier["temperature"] = *config.classifier.temperature;
    if (config.classifier.fitted_temperature)
        classifier["temperature"] = config.classifier.fitted_temperature->generic_string();
    result["classifier"] = classifier;
    if (config.unknown) result["unknown"] = unknown_to_json(*config.unknown);
    if (config.calibration) result["calibration"] = config.calibration->generic_string();
    if (config.significance) result["significance"] = *config.significance;
    return result.dump(2, ' ', false, OrderedJson::error_handler_t::replace);
}

} // namespace openset::cascade
