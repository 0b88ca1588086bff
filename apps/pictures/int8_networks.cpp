#include "pictures/int8_networks.hpp"

#include <filesystem>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/model/network_file.hpp"

namespace openset::pictures {
namespace {

namespace fs = std::filesystem;

/// Why there is no int8 network beside this one; empty, and the path is that network's, where there is.
std::string take_int8(cascade::NetworkConfig& network) {
    fs::path& model = network.model;
    const model::NetworkFile file = model::open_network_file(model);
    if (file.info.quantisation) return "";
    fs::path beside = model;
    beside.replace_extension(".int8.pt");
    const std::string command =
        "openset quantize " + model.string() + " --data FOLDER -o " + beside.string() + " makes it";
    if (!fs::exists(beside))
        return "--precision int8: " + beside.string() + " is not there, expected the int8 network of " +
               model.string() + "; " + command;
    const model::ModelInfo int8 = model::open_network_file(beside).info;
    const auto& made_of = int8.quantisation;
    if (!made_of || made_of->source_sha256 != file.sha256) {
        return "--precision int8: " + beside.string() + " was not made of " + model.string() +
               " as it is now, expected its SHA-256, " + file.sha256.substr(0, 12) + "; " + command + " anew";
    }
    // What lies beside the network in float, or in the config, may have been edited since.
    const bool says_itself = file.info_source != "assumed";
    std::string other;
    if (network.preprocess ? *network.preprocess != int8.preprocess
                           : says_itself && file.info.preprocess != int8.preprocess)
        other = "preprocessing";
    if (says_itself && !file.info.labels.empty() && file.info.labels != int8.labels) other = "labels";
    if (!other.empty()) {
        return "--precision int8: " + beside.string() + " was made with other " + other + " than " + model.string() +
               " has now, expected the same; " + command + " anew";
    }
    model = beside;
    return "";
}

} // namespace

cascade::PipelineConfig with_int8_networks(cascade::PipelineConfig config, bool closed_set) {
    std::vector<cascade::NetworkConfig*> networks;
    if (config.gate && !closed_set) networks.push_back(&config.gate->network);
    if (config.species && !closed_set) networks.push_back(&config.species->network);
    networks.push_back(&config.classifier.network);
    std::string problems;
    for (cascade::NetworkConfig* network : networks) {
        if (!fs::exists(network->model)) continue; // who loads it says so
        const std::string problem = take_int8(*network);
        if (!problem.empty()) problems += (problems.empty() ? "" : "\n") + problem;
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
    return config;
}

} // namespace openset::pictures
