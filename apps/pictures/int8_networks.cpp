#include "pictures/int8_networks.hpp"

#include <filesystem>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/model/network_file.hpp"

namespace openset::pictures {
namespace {

namespace fs = std::filesystem;

/// Why there is no int8 network beside this one; empty, and the path is that network's, where there is.
std::string take_int8(fs::path& model) {
    const model::NetworkFile file = model::open_network_file(model);
    if (file.info.quantisation) return "";
    fs::path beside = model;
    beside.replace_extension(".int8.pt");
    const std::string command =
        "openset quantize " + model.string() + " --data FOLDER -o " + beside.string() + " makes it";
    if (!fs::exists(beside))
        return "--precision int8: " + beside.string() + " is not there, expected the int8 network of " +
               model.string() + "; " + command;
    const auto made_of = model::open_network_file(beside).info.quantisation;
    if (!made_of || made_of->source_sha256 != file.sha256) {
        return "--precision int8: " + beside.string() + " was not made of " + model.string() +
               " as it is now, expected its SHA-256, " + file.sha256.substr(0, 12) + "; " + command + " anew";
    }
    model = beside;
    return "";
}

} // namespace

cascade::PipelineConfig with_int8_networks(cascade::PipelineConfig config, bool closed_set) {
    std::vector<fs::path*> models;
    if (config.gate && !closed_set) models.push_back(&config.gate->network.model);
    if (config.species && !closed_set) models.push_back(&config.species->network.model);
    models.push_back(&config.classifier.network.model);
    std::string problems;
    for (fs::path* model : models) {
        if (!fs::exists(*model)) continue; // who loads it says so
        const std::string problem = take_int8(*model);
        if (!problem.empty()) problems += (problems.empty() ? "" : "\n") + problem;
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
    return config;
}

} // namespace openset::pictures
