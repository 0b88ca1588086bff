#pragma once

#include <string>
#include <vector>

#include "openset/io/row_writer.hpp"

namespace openset::io {

struct NetworkRecord {
    std::string stage;
    std::string path;
    std::string name;
    std::string sha256;
    std::string info_source;
    bool cut_at_head = false;
    bool picture_by_picture = false;
};

/// What made a row file: `<output>.run.json`, format openset-run/1.
struct RunRecord {
    std::string openset_version;
    std::string libtorch_version;
    std::string cpu_capability;
    std::string device;
    std::string precision = "fp32";
    bool optimised = true;
    std::string config_json; ///< in full, with what flags changed
    bool closed_set = false;
    bool all_stages = false;
    std::vector<NetworkRecord> networks;
    std::vector<std::string> inputs; ///< as given; any bytes
    int batch = 0, jobs = 0, threads = 0;
    RowCounts counts;
    std::string started; ///< UTC, ISO 8601
    double load_seconds = 0;
    double run_seconds = 0;
    bool complete = true; ///< false: interrupted or stopped early
};

std::string to_json(const RunRecord& record);

} // namespace openset::io
