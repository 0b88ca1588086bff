#include "pictures/run.hpp"

#include "openset/base/log.hpp"
#include "pictures/batch_sizes.hpp"

namespace openset::pictures {

flow::RunStatistics finish(flow::Runner& runner, const flow::LoadedPipeline& loaded, const flow::Receiver& receive,
                           const flow::RunnerOptions& options, const io::RunRecord& record) {
    auto networks = loaded.networks();
    if (!options.find_batch) return runner.finish(loaded.pipeline, networks, receive);

    const auto file = batch_sizes_file();
    const std::string machine = machine_of(record, options.threads);
    const auto known = read_batch_sizes(file, machine);
    const auto tell = [](cascade::Stage stage, int size, const char* how) {
        log_info(std::string(to_string(stage)) + ": batches of " + std::to_string(size) + ", " + how);
    };
    const auto name_of = [&](std::size_t i) {
        return loaded.stages[i].file.sha256 + " by " + record.networks[i].engine;
    };
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const auto size = known.find(name_of(i));
        if (size == known.end()) continue;
        networks[i].batch = size->second;
        tell(networks[i].stage, size->second, "which an earlier run has found to be fastest here");
    }
    const auto statistics = runner.finish(loaded.pipeline, networks, receive);
    std::map<std::string, int> found;
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const int size = statistics.stages[i].batch_found;
        if (statistics.stages[i].batch_outgrown) found.emplace(name_of(i), forget_batch_size);
        if (size == 0) continue;
        found.emplace(name_of(i), size);
        tell(networks[i].stage, size, "found to be fastest here");
    }
    remember_batch_sizes(file, machine, found);
    return statistics;
}

flow::RunStatistics run(const flow::LoadedPipeline& loaded, flow::InputSource& inputs, const flow::Receiver& receive,
                        const flow::RunnerOptions& options, const io::RunRecord& record,
                        const Cancellation& cancellation) {
    flow::Runner runner(flow::preprocess_of(loaded.networks()), inputs, options, cancellation, 0);
    return finish(runner, loaded, receive, options, record);
}

} // namespace openset::pictures
