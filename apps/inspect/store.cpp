#include "inspect/store.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <vector>

#include "inspect/rows.hpp"
#include "inspect/text.hpp"
#include "openset/base/error.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/npy.hpp"
#include "openset/io/store_writer.hpp"
#include "openset/model/head.hpp"

namespace openset::inspect {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// ---- whole stores

struct ClassRows {
    std::int64_t rows = 0;
    std::int64_t correct = 0; ///< whose largest logit is that of their label
};

/// How far the logits lie from what the head makes of the features.
struct HeadError {
    float largest = 0; ///< of |W f + b - logit|
    std::int64_t row = 0, rows_checked = 0;
};

struct FailedPicture {
    std::string path, error;
};

struct ArrayFacts {
    std::string file, type;
    std::vector<std::int64_t> shape;
    std::uint64_t bytes = 0;
};

struct StoreFacts {
    std::vector<ArrayFacts> arrays;
    std::vector<ClassRows> classes;
    std::int64_t without_class = 0;
    std::map<std::string, std::int64_t> unknown_names; ///< classes that the network does not know, by name
    std::vector<FailedPicture> failed;
    std::optional<HeadError> head_error;
    std::string not_finite; ///< the first NaN or infinity; empty: there is none
};

std::string type_text(io::NpyType type) {
    static constexpr const char* names[] = {"float32", "float64", "int64"};
    return names[static_cast<int>(type)];
}

std::uint64_t bytes_in(const fs::path& file) {
    std::error_code ignored; // a file that vanished has none
    const auto bytes = fs::file_size(file, ignored);
    return ignored ? 0 : bytes;
}

template <typename Value>
void add_array(const io::ActivationStore& store, const std::string& name, std::vector<ArrayFacts>& arrays) {
    const fs::path file = store.folder() / (name + ".npy");
    std::error_code ignored; // a store may have no labels
    if (!fs::exists(file, ignored)) return;
    arrays.push_back({file.filename().string(), type_text(io::npy_type<Value>()), io::NpyArray<Value>(file).shape(),
                      bytes_in(file)});
}

std::vector<ArrayFacts> arrays_of(const io::ActivationStore& store) {
    std::vector<ArrayFacts> arrays;
    add_array<float>(store, "logits", arrays);
    add_array<std::int64_t>(store, "labels", arrays);
    for (const char* name : {"features", "head_weight", "head_bias"}) add_array<float>(store, name, arrays);
    for (const std::string& name : store.extra_names()) add_array<float>(store, name, arrays);
    return arrays;
}

void count_classes(const io::ActivationStore& store, StoreFacts& facts) {
    facts.classes.resize(static_cast<std::size_t>(store.classes()));
    const auto labels = store.labels();
    store.for_each_block([&](std::int64_t first, const io::Activations& block) {
        for (std::int64_t i = 0; i < block.rows; ++i) {
            const std::int64_t label = labels[static_cast<std::size_t>(first + i)];
            if (label < 0) {
                ++facts.without_class;
                continue;
            }
            const auto logits = block.logits.row(i);
            const auto predicted = std::ranges::max_element(logits) - logits.begin();
            ClassRows& one = facts.classes[static_cast<std::size_t>(label)];
            ++one.rows;
            one.correct += predicted == label ? 1 : 0;
        }
    });
}

/// Of large stores the first rows: it is for finding a head that is another's.
std::optional<HeadError> head_error(const io::ActivationStore& store) {
    if (store.head_weight().empty()) return {};
    constexpr std::int64_t most_products = 1'000'000'000; // a second
    const std::int64_t rows = std::min(store.rows(), 1 + most_products / (store.classes() * store.features()));
    const io::FloatRows weight = store.head_weight();
    const model::Head head(static_cast<int>(store.classes()), static_cast<int>(store.features()),
                           {weight.values, static_cast<std::size_t>(weight.rows * weight.columns)}, store.head_bias());
    const io::Activations block = store.block(0, rows);
    std::vector<float> logits(static_cast<std::size_t>(store.classes()));
    HeadError error{.rows_checked = rows};
    for (std::int64_t row = 0; row < rows; ++row) {
        head.apply(block.features.row(row), logits);
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const float difference = std::abs(logits[i] - block.logits.row(row)[i]);
            if (difference <= error.largest) continue;
            error.largest = difference;
            error.row = row;
        }
    }
    store.let_go(rows);
    return error;
}

void read_samples(const io::ActivationStore& store, StoreFacts& facts) {
    std::error_code ignored; // a store written by NumPy has none
    if (!fs::exists(store.folder() / "samples.csv", ignored)) return;
    io::for_each_picture(store.folder(), [&](const io::StoreSample& sample) {
        if (!sample.error.empty()) facts.failed.push_back({sample.path, sample.error});
    });
    const auto labels = store.labels();
    store.for_each_sample([&](std::int64_t row, const std::string&, const std::string& label) {
        if (labels[static_cast<std::size_t>(row)] < 0 && !label.empty()) ++facts.unknown_names[label];
    });
}

StoreFacts facts_of(const io::ActivationStore& store) {
    StoreFacts facts;
    try {
        store.check_finite();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) throw;
        facts.not_finite = error.what();
    }
    facts.arrays = arrays_of(store);
    count_classes(store, facts);
    if (facts.not_finite.empty()) facts.head_error = head_error(store);
    read_samples(store, facts);
    return facts;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t length : shape) text += (text.empty() ? "" : ", ") + std::to_string(length);
    return "[" + text + "]";
}

ClassRows sum(const std::vector<ClassRows>& classes) {
    ClassRows all;
    for (const ClassRows& one : classes) {
        all.rows += one.rows;
        all.correct += one.correct;
    }
    return all;
}

std::string network_text(const io::StoreMeta& meta) {
    if (meta.model_name.empty() && meta.model_sha256.empty()) return "not told";
    return meta.model_name + (meta.model_sha256.empty() ? "" : ", sha256 " + short_hash(meta.model_sha256));
}

std::string head_text(const std::string& name, const HeadError& error, std::int64_t rows) {
    std::string text = name.empty() ? "" : name + ": ";
    text += error.largest == 0 ? "W f + b is the logits to the last bit"
                               : "W f + b is at most " + in_short(error.largest) + " off the logits (row " +
                                     std::to_string(error.row) + ")";
    return text + (error.rows_checked < rows ? ", in the first " + std::to_string(error.rows_checked) + " rows" : "");
}

void print_arrays(const std::vector<ArrayFacts>& arrays) {
    print_line("arrays", std::to_string(arrays.size()));
    std::vector<std::vector<std::string>> lines;
    for (const ArrayFacts& array : arrays)
        lines.push_back({array.file, array.type, shape_text(array.shape), bytes_text(array.bytes)});
    print_table(lines);
}

void print_classes(const StoreFacts& facts, const std::vector<std::string>& labels, bool all) {
    print_line("labels", std::to_string(labels.size()));
    const std::size_t shown = shown_of(labels.size(), all);
    std::vector<std::vector<std::string>> lines = {{"label", "rows", "correct"}};
    for (std::size_t i = 0; i < shown; ++i) {
        const ClassRows& one = facts.classes[i];
        lines.push_back({labels[i], std::to_string(one.rows), one.rows > 0 ? share(one.correct, one.rows) : "-"});
    }
    print_table(lines);
    print_rest(shown, labels.size());
}

void print_failed(const std::vector<FailedPicture>& failed, bool all) {
    if (failed.empty()) return;
    print_line("failed", std::to_string(failed.size()));
    const std::size_t shown = shown_of(failed.size(), all);
    for (std::size_t i = 0; i < shown; ++i)
        std::cout << "  " << printable(failed[i].path) << ": " << printable(failed[i].error) << "\n";
    print_rest(shown, failed.size());
}

void print_text(const io::ActivationStore& store, const StoreFacts& facts, const Wanted& wanted) {
    const io::StoreMeta& meta = store.meta();
    const ClassRows all = sum(facts.classes);
    print_line("folder", store.folder().string());
    print_line("kind", std::string("activation store") + (store.has_meta() ? "" : ", without a meta.json"));
    print_line("identity", short_hash(store.identity()));
    print_line("network", network_text(meta));
    print_line("activation", meta.activation);
    print_line("preprocess", meta.preprocess_json);
    print_line("precision", meta.precision);
    print_line("engine", meta.engine);
    print_line("decoding", meta.fast_decode ? "--fast-decode" : "");
    print_line("rows",
               std::to_string(store.rows()) +
                   (meta.failed > 0 ? ", and " + std::to_string(meta.failed) + " failed pictures without one" : ""));
    print_line("with a class", std::to_string(all.rows) +
                                   (all.rows > 0 ? ", correctly classified " + share(all.correct, all.rows) : ""));
    print_line("without one", facts.without_class > 0 ? std::to_string(facts.without_class) : "");
    print_line("not finite", facts.not_finite);
    print_line("head", facts.head_error ? head_text(meta.head, *facts.head_error, store.rows()) : meta.head);
    print_arrays(facts.arrays);
    print_classes(facts, meta.labels, wanted.all_labels);
    if (!facts.unknown_names.empty()) {
        print_line("other classes", std::to_string(facts.unknown_names.size()) + " that the network does not know");
        std::vector<std::vector<std::string>> lines;
        for (const auto& [name, rows] : facts.unknown_names) lines.push_back({name, std::to_string(rows)});
        const std::size_t count = lines.size(), shown = shown_of(count, wanted.all_labels);
        lines.resize(shown);
        print_table(lines);
        print_rest(shown, count);
    }
    print_failed(facts.failed, wanted.all_labels);
    if (const auto record = io::read_run_record(store.folder())) print_record_lines(*record);
}

Json json_of(const std::vector<FailedPicture>& failed) {
    Json json = Json::array();
    for (const FailedPicture& each : failed) json.push_back({{"path", each.path}, {"error", each.error}});
    return json;
}

Json record_json(const fs::path& folder) {
    const auto record = io::read_run_record(folder);
    return record ? Json::parse(io::to_json(*record)) : Json();
}

Json json_of(const io::ActivationStore& store, const StoreFacts& facts) {
    const ClassRows all = sum(facts.classes);
    Json arrays = Json::object(), classes = Json::array();
    for (const ArrayFacts& array : facts.arrays)
        arrays[array.file] = {{"type", array.type}, {"shape", array.shape}, {"bytes", array.bytes}};
    for (std::size_t i = 0; i < facts.classes.size(); ++i) {
        classes.push_back({{"label", store.meta().labels[i]},
                           {"rows", facts.classes[i].rows},
                           {"correct", facts.classes[i].correct}});
    }
    Json head = Json();
    if (facts.head_error) {
        head = {{"max_abs_error", facts.head_error->largest},
                {"row", facts.head_error->row},
                {"rows_checked", facts.head_error->rows_checked}};
    }
    return {{"file", store.folder().string()},
            {"kind", "activation store"},
            {"identity", store.identity()},
            {"meta", store.has_meta() ? Json::parse(io::to_json(store.meta())) : Json()},
            {"rows", store.rows()},
            {"rows_with_class", all.rows},
            {"correct", all.correct},
            {"rows_without_class", facts.without_class},
            {"not_finite", facts.not_finite.empty() ? Json() : Json(facts.not_finite)},
            {"head", head},
            {"arrays", arrays},
            {"classes", classes},
            {"other_classes", facts.unknown_names},
            {"failed", json_of(facts.failed)},
            {"record", record_json(store.folder())}};
}

// ---- arrays

struct ValueFacts {
    double smallest = 0, largest = 0; ///< of the finite ones
    std::int64_t finite = 0, others = 0;
};

template <typename Value>
void print_array(const fs::path& file, const Wanted& wanted) {
    const io::NpyArray<Value> array(file);
    ValueFacts facts;
    for (const Value value : array.values()) {
        const auto number = static_cast<double>(value);
        if (!std::isfinite(number)) {
            ++facts.others;
            continue;
        }
        facts.smallest = facts.finite == 0 ? number : std::min(facts.smallest, number);
        facts.largest = facts.finite == 0 ? number : std::max(facts.largest, number);
        ++facts.finite;
    }
    const std::string type = type_text(io::npy_type<Value>());
    if (wanted.json) {
        return print_json({{"file", file.string()},
                           {"kind", "array"},
                           {"bytes", bytes_in(file)},
                           {"type", type},
                           {"shape", array.shape()},
                           {"smallest", facts.finite > 0 ? Json(facts.smallest) : Json()},
                           {"largest", facts.finite > 0 ? Json(facts.largest) : Json()},
                           {"not_finite", facts.others}});
    }
    print_line("file", file.string() + ", " + bytes_text(bytes_in(file)));
    print_line("kind", "array (.npy)");
    print_line("type", type);
    print_line("shape", shape_text(array.shape()));
    if (facts.finite > 0) print_line("values", in_short(facts.smallest) + " to " + in_short(facts.largest));
    if (facts.others > 0) print_line("not finite", std::to_string(facts.others) + " values are NaN or infinite");
}

std::string file_start(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string start(256, '\0');
    stream.read(start.data(), std::ssize(start));
    start.resize(static_cast<std::size_t>(stream.gcount()));
    return start;
}

} // namespace

void print_store(const fs::path& folder, const Wanted& wanted) {
    const io::ActivationStore store(folder);
    const StoreFacts facts = facts_of(store);
    wanted.json ? print_json(json_of(store, facts)) : print_text(store, facts, wanted);
}

void print_partial_store(const fs::path& folder, const Wanted& wanted) {
    std::vector<FailedPicture> failed;
    std::map<std::string, std::int64_t> labels;
    const io::KeptSamples kept = io::for_each_kept_picture(folder, [&](const io::StoreSample& sample) {
        if (sample.error.empty())
            ++labels[sample.label];
        else
            failed.push_back({sample.path, sample.error});
    });
    if (wanted.json) {
        return print_json({{"file", folder.string()},
                           {"kind", "partial activation store"},
                           {"rows", kept.rows},
                           {"labels", labels},
                           {"failed", json_of(failed)},
                           {"record", record_json(folder)}});
    }
    print_line("folder", folder.string());
    print_line("kind", "activation store that a run fills, or was filling; --resume goes on with it");
    print_line("rows", std::to_string(kept.rows) + " whole" +
                           (kept.failed > 0 ? ", and " + std::to_string(kept.failed) + " failed pictures" : ""));
    if (!labels.empty()) print_line("labels", std::to_string(labels.size()) + " so far");
    const std::size_t shown = shown_of(labels.size(), wanted.all_labels);
    std::vector<std::vector<std::string>> lines;
    for (const auto& [label, rows] : labels)
        if (lines.size() < shown) lines.push_back({label.empty() ? "(none)" : label, std::to_string(rows)});
    print_table(lines);
    print_rest(shown, labels.size());
    print_failed(failed, wanted.all_labels);
    if (const auto record = io::read_run_record(folder)) print_record_lines(*record);
}

void print_array(const fs::path& file, const Wanted& wanted) {
    const std::string start = file_start(file);
    if (start.find(io::descr(io::NpyType::float64)) != std::string::npos) return print_array<double>(file, wanted);
    if (start.find(io::descr(io::NpyType::int64)) != std::string::npos) return print_array<std::int64_t>(file, wanted);
    print_array<float>(file, wanted);
}

} // namespace openset::inspect
