#include "openset/flow/loaded_pipeline.hpp"

#include <algorithm>
#include <filesystem>
#include <future>
#include <optional>
#include <utility>

#include "model/preprocess_json.hpp"
#include "openset/base/error.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/sha256.hpp"
#include "openset/detect/detector.hpp"
#include "openset/detect/temperature.hpp"
#include "openset/flow/extraction.hpp"
#include "openset/io/fitted_file.hpp"
#include "openset/io/operating_point.hpp"

namespace openset::flow {
namespace {

struct ConfiguredNetwork {
    cascade::Stage stage;
    const cascade::NetworkConfig* network;
};

std::vector<ConfiguredNetwork> configured_networks(const cascade::PipelineConfig& config) {
    std::vector<ConfiguredNetwork> networks;
    if (config.gate) networks.push_back({cascade::Stage::gate, &config.gate->network});
    if (config.species) networks.push_back({cascade::Stage::species, &config.species->network});
    networks.push_back({cascade::Stage::classifier, &config.classifier.network});
    return networks;
}

/// All missing files at once, before minutes go into loading those that are there.
void check_files_exist(const std::vector<ConfiguredNetwork>& networks, const std::string& file) {
    std::string problems;
    for (const auto& [stage, network] : networks) {
        std::error_code unknown;
        if (std::filesystem::exists(network->model, unknown) || unknown) continue; // opening it says what is wrong
        problems += (problems.empty() ? "" : "\n") + file + ": /" + std::string(to_string(stage)) +
                    "/model: " + network->model.string() + ": " +
                    no_such_file(network->model, "a network, at a path relative to the config's folder");
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
}

/// The ranges of an int8 network, and the weights of its first layer, are those of the pictures that it was made with.
void refuse_other_pixels(const model::NetworkFile& network, const image::PreprocessSpec& preprocess,
                         const std::string& place) {
    if (!network.info.quantisation || network.info.preprocess == preprocess) return;
    throw Error(ErrorKind::usage, place + "/preprocess: found " + model::preprocess_to_json(preprocess).dump() +
                                      ", but " + network.path.string() + " is in eight bits, made for " +
                                      model::preprocess_to_json(network.info.preprocess).dump() +
                                      "; expected the same: leave the key out, or quantize the network anew");
}

/// What each call returns, in their order; each runs on a thread of its own, and all have ended before anything is said of one.
template <typename Call>
auto all_at_once(std::size_t count, const Call& call) {
    std::vector<std::future<decltype(call(count))>> running;
    for (std::size_t i = 0; i < count; ++i)
        running.push_back(std::async(std::launch::async, [&call, i] { return call(i); }));
    for (auto& each : running) each.wait();
    return running;
}

/// The description of a network, without loading it.
model::NetworkFile open(const ConfiguredNetwork& configured, const std::string& file,
                        const PipelineLoadOptions& options) {
    const auto& [stage, network] = configured;
    model::InfoDefaults defaults{{}, network->preprocess ? network->preprocess : options.preprocess};
    if (const auto labels = options.labels.find(stage); labels != options.labels.end())
        defaults.labels = labels->second;
    auto opened = model::open_network_file(network->model, defaults);
    // The network tries its own input size when it is loaded: that is what the config says, where it says it.
    if (network->preprocess) {
        refuse_other_pixels(opened, *network->preprocess, file + ": /" + std::string(to_string(stage)));
        opened.info.preprocess = *network->preprocess;
    }
    return opened;
}

/// With all that is wrong told at once.
std::vector<model::NetworkFile> open_all(const std::vector<ConfiguredNetwork>& networks, const std::string& file,
                                         const PipelineLoadOptions& options) {
    std::vector<model::NetworkFile> files;
    std::string problems;
    std::optional<ErrorKind> first_kind;
    for (auto& opening :
         all_at_once(networks.size(), [&](std::size_t i) { return open(networks[i], file, options); })) {
        try {
            files.push_back(opening.get());
        } catch (const Error& error) {
            problems += (problems.empty() ? "" : "\n") + std::string(error.what());
            if (!first_kind) first_kind = error.kind();
        }
    }
    if (first_kind) throw Error(*first_kind, problems);
    return files;
}

/// What is wrong with the first of those that cannot be loaded is thrown.
std::vector<std::unique_ptr<model::Network>> load_all(const std::vector<model::NetworkFile>& files,
                                                      const NetworkLoader& load) {
    std::vector<std::unique_ptr<model::Network>> networks;
    for (auto& loading : all_at_once(files.size(), [&](std::size_t i) { return load(files[i]); }))
        networks.push_back(loading.get());
    return networks;
}

cascade::PipelineLabels labels_of(const std::vector<ConfiguredNetwork>& networks,
                                  const std::function<const model::ModelInfo&(std::size_t)>& info_of) {
    cascade::PipelineLabels labels;
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const model::ModelInfo& info = info_of(i);
        const cascade::StageLabels stage_labels{info.labels, info.activation};
        switch (networks[i].stage) {
        case cascade::Stage::gate: labels.gate = stage_labels; break;
        case cascade::Stage::species: labels.species = stage_labels; break;
        case cascade::Stage::classifier: labels.classifier = stage_labels; break;
        case cascade::Stage::unknown: break; // has no network
        }
    }
    return labels;
}

/// A fitted file and the operating points, as far as the config names them. All that is wrong is told at once.
struct NamedFiles {
    cascade::PipelineFiles files;
    std::optional<io::FittedFile> fitted;
    std::optional<io::FittedFile> temperature;
    std::map<std::string, std::string> hashes;
};

NamedFiles read_named_files(const cascade::PipelineConfig& config, const std::string& file, bool allow_mismatch) {
    NamedFiles result;
    result.files.allow_mismatch = allow_mismatch;
    std::string problems;
    const auto read = [&](const std::string& pointer, const std::filesystem::path& path, const auto& take) {
        try {
            take(path);
            result.hashes[pointer] = sha256_hex_of_file(path);
        } catch (const Error& error) {
            problems += (problems.empty() ? "" : "\n") + file + ": " + pointer + ": " + error.what();
        }
    };
    const auto read_point = [&](cascade::Stage stage, const std::optional<std::filesystem::path>& path) {
        if (!path) return;
        read("/" + std::string(to_string(stage)) + "/operating_point", *path, [&](const std::filesystem::path& point) {
            result.files.operating_points[stage] = io::read_operating_point(point);
        });
    };
    if (config.gate) read_point(cascade::Stage::gate, config.gate->operating_point);
    if (config.species) read_point(cascade::Stage::species, config.species->operating_point);
    if (config.unknown) {
        read_point(cascade::Stage::unknown, config.unknown->operating_point);
        if (config.unknown->fitted) {
            read("/unknown/fitted", *config.unknown->fitted, [&](const std::filesystem::path& fitted) {
                result.fitted = io::read_fitted(fitted);
                result.files.detector = detect::load_detector(*result.fitted);
                result.files.fitted_sha256 = result.fitted->sha256;
            });
        }
    }
    if (config.classifier.fitted_temperature) {
        read("/classifier/temperature", *config.classifier.fitted_temperature, [&](const std::filesystem::path& path) {
            result.temperature = io::read_fitted(path);
            result.files.inverse_temperature = detect::inverse_temperature(*result.temperature);
        });
    }
    if (config.calibration) {
        read("/calibration", *config.calibration, [&](const std::filesystem::path& path) {
            result.files.calibration = std::make_shared<cascade::ChainCalibration>(io::read_calibration(path));
        });
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
    return result;
}

/// Throws where a fitted file is of another network than the classifier, unless that is allowed.
/// name  of the file in messages, with what of the config names it
void check_network_of(const io::FittedFile& fitted, const std::string& name, const LoadedStage& classifier,
                      bool fast_decode, bool allow_mismatch, std::vector<std::string>& notes) {
    std::string problems;
    io::StoreMeta here = store_meta(classifier);
    here.fast_decode = fast_decode;
    for (const std::string& mismatch : io::mismatches(fitted, here)) {
        if (allow_mismatch)
            notes.push_back(name + mismatch);
        else
            problems += (problems.empty() ? "" : "\n") + name + mismatch +
                        "; extract and fit anew, or run with --allow-mismatch";
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
    if (fitted.model_sha256.empty())
        notes.push_back(name + "does not say which network its activations came from; it is taken for this one");
}

/// Throws where what was fitted does not suit the classifier.
void check_fitted(const NamedFiles& named, const cascade::PipelineConfig& config, const LoadedStage& classifier,
                  bool fast_decode, const std::string& file, std::vector<std::string>& notes) {
    if (named.temperature) {
        check_network_of(*named.temperature,
                         file + ": /classifier/temperature: " + config.classifier.fitted_temperature->string() + ": ",
                         classifier, fast_decode, named.files.allow_mismatch, notes);
    }
    if (!named.fitted) return;
    const std::string name = file + ": /unknown/fitted: " + config.unknown->fitted->string() + ": ";
    check_network_of(*named.fitted, name, classifier, fast_decode, named.files.allow_mismatch, notes);
    const auto classes = named.files.detector->needs().classes;
    const auto labels = std::ssize(classifier.network->info().labels);
    if (classes != labels) {
        throw Error(ErrorKind::usage, name + "is of " + std::to_string(classes) + " classes, the classifier has " +
                                          std::to_string(labels) + "; extract and fit anew");
    }
}

/// An operating point and what of the config names it.
struct NamedPoint {
    std::string pointer;
    cascade::Stage stage;
    io::OperatingPoint point;
};

/// Those that decide: a calibration's stand in the place of all others.
std::vector<NamedPoint> points_of(const cascade::PipelineFiles& files) {
    std::vector<NamedPoint> points;
    if (files.calibration) {
        for (const auto& [stage, point] : files.calibration->operating_points(files.calibration->budget()))
            points.push_back({"/calibration", stage, point});
    } else {
        for (const auto& [stage, point] : files.operating_points)
            points.push_back({"/" + std::string(to_string(stage)) + "/operating_point", stage, point});
    }
    return points;
}

/// Throws where an operating point or a calibration was measured on another network than its stage has, or with other
/// accepted labels, unless that is allowed.
void check_points(const NamedFiles& named, const std::string& config_json,
                  const std::vector<ConfiguredNetwork>& networks, const std::vector<model::NetworkFile>& files,
                  const std::string& file, std::vector<std::string>& notes) {
    std::string problems;
    const auto object = [&](const std::string& sentence) {
        if (named.files.allow_mismatch)
            notes.push_back(sentence);
        else
            problems += (problems.empty() ? "" : "\n") + sentence +
                        "; make one from rows of this config, or run with --allow-mismatch";
    };
    for (const auto& [pointer, stage, point] : points_of(named.files)) {
        const cascade::Stage owner = stage == cascade::Stage::unknown ? cascade::Stage::classifier : stage;
        const auto place = std::ranges::find(networks, owner, &ConfiguredNetwork::stage);
        if (place == networks.end()) continue; // a calibration of other stages, which is told when it is resolved
        const std::string& sha256 = files[static_cast<std::size_t>(place - networks.begin())].sha256;
        const std::string what = file + ": " + pointer + ": ";
        const std::string of_stage = pointer == "/calibration" ? std::string(to_string(stage)) + " " : "";
        if (stage == cascade::Stage::unknown && named.files.allow_mismatch &&
            point.fitted_sha256 != named.files.fitted_sha256) {
            notes.push_back(what + "was measured on another fitted file; its rates are not those of this one");
        }
        const std::string accept = cascade::accept_of(config_json, stage);
        if (!point.accept.empty() && point.accept != accept)
            object(what + of_stage + "was measured with other accepted labels (" + point.accept + ", here " + accept +
                   ")");
        if (!point.network_sha256.empty() && point.network_sha256 != sha256)
            object(what + of_stage + "was measured on another network (sha256 " + point.network_sha256.substr(0, 12) +
                   ", here " + sha256.substr(0, 12) + ")");
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
}

} // namespace

std::vector<StageNetwork> LoadedPipeline::networks() const {
    std::vector<StageNetwork> result;
    for (const LoadedStage& stage : stages) result.push_back({stage.stage, stage.network.get(), stage.preprocess});
    return result;
}

LoadedPipeline load_pipeline(const cascade::PipelineConfig& config, const std::string& file, const NetworkLoader& load,
                             const PipelineLoadOptions& options) {
    LoadedPipeline loaded;
    cascade::PipelineConfig used = config;
    if (options.closed_set) {
        used.gate.reset();
        used.species.reset();
        used.unknown.reset();
        used.calibration.reset();
        used.significance.reset();
    }
    const auto networks = configured_networks(used);
    check_files_exist(networks, file);
    auto files = open_all(networks, file, options);
    NamedFiles named = read_named_files(used, file, options.allow_mismatch);
    loaded.file_hashes = named.hashes;
    for (const model::NetworkFile& each : files)
        loaded.notes.insert(loaded.notes.end(), each.assumptions.begin(), each.assumptions.end());
    check_points(named, cascade::to_json(used), networks, files, file, loaded.notes);
    // Where every file carries its labels, the config is wrong or right before minutes go into loading.
    if (std::ranges::none_of(files, [](const model::NetworkFile& each) { return each.info.labels.empty(); })) {
        cascade::resolve(
            used, labels_of(networks, [&files](std::size_t i) -> const model::ModelInfo& { return files[i].info; }),
            file, named.files);
    }
    if (options.before_loading) {
        std::vector<image::PreprocessSpec> preprocess;
        for (const model::NetworkFile& each : files) preprocess.push_back(each.info.preprocess);
        options.before_loading(preprocess);
    }
    auto instances = load_all(files, load);
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const image::PreprocessSpec preprocess = instances[i]->info().preprocess;
        loaded.stages.push_back({networks[i].stage, std::move(files[i]), std::move(instances[i]), preprocess});
    }
    // What a network is, a single logit and labels that no file told among it, is known once it is loaded.
    check_fitted(named, used, loaded.stages.back(), options.fast_decode, file, loaded.notes);
    const auto loaded_info = [&loaded](std::size_t i) -> const model::ModelInfo& {
        return loaded.stages[i].network->info();
    };
    const auto labels = labels_of(networks, loaded_info);
    if (used.unknown && !named.files.detector)
        named.files.detector = detect::method_named(used.unknown->method).make(std::ssize(labels.classifier.names), {});
    loaded.pipeline = cascade::resolve(used, labels, file, named.files);
    if (options.closed_set) loaded.pipeline = cascade::closed_set(std::move(loaded.pipeline));
    if (loaded.pipeline.gate) {
        if (auto warning = cascade::loose_gate_warning(*loaded.pipeline.gate))
            loaded.notes.push_back(file + ": " + *warning);
    }
    return loaded;
}

} // namespace openset::flow
