#include "pictures/networks.hpp"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>

#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/number_text.hpp"
#include "openset/torch/runtime.hpp"
#include "pictures/engine_agreements.hpp"

namespace openset::pictures {

namespace {

void record_shared_trunks(const flow::LoadedPipeline& loaded, io::RunRecord& record) {
    const auto trunk_of = flow::trunk_of(loaded.networks());
    for (std::size_t stage = 0; stage < trunk_of.size(); ++stage) {
        if (trunk_of[stage] != stage)
            record.networks[stage].shares_pass_of = to_string(loaded.stages[trunk_of[stage]].stage);
    }
}

} // namespace

flow::LoadedPipeline load_networks(const cascade::PipelineConfig& config, const std::string& file_name,
                                   const torch::LoadOptions& how, const flow::PipelineLoadOptions& options,
                                   io::RunRecord& record) {
    torch::prepare_process();
    const auto facts = torch::runtime_facts();
    record.libtorch_version = facts.compiled_version;
    record.cpu_capability = facts.cpu_capability;
    record.optimised = how.optimise;
    std::mutex mutex; ///< guards record.device and records: networks are loaded by several threads at once
    std::map<std::filesystem::path, io::NetworkRecord> records;
    const auto loader = [&](const model::NetworkFile& file) -> std::unique_ptr<model::Network> {
        const auto start = std::chrono::steady_clock::now();
        torch::LoadOptions chosen = how;
        const bool on_cpu = how.device == "cpu" || (how.device == "auto" && facts.cuda_devices == 0);
        if (how.optimise && on_cpu) {
            chosen.choose_engine = [&file](const std::string& graph) { return automatic_engine(file, graph); };
        }
        auto network = torch::load_network(file, chosen);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        const torch::LoadReport& report = network->report();
        {
            const std::scoped_lock lock(mutex);
            record.device = report.device;
            if (report.precision != "fp32") record.precision = report.precision;
            records[file.path] = {"",
                                  file.path.string(),
                                  network->info().name,
                                  file.sha256,
                                  file.info_source,
                                  report.cut_at_head,
                                  report.picture_by_picture};
            records[file.path].engine = report.engine;
            if (report.engine == "onednn") record.onednn_version = engine::onednn_version();
        }
        log_info(file.path.string() + ": loaded in " + io::shortest(std::round(100 * seconds.count()) / 100) +
                 " s on " + report.device + ", " + std::to_string(network->info().labels.size()) + " labels, " +
                 (report.cut_at_head ? "cut in front of its head" : "run as a whole") + ", sha256 " +
                 file.sha256.substr(0, 12));
        for (const std::string& warning : report.warnings) log_warning(warning);
        if (report.picture_by_picture && how.optimise) {
            log_info(file.path.string() +
                     ": holds operations whose bits depend on the batch; runs picture by picture, so "
                     "that rows do not");
        }
        return network;
    };
    auto loaded = flow::load_pipeline(config, file_name, loader, options);
    record.file_hashes = loaded.file_hashes;
    for (std::size_t i = 0; i < loaded.stages.size(); ++i) {
        model::ModelInfo info = loaded.stages[i].network->info();
        info.preprocess = loaded.stages[i].preprocess;
        const std::string text = model::to_json(info);
        record.networks.push_back(records.at(loaded.stages[i].file.path));
        record.networks[i].stage = to_string(loaded.stages[i].stage);
        record.networks[i].info_sha256 = sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    if (how.share_trunk) record_shared_trunks(loaded, record);
    for (const std::string& note : loaded.notes) log_warning(note);
    return loaded;
}

void tell_shared_trunks(const io::RunRecord& record) {
    for (const io::NetworkRecord& first : record.networks) {
        std::vector<std::string> stages{first.stage};
        for (const io::NetworkRecord& network : record.networks) {
            if (network.shares_pass_of == first.stage) stages.push_back(network.stage);
        }
        if (stages.size() < 2) continue;
        std::string listed = stages.front();
        for (std::size_t i = 1; i < stages.size(); ++i) listed += (i + 1 == stages.size() ? " and " : ", ") + stages[i];
        log_notice(listed + " share one trunk: 1 forward pass instead of " + std::to_string(stages.size()));
    }
}

cascade::PipelineConfig with_absolute_paths(cascade::PipelineConfig config) {
    const auto make_absolute = [](std::filesystem::path& path) {
        std::error_code problem; // the working folder may be gone
        if (auto whole = std::filesystem::absolute(path, problem); !problem) path = std::move(whole);
    };
    for (std::filesystem::path* path : cascade::paths_of(config)) make_absolute(*path);
    return config;
}

} // namespace openset::pictures
