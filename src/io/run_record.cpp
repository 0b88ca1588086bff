#include "openset/io/run_record.hpp"

#include <nlohmann/json.hpp>

#include "io/checked_json.hpp"
#include "io/store_files.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"

namespace openset::io {
namespace {

constexpr const char* record_format = "openset-run/1";
constexpr std::uint64_t max_record_bytes = std::uint64_t{64} << 20;

/// Reads the members of one object; what is missing or of another kind is noted, and leaves the field as it was.
class Members {
public:
    explicit Members(std::optional<CheckedObject> object) : object_(std::move(object)) {}

    void read(const char* key, std::string& field) {
        const auto value = member(key, "a string");
        if (!value) return;
        value->json().is_string() ? void(field = value->json().get<std::string>()) : value->expected("a string");
    }
    void read(const char* key, bool& field) {
        if (const auto value = member(key, "true or false")) field = value->boolean().value_or(field);
    }
    template <typename Integer>
    void read(const char* key, Integer& field) {
        const auto value = member(key, "a whole number");
        if (value) field = static_cast<Integer>(value->count(std::numeric_limits<Integer>::max()).value_or(field));
    }
    void read(const char* key, double& field) {
        if (const auto value = member(key, "a number")) field = value->number(0, 1e300).value_or(field);
    }
    void read(const char* key, std::vector<std::string>& field) {
        each(key, [&field](const CheckedValue& value) {
            if (value.json().is_string()) return field.push_back(value.json().get<std::string>());
            value.expected("a string");
        });
    }

    Members object(const char* key) {
        const auto value = member(key, "an object");
        return Members(value ? value->object() : std::nullopt);
    }

    template <typename Read>
    void each(const char* key, Read read_one) {
        const auto value = member(key, "an array");
        const auto elements = value ? value->array("an array", 0) : std::nullopt;
        if (elements) std::ranges::for_each(*elements, read_one);
    }

    std::optional<CheckedValue> member(const char* key, const char* what) {
        return object_ ? object_->required(key, what) : std::nullopt;
    }
    std::optional<CheckedValue> optional(const char* key) { return object_ ? object_->optional(key) : std::nullopt; }
    std::vector<std::pair<std::string, CheckedValue>> all() const {
        return object_ ? object_->members() : std::vector<std::pair<std::string, CheckedValue>>();
    }

private:
    std::optional<CheckedObject> object_;
};

NetworkRecord read_network(const CheckedValue& value) {
    NetworkRecord network;
    Members members(value.object());
    members.read("stage", network.stage);
    members.read("path", network.path);
    members.read("name", network.name);
    members.read("sha256", network.sha256);
    members.read("info", network.info_source);
    if (members.optional("info_sha256")) members.read("info_sha256", network.info_sha256);
    if (members.optional("engine")) members.read("engine", network.engine);
    members.read("cut_at_head", network.cut_at_head);
    members.read("picture_by_picture", network.picture_by_picture);
    if (members.optional("shares_pass_of")) members.read("shares_pass_of", network.shares_pass_of);
    return network;
}

PartRecord read_part(const CheckedValue& value) {
    PartRecord part;
    Members members(value.object());
    members.read("file", part.file);
    members.read("sha256", part.sha256);
    members.read("rows", part.rows);
    return part;
}

RowCounts read_counts(Members members) {
    RowCounts counts;
    members.read("known", counts.known);
    members.read("unknown", counts.unknown);
    members.read("failed", counts.failed);
    Members decided_by = members.object("decided_by");
    for (const auto& [stage, count] : decided_by.all()) decided_by.read(stage.c_str(), counts.decided_by[stage]);
    return counts;
}

std::optional<Shard> read_shard(const CheckedValue& value) {
    Shard shard;
    Members members(value.object());
    members.read("index", shard.index);
    members.read("count", shard.count);
    if (shard.index < shard.count) return shard;
    value.expected("an index below the count");
    return std::nullopt;
}

StoreRecord read_store(const CheckedValue& value) {
    StoreRecord store;
    Members members(value.object());
    if (const auto labels = members.member("labels", "folders, csv or none"))
        store.labels = labels->one_of({"folders", "csv", "none"}).value_or("");
    if (members.optional("csv_sha256")) members.read("csv_sha256", store.csv_sha256);
    if (members.optional("files_sha256")) members.read("files_sha256", store.files_sha256);
    return store;
}

RowFormat read_format(const CheckedValue& value) {
    const std::string name = value.one_of({"jsonl", "csv", "table"}).value_or("");
    return name == "csv" ? RowFormat::csv : name == "table" ? RowFormat::table : RowFormat::jsonl;
}

RunRecord read_record(Members members) {
    RunRecord record;
    if (const auto format = members.member("format", record_format)) format->one_of({record_format});
    members.read("openset", record.openset_version);
    members.read("complete", record.complete);
    record.counts = read_counts(members.object("counts"));
    if (const auto config = members.member("config", "the pipeline config"); config && config->object())
        record.config_json = config->json().dump();
    members.read("closed_set", record.closed_set);
    members.read("all_stages", record.all_stages);
    if (const auto store = members.optional("store")) {
        record.store = read_store(*store);
    } else {
        members.read("top", record.top);
        if (const auto rows = members.member("row_format", "jsonl, csv or table")) record.format = read_format(*rows);
    }
    members.read("exif_orientation", record.exif_orientation);
    if (members.optional("fast_decode")) members.read("fast_decode", record.fast_decode); // none before it existed
    members.read("max_pixels", record.max_pixels);
    members.read("decode_memory", record.decode_memory);
    if (const auto shard = members.optional("shard")) record.shard = read_shard(*shard);
    members.each("networks", [&](const CheckedValue& value) { record.networks.push_back(read_network(value)); });
    if (const auto files = members.optional("files")) {
        Members hashes(files->object());
        for (const auto& [pointer, hash] : hashes.all()) {
            const bool is_place = pointer.starts_with('/') && pointer.find('~') == std::string::npos;
            is_place ? hashes.read(pointer.c_str(), record.file_hashes[pointer])
                     : hash.problem("the key is no place in a config, expected one such as /unknown/fitted");
        }
    }
    members.read("inputs", record.inputs);
    if (members.optional("parts"))
        members.each("parts", [&](const CheckedValue& value) { record.parts.push_back(read_part(value)); });
    if (const auto watch = members.optional("rate_watch"); watch && watch->object())
        record.rate_watch = watch->json().dump();
    members.read("device", record.device);
    members.read("precision", record.precision);
    members.read("optimised", record.optimised);
    members.read("libtorch", record.libtorch_version);
    if (members.optional("onednn")) members.read("onednn", record.onednn_version);
    members.read("cpu_capability", record.cpu_capability);
    members.read("batch", record.batch);
    members.read("jobs", record.jobs);
    members.read("threads", record.threads);
    members.read("started", record.started);
    Members seconds = members.object("seconds");
    seconds.read("load", record.load_seconds);
    seconds.read("run", record.run_seconds);
    return record;
}

/// The config without what may differ between runs that say the same: its name, and where its networks lie.
Json deciding_config(const RunRecord& record) {
    Json config = Json::parse(record.config_json, nullptr, false);
    if (!config.is_object()) return config;
    config.erase("name");
    for (auto& stage : config) {
        if (stage.is_object()) stage.erase("model");
    }
    for (const auto& [pointer, hash] : record.file_hashes) {
        const Json::json_pointer place(pointer);
        if (config.contains(place)) config[place] = "sha256 " + hash;
    }
    return config;
}

Json deciding_networks(const RunRecord& record) {
    Json networks = Json::object();
    for (const NetworkRecord& network : record.networks) {
        Json& stage = networks[network.stage];
        stage["sha256"] = network.sha256;
        stage["info_sha256"] = network.info_sha256;
    }
    return networks;
}

/// Everything that decides what rows say, by the name that people know it by.
std::vector<std::pair<std::string, Json>> identity(const RunRecord& record) {
    const auto store = [&record](const std::string StoreRecord::*field) {
        return record.store && !((*record.store).*field).empty() ? Json((*record.store).*field) : Json();
    };
    return {{"output", record.store ? "an activation store" : "rows"},
            {"labels from", store(&StoreRecord::labels)},
            {"the table of --csv", store(&StoreRecord::csv_sha256)},
            {"the hash of the pictures' names, sizes and times", store(&StoreRecord::files_sha256)},
            {"config", deciding_config(record)},
            {"networks", deciding_networks(record)},
            {"--closed-set", record.closed_set},
            {"--all-stages", record.all_stages},
            {"--top", record.top},
            {"--format", to_string(record.format)},
            {"--exif-orientation", record.exif_orientation},
            {"--fast-decode", record.fast_decode},
            {"--max-pixels", record.max_pixels},
            {"--decode-memory", record.decode_memory},
            {"precision", record.precision},
            {"kind of device", record.device.substr(0, record.device.find(':'))},
            {"optimised networks", record.optimised},
            {"--shard", record.shard ? Json(to_string(*record.shard)) : Json()}};
}

std::string told(const Json& value) { return value.is_null() ? "not there" : describe(value); }

/// Goes into objects and into arrays of one length, and tells what differs below.
void compare(const std::string& what, const std::string& pointer, const Json& then, const Json& now,
             std::vector<std::string>& sentences) {
    if (then == now) return;
    if (then.is_object() && now.is_object()) {
        for (const auto& [key, value] : then.items())
            compare(what, pointer_to(pointer, key), value, now.value(key, Json()), sentences);
        for (const auto& [key, value] : now.items()) {
            if (!then.contains(key)) compare(what, pointer_to(pointer, key), Json(), value, sentences);
        }
    } else if (then.is_array() && now.is_array() && then.size() == now.size()) {
        for (std::size_t i = 0; i < then.size(); ++i)
            compare(what, pointer_to(pointer, std::to_string(i)), then[i], now[i], sentences);
    } else {
        const std::string place = pointer.empty() ? "" : " " + pointer;
        sentences.push_back(what + place + " was " + told(then) + ", now " + told(now));
    }
}

} // namespace

std::string to_string(const Shard& shard) { return std::to_string(shard.index) + "/" + std::to_string(shard.count); }

std::string to_json(const RunRecord& record) {
    using OrderedJson = nlohmann::ordered_json;
    OrderedJson networks = OrderedJson::array();
    for (const NetworkRecord& network : record.networks) {
        OrderedJson json = {{"stage", network.stage},
                            {"path", network.path},
                            {"name", network.name},
                            {"sha256", network.sha256},
                            {"info", network.info_source}};
        if (!network.info_sha256.empty()) json["info_sha256"] = network.info_sha256;
        json["engine"] = network.engine;
        json["cut_at_head"] = network.cut_at_head;
        json["picture_by_picture"] = network.picture_by_picture;
        if (!network.shares_pass_of.empty()) json["shares_pass_of"] = network.shares_pass_of;
        networks.push_back(std::move(json));
    }
    OrderedJson decided_by = OrderedJson::object();
    for (const auto& [stage, count] : record.counts.decided_by) decided_by[stage] = count;
    OrderedJson json = {
        {"format", record_format},
        {"openset", record.openset_version},
        {"complete", record.complete},
        {"counts",
         {{"pictures", record.counts.total()},
          {"known", record.counts.known},
          {"unknown", record.counts.unknown},
          {"failed", record.counts.failed},
          {"decided_by", decided_by}}},
    };
    if (record.store) {
        json["store"] = {{"labels", record.store->labels}};
        if (!record.store->csv_sha256.empty()) json["store"]["csv_sha256"] = record.store->csv_sha256;
        if (!record.store->files_sha256.empty()) json["store"]["files_sha256"] = record.store->files_sha256;
    } else {
        json["row_format"] = to_string(record.format);
    }
    if (record.shard) json["shard"] = {{"index", record.shard->index}, {"count", record.shard->count}};
    json.update({
        {"config", OrderedJson::parse(record.config_json)},
        {"closed_set", record.closed_set},
        {"all_stages", record.all_stages},
    });
    if (!record.store) json["top"] = record.top;
    json.update({
        {"exif_orientation", record.exif_orientation},
        {"fast_decode", record.fast_decode},
        {"max_pixels", record.max_pixels},
        {"decode_memory", record.decode_memory},
        {"networks", networks},
        {"files", record.file_hashes},
        {"inputs", record.inputs},
        {"device", record.device},
        {"precision", record.precision},
        {"optimised", record.optimised},
        {"libtorch", record.libtorch_version},
        {"cpu_capability", record.cpu_capability},
        {"onednn", record.onednn_version},
        {"batch", record.batch},
        {"jobs", record.jobs},
        {"threads", record.threads},
        {"started", record.started},
        {"seconds", {{"load", record.load_seconds}, {"run", record.run_seconds}}},
    });
    if (!record.rate_watch.empty()) json["rate_watch"] = OrderedJson::parse(record.rate_watch);
    for (const PartRecord& part : record.parts) {
        json["parts"].push_back({{"file", part.file}, {"sha256", part.sha256}, {"rows", part.rows}});
    }
    return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

RunRecord parse_run_record(std::string_view json, const std::string& name) {
    JsonProblems problems(name);
    const auto document = parse_json(json, problems);
    problems.throw_if_any(ErrorKind::corrupt);
    RunRecord record = read_record(Members(CheckedValue(*document, "", problems).object("a run record")));
    problems.throw_if_any(ErrorKind::corrupt);
    return record;
}

std::filesystem::path run_record_path(const std::filesystem::path& rows) {
    std::filesystem::path record = rows;
    record += ".run.json";
    return record;
}

void commit_with_record(ByteSink& sink, const std::filesystem::path& output, std::string_view record_json) {
    const auto going_on = run_record_path(partial_path(output)), final = run_record_path(output);
    write_file_atomically(going_on, record_json);
    std::error_code ignored; // there may be none
    std::filesystem::remove(final, ignored);
    sink.commit();
    std::error_code problem;
    std::filesystem::rename(going_on, final, problem);
    if (problem) throw Error(ErrorKind::output, final.string() + ": cannot take its name: " + problem.message());
}

std::filesystem::path store_record_path(const std::filesystem::path& store) { return store / run_file; }

std::optional<RunRecord> read_run_record(const std::filesystem::path& rows_or_store) {
    std::error_code ignored; // reading says why
    const auto path = std::filesystem::is_directory(rows_or_store, ignored) ? store_record_path(rows_or_store)
                                                                            : run_record_path(rows_or_store);
    try {
        const auto bytes = read_file(path, max_record_bytes);
        return parse_run_record({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::not_found) return std::nullopt;
        if (error.kind() == ErrorKind::corrupt) throw;
        throw Error(error.kind(), path.string() + ": " + error.what());
    }
}

std::vector<std::string> differences(const RunRecord& then, const RunRecord& now) {
    std::vector<std::string> sentences;
    const auto before = identity(then), after = identity(now);
    for (std::size_t i = 0; i < before.size(); ++i)
        compare(before[i].first, "", before[i].second, after[i].second, sentences);
    return sentences;
}

std::vector<std::string> differences_in_last_digits(const RunRecord& then, const RunRecord& now) {
    std::vector<std::string> sentences;
    compare("LibTorch", "", then.libtorch_version, now.libtorch_version, sentences);
    compare("processor", "", then.cpu_capability, now.cpu_capability, sentences);
    const auto engines = [](const RunRecord& record) {
        Json by_stage = Json::object();
        for (const NetworkRecord& network : record.networks) by_stage[network.stage] = network.engine;
        return by_stage;
    };
    compare("engine", "", engines(then), engines(now), sentences);
    if (!then.onednn_version.empty() && !now.onednn_version.empty())
        compare("oneDNN", "", then.onednn_version, now.onednn_version, sentences);
    return sentences;
}

} // namespace openset::io
