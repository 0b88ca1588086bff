#include "openset/io/run_record.hpp"

#include <nlohmann/json.hpp>

namespace openset::io {

std::string to_json(const RunRecord& record) {
    using Json = nlohmann::ordered_json;
    Json networks = Json::array();
    for (const NetworkRecord& network : record.networks) {
        networks.push_back({{"stage", network.stage},
                            {"path", network.path},
                            {"name", network.name},
                            {"sha256", network.sha256},
                            {"info", network.info_source},
                            {"cut_at_head", network.cut_at_head},
                            {"picture_by_picture", network.picture_by_picture}});
    }
    Json decided_by = Json::object();
    for (const auto& [stage, count] : record.counts.decided_by) decided_by[stage] = count;
    const Json json = {
        {"format", "openset-run/1"},
        {"openset", record.openset_version},
        {"complete", record.complete},
        {"counts",
         {{"pictures", record.counts.total()},
          {"known", record.counts.known},
          {"unknown", record.counts.unknown},
          {"failed", record.counts.failed},
          {"decided_by", decided_by}}},
        {"config", Json::parse(record.config_json)},
        {"closed_set", record.closed_set},
        {"all_stages", record.all_stages},
        {"networks", networks},
        {"inputs", record.inputs},
        {"device", record.device},
        {"precision", record.precision},
        {"optimised", record.optimised},
        {"libtorch", record.libtorch_version},
        {"cpu_capability", record.cpu_capability},
        {"batch", record.batch},
        {"jobs", record.jobs},
        {"threads", record.threads},
        {"started", record.started},
        {"seconds", {{"load", record.load_seconds}, {"run", record.run_seconds}}},
    };
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace openset::io
