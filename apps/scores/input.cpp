#include "scores/input.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/sha256.hpp"
#include "openset/cascade/pipeline_config.hpp"
#include "openset/io/row_reader.hpp"
#include "openset/io/run_record.hpp"

namespace openset::scores {
namespace {

namespace fs = std::filesystem;

io::Stage stage_named(const std::string& name) {
    return name == "gate" ? io::Stage::gate : name == "species" ? io::Stage::species : io::Stage::unknown;
}

/// Whether an entry of `accept` means this label.
bool means(const cascade::LabelReference& entry, int id, const std::string& label) {
    if (const int* number = std::get_if<int>(&entry)) return *number == id;
    const auto& text = std::get<std::string>(entry);
    const std::string digit = std::to_string(id);
    return text == label || text == digit || text == "0-1" || text == digit + "-" + digit;
}

const io::NetworkRecord* network_of(const io::RunRecord& record, const std::string& stage) {
    const auto found = std::ranges::find(record.networks, stage, &io::NetworkRecord::stage);
    return found != record.networks.end() ? &*found : nullptr;
}

/// Which labels of its species filter a run accepted, by its record.
std::function<bool(int, const std::string&)> accepted_species(const fs::path& rows,
                                                              const std::optional<io::RunRecord>& record) {
    const fs::path beside = io::run_record_path(rows);
    if (!record) {
        throw Error(ErrorKind::usage, rows.string() + ": has no run record beside it, expected " +
                                          beside.filename().string() + ", which says what the species filter accepts");
    }
    const auto config = cascade::parse_pipeline_config(record->config_json, beside.string() + " /config", {});
    if (!config.species) {
        throw Error(ErrorKind::usage,
                    rows.string() + ": no row has figures of the stage species, expected a pipeline that has it");
    }
    return [accept = config.species->accept](int id, const std::string& label) {
        return std::ranges::any_of(accept, [&](const auto& entry) { return means(entry, id, label); });
    };
}

void say_what_is_left_out(const io::ScoreTable& table, io::Stage stage) {
    if (table.failed > 0) log_notice(table.file + ": " + std::to_string(table.failed) + " failed rows left out");
    if (table.unreached > 0) {
        log_notice(table.file + ": " + std::to_string(table.unreached) + " rows were rejected before the stage " +
                   std::string(to_string(stage)) + " and are left out: rates are of the " + std::to_string(table.rows) +
                   " that reached it; openset infer --all-stages scores all");
    }
}

/// The record of a score file; none where the file is no longer what the record speaks of.
std::optional<io::ScoreRun> record_of(const fs::path& file) {
    auto run = io::read_score_run(file);
    if (run && !run->scores_sha256.empty() && sha256_hex_of_file(file) != run->scores_sha256) {
        log_warning(file.string() + ": was changed since openset score wrote it, so that " +
                    io::run_record_path(file).filename().string() +
                    " is not believed: nothing says what made its columns; score again, or remove the record");
        run.reset();
    }
    return run;
}

Side read_scores(const NamedFile& file, const Request& request, const std::vector<std::string>& methods, bool is_known,
                 io::LabelNames& labels) {
    const auto run = record_of(file.path);
    std::set<std::string> of_network; // two labels may be called the same: ImageNet has two cranes
    if (run) of_network.insert(run->labels.begin(), run->labels.end());
    if (run && labels.names().empty())
        for (const std::string& label : run->labels) labels.number(label); // in the network's order
    Side side;
    side.file = file;
    side.table =
        io::read_scores(file.path, {methods, request.details, request.details, request.details, request.paths}, labels);
    side.has_record = run.has_value();
    // The folder of a class that the network does not know is no label to be right about.
    const auto trained = static_cast<std::int32_t>(run ? of_network.size() : labels.names().size());
    for (std::int32_t& label : side.table.label) label = label < trained || !is_known ? label : -1;
    side.trained_classes = static_cast<std::size_t>(trained);
    if (run) {
        side.store = run->store;
        side.store_identity = run->store_identity;
        side.fitted_rows = std::ranges::any_of(run->columns, [&run](const auto& column) {
            return !run->store_identity.empty() && column.second.fitted_on == run->store_identity;
        });
        side.model_sha256 = run->model_sha256;
    }
    for (const std::string& column : methods) {
        Origin origin{column, {}, {}, {}, {}};
        const auto found = run ? run->columns.find(column) : std::map<std::string, io::ScoredMethod>::const_iterator();
        if (run && found != run->columns.end())
            origin = {found->second.method, found->second.fitted_sha256, found->second.fitted_on,
                      found->second.fitted_sha256.empty() ? run->model_sha256 : "", ""};
        side.origins.push_back(std::move(origin));
    }
    return side;
}

bool differ(const std::string& one, const std::string& other) { return !one.empty() && !other.empty() && one != other; }

void refuse_others_than(const Side& known, const Side& unknown) {
    const std::string files = known.file.path.string() + " and " + unknown.file.path.string();
    if (differ(known.model_sha256, unknown.model_sha256)) {
        throw Error(ErrorKind::usage, files + ": come from different networks (sha256 " +
                                          known.model_sha256.substr(0, 12) + " and " +
                                          unknown.model_sha256.substr(0, 12) + "), expected the same for both");
    }
    for (std::size_t i = 0; i < known.origins.size(); ++i) {
        const Origin &one = known.origins[i], &other = unknown.origins[i];
        if (!differ(one.fitted_sha256, other.fitted_sha256) && !differ(one.network_sha256, other.network_sha256) &&
            !differ(one.accept, other.accept) && one.method == other.method)
            continue;
        if (differ(one.accept, other.accept)) {
            throw Error(ErrorKind::usage, files + ": accept other labels (" + one.accept + " and " + other.accept +
                                              "), expected the same for both");
        }
        if (known.has_record != unknown.has_record) {
            const fs::path& alone = known.has_record ? unknown.file.path : known.file.path;
            throw Error(ErrorKind::usage, alone.string() + ": what made its column " + known.table.methods[i] +
                                              " stands in a run record, expected " +
                                              io::run_record_path(alone).filename().string() +
                                              " beside it as beside the other file; copy it along, or score again");
        }
        throw Error(ErrorKind::usage, files + ": " + known.table.methods[i] +
                                          " comes from different fits, expected the same fitted file or network for "
                                          "both; score one of them again");
    }
}

/// parted  known and unknown rows come from one file
void doubt(const Inputs& inputs, bool parted) {
    const Side& known = inputs.known;
    if (known.fitted_rows) {
        log_warning(known.file.path.string() +
                    ": a detector was fitted on these very rows, and the network probably trained on them: they score "
                    "better than any picture to come, and a threshold from them promises too much; score pictures that "
                    "were held out");
    }
    for (const Side& unknown : inputs.unknown) {
        std::error_code ignored; // both were just read
        if (!parted && fs::equivalent(known.file.path, unknown.file.path, ignored))
            log_warning(known.file.path.string() + ": is both --known and --unknown");
        if (!inputs.has_labels && !inputs.from_rows && unknown.table.rows > 0 &&
            std::ranges::none_of(known.table.label, [](std::int32_t label) { return label >= 0; }) &&
            std::ranges::any_of(unknown.table.label, [&](std::int32_t label) {
                return label >= 0 && static_cast<std::size_t>(label) < unknown.trained_classes;
            })) {
            log_warning(unknown.file.path.string() +
                        ": has labels that the network knows, and the known file has none; are --known and --unknown "
                        "in each other's place?");
        }
        const std::set<std::int32_t> names(known.table.label.begin(), known.table.label.end());
        const auto named = std::ranges::count_if(
            unknown.table.label, [&](std::int32_t label) { return label >= 0 && names.contains(label); });
        if (named > 0 && inputs.has_labels) {
            log_warning(unknown.file.path.string() + ": " + std::to_string(named) +
                        " rows carry labels of known rows; are they really unknown?");
        }
    }
}

void append_row(const io::ScoreTable& from, std::size_t row, std::int32_t label, io::ScoreTable& to) {
    ++to.rows;
    to.label.push_back(label);
    to.predicted.push_back(from.predicted[row]);
    to.scores[0].push_back(from.scores[0][row]);
    to.paths.push_back(from.paths[row]);
    if (!from.rejected.empty()) to.rejected.push_back(from.rejected[row]);
}

void part_by_truth(const Request& request, Inputs& inputs) {
    const io::ScoreTable all = std::move(inputs.known.table);
    io::ScoreTable none;
    none.file = all.file;
    none.methods = all.methods;
    none.scores.resize(1);
    inputs.known.table = none;
    Side unknown = inputs.known;
    unknown.file.name = "unknown";
    const std::size_t named_by_rows = inputs.labels.names().size();
    std::int64_t untold = 0;
    for (std::size_t row = 0; row < all.paths.size(); ++row) {
        const auto truth = request.truth(all.paths[row]);
        const std::int32_t label = truth ? inputs.labels.find(*truth).value_or(-1) : -1;
        const bool is_known = label >= 0 && static_cast<std::size_t>(label) < named_by_rows;
        untold += truth ? 0 : 1;
        if (truth) append_row(all, row, is_known ? label : -1, is_known ? inputs.known.table : unknown.table);
    }
    if (untold > 0) log_notice(all.file + ": " + std::to_string(untold) + " rows whose class is not told left out");
    inputs.unknown.push_back(std::move(unknown));
}

bool all_told(const std::vector<std::int32_t>& labels) {
    return std::ranges::none_of(labels, [](std::int32_t label) { return label < 0; });
}

void settle_names(Inputs& inputs) {
    const io::ScoreTable& known = inputs.known.table;
    inputs.has_labels = known.rows > 0 && all_told(known.label);
    const std::string file = inputs.known.file.path.string();
    const auto unnamed = std::ranges::count_if(known.label, [](std::int32_t label) { return label < 0; });
    if (!inputs.has_labels && !inputs.from_rows && unnamed < known.rows) {
        throw Error(ErrorKind::usage, file + ": " + std::to_string(unnamed) + " of " + std::to_string(known.rows) +
                                          " rows have no label that the network knows, expected one for each or none; "
                                          "unknown pictures belong into --unknown");
    }
    if (!inputs.has_labels && known.rows > 0) {
        log_notice(inputs.from_rows
                       ? file +
                             ": not every picture lies in a folder with the name of a label: known_accuracy and what "
                             "else needs the truth are left out"
                       : file + ": has no labels: known_accuracy and what else needs the truth are left out");
    } else if (!inputs.known.has_predictions()) {
        log_notice(file + ": not every row names what the classifier saw: known_accuracy is left out; openset infer "
                          "--all-stages tells it for all");
    }
}

} // namespace

bool Side::has_predictions() const { return all_told(table.predicted); }

NamedFile named_file(const std::string& text) {
    const auto sign = text.find('=');
    std::error_code ignored; // reading says why
    // A name has no slash: ./a=b.csv is a file; so is a=b.csv where it is there.
    if (sign != std::string::npos && sign > 0 && text.find('/') > sign && !fs::exists(text, ignored))
        return {text.substr(0, sign), text.substr(sign + 1)};
    return {fs::path(text).stem().string(), text};
}

bool holds_rows(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string first(256, '\0');
    stream.read(first.data(), static_cast<std::streamsize>(first.size()));
    first.resize(static_cast<std::size_t>(stream.gcount()));
    return io::begins_like_rows(first);
}

std::string the_one_method(const fs::path& file, const std::string& asked) {
    if (!asked.empty() || holds_rows(file)) return asked;
    const std::vector<std::string> columns = io::score_columns(file);
    if (columns.size() == 1) return columns.front();
    std::string all;
    for (const std::string& column : columns) all += (all.empty() ? "" : ", ") + column;
    throw Error(ErrorKind::usage,
                file.string() + ": " +
                    (columns.empty() ? "has no score columns, expected one" : "expected --method with one of " + all));
}

Side read_stage(const NamedFile& file, const std::string& method, io::Stage stage, bool paths, io::LabelNames& labels) {
    const auto record = io::read_run_record(file.path);
    io::WantedStage wanted{stage, method, {}, paths};
    if (stage == io::Stage::species) wanted.accepts = accepted_species(file.path, record);
    Side side;
    side.file = file;
    side.table = io::read_stage_scores(file.path, wanted, labels);
    side.trained_classes = labels.names().size();
    Origin origin{side.table.methods.front(), {}, {}, {}, {}};
    side.has_record = record.has_value();
    if (record) {
        const auto fitted = record->file_hashes.find("/unknown/fitted");
        if (stage == io::Stage::unknown && fitted != record->file_hashes.end()) origin.fitted_sha256 = fitted->second;
        // What was fitted names its network itself.
        const bool of_classifier = stage == io::Stage::unknown && origin.fitted_sha256.empty();
        if (const auto* network = network_of(*record, of_classifier ? "classifier" : std::string(to_string(stage))))
            origin.network_sha256 = network->sha256;
        if (stage != io::Stage::unknown) origin.accept = cascade::accept_of(record->config_json, stage);
        if (const auto* classifier = network_of(*record, "classifier")) side.model_sha256 = classifier->sha256;
    }
    side.origins.push_back(std::move(origin));
    return side;
}

Inputs read_inputs(const Request& request) {
    Inputs inputs;
    inputs.from_rows = holds_rows(request.known.path);
    if (inputs.from_rows && request.stage.empty()) {
        throw Error(ErrorKind::usage, request.known.path.string() +
                                          ": holds rows of openset infer, expected --stage gate, species or unknown "
                                          "with them");
    }
    if (!inputs.from_rows && !request.stage.empty() && request.stage != "unknown") {
        throw Error(ErrorKind::usage, "--stage " + request.stage + ": " + request.known.path.string() +
                                          " holds scores of a detector, expected rows that openset infer wrote");
    }
    inputs.stage = stage_named(request.stage);
    for (const std::string& label : request.labels) inputs.labels.number(label);
    std::vector<std::string> methods = request.methods;
    if (!inputs.from_rows && methods.empty()) methods = io::score_columns(request.known.path);
    const auto read = [&](const NamedFile& file) {
        if (holds_rows(file.path) != inputs.from_rows && fs::exists(file.path)) {
            throw Error(ErrorKind::usage, request.known.path.string() + " and " + file.path.string() +
                                              ": one holds scores and one rows of infer, expected two of a kind");
        }
        if (!inputs.from_rows) return read_scores(file, request, methods, &file == &request.known, inputs.labels);
        Side side = read_stage(file, methods.empty() ? "" : methods.front(), inputs.stage,
                               request.paths || request.truth, inputs.labels);
        say_what_is_left_out(side.table, inputs.stage);
        return side;
    };
    inputs.known = read(request.known);
    inputs.trained_classes = inputs.known.trained_classes;
    if (inputs.from_rows) methods = inputs.known.table.methods;
    for (const NamedFile& file : request.unknown) {
        inputs.unknown.push_back(read(file));
        refuse_others_than(inputs.known, inputs.unknown.back());
    }
    if (request.truth && inputs.from_rows && inputs.unknown.empty()) part_by_truth(request, inputs);
    // Rows name no label but the network's own; a label that known rows never get may be an unknown one's.
    if (inputs.from_rows) inputs.trained_classes = inputs.labels.names().size();
    settle_names(inputs);
    doubt(inputs, static_cast<bool>(request.truth));
    return inputs;
}

Inputs held_together(io::LabelNames labels, Side known, std::vector<Side> unknown) {
    Inputs inputs;
    inputs.labels = std::move(labels);
    inputs.trained_classes = known.trained_classes;
    inputs.known = std::move(known);
    for (Side& side : unknown) {
        refuse_others_than(inputs.known, side);
        inputs.unknown.push_back(std::move(side));
    }
    settle_names(inputs);
    doubt(inputs, false);
    return inputs;
}

Contest::Contest(const Inputs& inputs, std::size_t method, const std::vector<std::size_t>& unknown) {
    const io::ScoreTable& known = inputs.known.table;
    rows_.classes = static_cast<std::int32_t>(inputs.labels.names().size());
    rows_.known_scores = known.scores[method];
    if (inputs.has_labels) rows_.known_labels = known.label;
    if (inputs.known.has_predictions()) rows_.known_predicted = known.predicted;
    rows_.known_confidence = known.confidence;
    rows_.known_rejected = known.rejected;
    for (const std::size_t index : unknown) {
        const io::ScoreTable& table = inputs.unknown[index].table;
        if (unknown.size() == 1) { // nothing to pool: no copy
            rows_.unknown_scores = table.scores[method];
            if (inputs.unknown[index].has_predictions()) rows_.unknown_predicted = table.predicted;
            rows_.unknown_rejected = table.rejected;
            return;
        }
        scores_.insert(scores_.end(), table.scores[method].begin(), table.scores[method].end());
        predicted_.insert(predicted_.end(), table.predicted.begin(), table.predicted.end());
        rejected_.insert(rejected_.end(), table.rejected.begin(), table.rejected.end());
    }
    rows_.unknown_scores = scores_;
    if (rejected_.size() == scores_.size()) rows_.unknown_rejected = rejected_;
    if (all_told(predicted_)) rows_.unknown_predicted = predicted_;
}

} // namespace openset::scores
