#include "openset/io/activation_store.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "io/checked_json.hpp"
#include "io/samples.hpp"
#include "io/store_files.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/npy.hpp"

namespace openset::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_meta_bytes = std::uint64_t{64} << 20;
constexpr std::int64_t max_count = std::int64_t{1} << 53;

[[noreturn]] void refuse(const fs::path& file, const std::string& what) {
    throw Error(ErrorKind::corrupt, file.string() + ": " + what);
}

// ---- meta.json

void read_text(CheckedObject& object, const char* key, std::string& text) {
    const auto value = object.optional(key);
    if (!value) return;
    value->json().is_string() ? text = value->json().get<std::string>() : (value->expected("a string"), text);
}

void read_model(const CheckedValue& value, StoreMeta& meta) {
    auto object = value.object("the network's name and sha256");
    if (!object) return;
    read_text(*object, "name", meta.model_name);
    read_text(*object, "sha256", meta.model_sha256);
    const bool is_hash =
        meta.model_sha256.size() == 64 && meta.model_sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!meta.model_sha256.empty() && !is_hash)
        object->optional("sha256")->expected("64 hexadecimal digits in lower case, or an empty string");
    object->refuse_misspelt_keys();
}

void read_labels(const CheckedValue& value, StoreMeta& meta) {
    const auto elements = value.array("an array of label names, one a column of logits.npy");
    if (!elements) return;
    for (const CheckedValue& element : *elements) {
        if (auto label = element.text("a label name that is not empty")) meta.labels.push_back(*std::move(label));
    }
}

void read_counts(const CheckedValue& value, StoreMeta& meta) {
    auto object = value.object("the numbers of rows and of failed pictures");
    if (!object) return;
    if (const auto rows = object->required("rows", "the number of rows in the arrays"))
        meta.rows = rows->count(max_count).value_or(0);
    if (const auto failed = object->optional("failed")) meta.failed = failed->count(max_count).value_or(0);
    object->refuse_misspelt_keys();
}

StoreMeta read_meta(CheckedObject& object) {
    StoreMeta meta;
    if (const auto format = object.required("format", store_format)) format->one_of({store_format});
    if (const auto model = object.optional("model")) read_model(*model, meta);
    if (const auto labels = object.required("labels", "an array of label names")) read_labels(*labels, meta);
    if (const auto activation = object.optional("activation"))
        meta.activation = activation->one_of({"softmax", "sigmoid"}).value_or("softmax");
    if (const auto preprocess = object.optional("preprocess"); preprocess && preprocess->object())
        meta.preprocess_json = preprocess->json().dump();
    read_text(object, "head", meta.head);
    read_text(object, "precision", meta.precision);
    read_text(object, "engine", meta.engine);
    if (const auto fast = object.optional("fast_decode")) meta.fast_decode = fast->boolean().value_or(false);
    if (const auto counts = object.required("counts", "an object with rows and failed")) read_counts(*counts, meta);
    object.refuse_misspelt_keys();
    return meta;
}

// ---- arrays

using FloatArray = NpyArray<float>;
using LabelArray = NpyArray<std::int64_t>;

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return text + "]";
}

std::optional<FloatArray> open_if_there(const fs::path& file) {
    std::error_code ignored; // opening says why
    if (fs::symlink_status(file, ignored).type() == fs::file_type::not_found) return std::nullopt;
    return FloatArray(file);
}

/// array  of one axis or more
FloatRows rows_of(const FloatArray& array) {
    std::int64_t columns = 1; // axes behind the first are laid side by side
    for (std::size_t axis = 1; axis < array.shape().size(); ++axis) columns *= array.shape()[axis];
    return {array.shape().front(), columns, array.values().data()};
}

FloatRows rows_of(const std::optional<FloatArray>& array) { return array ? rows_of(*array) : FloatRows{}; }

FloatRows block_of(const FloatRows& all, std::int64_t first, std::int64_t rows) {
    if (all.empty()) return {};
    return {rows, all.columns, all.values + first * all.columns};
}

/// The number of the first row that holds a value that is not finite.
std::optional<std::int64_t> first_bad_row(const FloatRows& rows) {
    const float* const end = rows.values + rows.rows * rows.columns;
    const float* const bad = std::find_if(rows.values, end, [](float value) { return !std::isfinite(value); });
    if (bad == end) return std::nullopt;
    return (bad - rows.values) / rows.columns;
}

void check_folder(const fs::path& folder) {
    std::error_code problem;
    if (folder.extension() == ".partial" && fs::is_directory(folder, problem)) {
        throw Error(ErrorKind::usage, folder.string() +
                                          ": is what an interrupted openset extract left, expected a whole "
                                          "store; the same command with --resume goes on with it");
    }
    const auto status = fs::status(folder, problem);
    if (status.type() == fs::file_type::not_found) {
        fs::path partial = folder;
        partial += ".partial";
        throw Error(
            ErrorKind::not_found,
            folder.string() + ": no such folder, expected an activation store" +
                (fs::is_directory(partial, problem)
                     ? "; " + partial.string() + " is what an interrupted run left, extract --resume goes on with it"
                     : ""));
    }
    if (status.type() != fs::file_type::directory) {
        throw Error(ErrorKind::unreadable,
                    folder.string() + ": is no folder, expected an activation store as openset extract writes it");
    }
}

} // namespace

std::string to_json(const StoreMeta& meta) {
    using OrderedJson = nlohmann::ordered_json;
    OrderedJson json = {{"format", store_format},
                        {"model", {{"name", meta.model_name}, {"sha256", meta.model_sha256}}},
                        {"labels", meta.labels},
                        {"activation", meta.activation}};
    if (!meta.preprocess_json.empty()) json["preprocess"] = OrderedJson::parse(meta.preprocess_json);
    json["head"] = meta.head;
    json["precision"] = meta.precision;
    json["engine"] = meta.engine;
    if (meta.fast_decode) json["fast_decode"] = true;
    json["counts"] = {{"rows", meta.rows}, {"failed", meta.failed}};
    return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

StoreMeta parse_store_meta(std::string_view json, const std::string& name) {
    JsonProblems problems(name);
    const auto document = parse_json(json, problems);
    problems.throw_if_any(ErrorKind::corrupt);
    StoreMeta meta;
    if (auto object = CheckedValue(*document, "", problems).object("an object (format openset-store/1)"))
        meta = read_meta(*object);
    problems.throw_if_any(ErrorKind::corrupt);
    return meta;
}

struct ActivationStore::State {
    explicit State(fs::path store) : folder(std::move(store)) {
        check_folder(folder);
        open_logits();
        open_meta();
        open_labels();
        open_features();
        open_head();
        open_extras();
    }

    void open_logits() {
        logits = open_if_there(folder / logits_file);
        if (!logits) {
            throw Error(ErrorKind::not_found, folder.string() +
                                                  ": holds no logits.npy, expected an activation store as openset "
                                                  "extract writes it, or logits.npy and labels.npy saved with NumPy");
        }
        if (logits->shape().size() != 2 || logits->shape()[1] == 0)
            refuse(logits->path(), "has the shape " + shape_text(logits->shape()) + ", expected [rows, classes]");
    }

    void open_meta() {
        const fs::path file = folder / meta_file;
        try {
            const auto bytes = read_file(file, max_meta_bytes);
            meta = parse_store_meta({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
            has_meta = true;
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::corrupt) throw;
            if (error.kind() != ErrorKind::not_found) throw Error(error.kind(), file.string() + ": " + error.what());
            meta.rows = rows();
            for (std::int64_t label = 0; label < classes(); ++label) meta.labels.push_back(std::to_string(label));
            return;
        }
        if (std::ssize(meta.labels) != classes()) {
            refuse(file, "/labels: found " + std::to_string(meta.labels.size()) + " labels, expected " +
                             std::to_string(classes()) + ", one a column of logits.npy");
        }
        if (meta.rows != rows()) {
            refuse(file, "/counts/rows: found " + std::to_string(meta.rows) + ", expected " + std::to_string(rows()) +
                             " as in logits.npy");
        }
    }

    void open_labels() {
        const fs::path file = folder / labels_file;
        std::error_code ignored;
        if (fs::symlink_status(file, ignored).type() == fs::file_type::not_found) {
            no_labels.assign(static_cast<std::size_t>(rows()), -1);
            return;
        }
        labels.emplace(file);
        if (labels->shape() != std::vector<std::int64_t>{rows()}) {
            refuse(file, "has the shape " + shape_text(labels->shape()) + ", expected [" + std::to_string(rows()) +
                             "] as logits.npy has rows");
        }
        const auto values = labels->values();
        const auto bad =
            std::ranges::find_if(values, [this](std::int64_t label) { return label < -1 || label >= classes(); });
        if (bad == values.end()) return;
        refuse(file, "row " + std::to_string(bad - values.begin()) + ": found the label " + std::to_string(*bad) +
                         ", expected 0 to " + std::to_string(classes() - 1) + ", or -1 for none");
    }

    void open_features() {
        features = open_if_there(folder / features_file);
        if (!features) return;
        if (features->shape().size() != 2 || features->shape()[0] != rows() || features->shape()[1] == 0) {
            refuse(features->path(), "has the shape " + shape_text(features->shape()) + ", expected [" +
                                         std::to_string(rows()) + ", features] as logits.npy has rows");
        }
    }

    void open_head() {
        head_weight = open_if_there(folder / head_weight_file);
        head_bias = open_if_there(folder / head_bias_file);
        if (!head_weight && !head_bias) return;
        if (!head_weight || !head_bias) {
            refuse(folder, std::string("holds ") + (head_weight ? head_weight_file : head_bias_file) + " but not " +
                               (head_weight ? head_bias_file : head_weight_file) + ", expected both or none");
        }
        if (!features)
            refuse(head_weight->path(), "there is no features.npy beside it, expected what the head was applied to");
        const std::vector<std::int64_t> expected = {classes(), features->shape()[1]};
        if (head_weight->shape() != expected) {
            refuse(head_weight->path(), "has the shape " + shape_text(head_weight->shape()) + ", expected " +
                                            shape_text(expected) + ": the columns of logits.npy and of features.npy");
        }
        if (head_bias->shape() != std::vector<std::int64_t>{classes()}) {
            refuse(head_bias->path(), "has the shape " + shape_text(head_bias->shape()) + ", expected [" +
                                          std::to_string(classes()) + "]");
        }
    }

    void open_extras() {
        std::error_code problem;
        for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
            const fs::path file = entry->path();
            if (file.extension() != ".npy" || is_own_array(file.filename().string()) ||
                file.filename().string().starts_with('.'))
                continue;
            FloatArray array(file);
            const bool fits = !array.shape().empty() && array.shape()[0] == rows() &&
                              std::ranges::none_of(array.shape().begin() + 1, array.shape().end(),
                                                   [](std::int64_t length) { return length == 0; });
            if (!fits) {
                refuse(file, "has the shape " + shape_text(array.shape()) + ", expected [" + std::to_string(rows()) +
                                 ", any] as logits.npy has rows; what is no tensor of the network must lie elsewhere");
            }
            extras.emplace(file.stem().string(), std::move(array));
        }
        if (problem) throw Error(ErrorKind::unreadable, folder.string() + ": cannot be listed: " + problem.message());
    }

    std::int64_t rows() const { return logits->shape()[0]; }
    std::int64_t classes() const { return logits->shape()[1]; }

    Activations block(std::int64_t first, std::int64_t count) const {
        Activations block{
            count, block_of(rows_of(logits), first, count), block_of(rows_of(features), first, count), {}};
        for (const auto& [name, array] : extras) block.extras.emplace(name, block_of(rows_of(array), first, count));
        return block;
    }

    /// The rows before `end`. Always from the first one on: a page that two blocks share goes with the second.
    void let_go(std::int64_t end) const {
        const auto of = [end](const FloatArray& array) {
            array.let_go(0, static_cast<std::size_t>(end * rows_of(array).columns));
        };
        of(*logits);
        if (features) of(*features);
        for (const auto& [name, array] : extras) of(array);
    }

    fs::path folder;
    StoreMeta meta;
    bool has_meta = false;
    std::optional<FloatArray> logits, features, head_weight, head_bias;
    std::optional<LabelArray> labels;
    std::vector<std::int64_t> no_labels; ///< where there is no labels.npy
    std::map<std::string, FloatArray> extras;
};

ActivationStore::ActivationStore(fs::path folder) : state_(std::make_unique<State>(std::move(folder))) {}
ActivationStore::ActivationStore(ActivationStore&&) noexcept = default;
ActivationStore& ActivationStore::operator=(ActivationStore&&) noexcept = default;
ActivationStore::~ActivationStore() = default;

const fs::path& ActivationStore::folder() const { return state_->folder; }
const StoreMeta& ActivationStore::meta() const { return state_->meta; }
bool ActivationStore::has_meta() const { return state_->has_meta; }
std::int64_t ActivationStore::rows() const { return state_->rows(); }
std::int64_t ActivationStore::classes() const { return state_->classes(); }
std::int64_t ActivationStore::features() const { return rows_of(state_->features).columns; }

std::vector<std::string> ActivationStore::extra_names() const {
    std::vector<std::string> names;
    for (const auto& [name, array] : state_->extras) names.push_back(name);
    return names;
}

std::int64_t ActivationStore::extra_columns(const std::string& name) const {
    const auto found = state_->extras.find(name);
    return found == state_->extras.end() ? 0 : rows_of(found->second).columns;
}

std::span<const std::int64_t> ActivationStore::labels() const {
    return state_->labels ? state_->labels->values() : std::span<const std::int64_t>(state_->no_labels);
}

FloatRows ActivationStore::head_weight() const { return rows_of(state_->head_weight); }

std::span<const float> ActivationStore::head_bias() const {
    return state_->head_bias ? state_->head_bias->values() : std::span<const float>();
}

Activations ActivationStore::block(std::int64_t first, std::int64_t count) const { return state_->block(first, count); }

void ActivationStore::let_go(std::int64_t end) const { state_->let_go(end); }

void ActivationStore::for_each_block(const std::function<void(std::int64_t first, const Activations& block)>& receive,
                                     std::int64_t rows_a_block) const {
    for (std::int64_t first = 0; first < rows(); first += rows_a_block) {
        const std::int64_t count = std::min(rows_a_block, rows() - first);
        receive(first, state_->block(first, count));
        state_->let_go(first + count);
    }
}

void ActivationStore::for_each_sample(
    const std::function<void(std::int64_t row, const std::string& path, const std::string& label)>& receive) const {
    const auto name_of = [this](std::int64_t label) {
        return label < 0 ? std::string() : meta().labels[static_cast<std::size_t>(label)];
    };
    const fs::path file = folder() / samples_file;
    std::error_code ignored;
    if (fs::symlink_status(file, ignored).type() == fs::file_type::not_found) {
        for (std::int64_t row = 0; row < rows(); ++row)
            receive(row, std::to_string(row), name_of(labels()[static_cast<std::size_t>(row)]));
        return;
    }
    SampleReader samples(file);
    while (const auto sample = samples.next()) {
        if (!sample->row) continue;
        if (*sample->row >= rows()) {
            samples.refuse_last("found the row " + std::to_string(*sample->row) + ", expected less than the " +
                                std::to_string(rows()) + " rows of logits.npy");
        }
        const std::int64_t label = labels()[static_cast<std::size_t>(*sample->row)];
        if (label >= 0 && sample->label != name_of(label)) {
            samples.refuse_last("found the label " + in_quotes(sample->label) + ", expected " +
                                in_quotes(name_of(label)) + " as labels.npy says");
        }
        receive(*sample->row, sample->path, sample->label);
    }
    samples.check_whole();
    if (samples.counts().rows != rows()) {
        refuse(file, "tells of " + std::to_string(samples.counts().rows) + " rows, expected the " +
                         std::to_string(rows()) + " of logits.npy");
    }
}

std::string ActivationStore::identity() const {
    std::string hashes;
    const auto add = [&](const char* file) {
        std::error_code ignored; // what cannot be looked at cannot be hashed either
        const bool is_there = fs::exists(folder() / file, ignored);
        if (is_there) hashes += std::string(file) + " " + sha256_hex_of_file(folder() / file) + "\n";
        return is_there;
    };
    add(meta_file);
    add(labels_file);
    if (!add(samples_file)) add(logits_file);
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size()});
}

void ActivationStore::check_finite() const {
    const auto check = [this](const std::string& file, const FloatRows& rows, std::int64_t first) {
        const auto bad = first_bad_row(rows);
        if (!bad) return;
        refuse(folder() / file, "row " + std::to_string(first + *bad) +
                                    " holds NaN or infinity, expected finite values; leave such rows out");
    };
    check(head_weight_file, head_weight(), 0);
    const auto bias = head_bias();
    check(head_bias_file, {std::ssize(bias), bias.empty() ? 0 : 1, bias.data()}, 0);
    for_each_block([&](std::int64_t first, const Activations& block) {
        check(logits_file, block.logits, first);
        check(features_file, block.features, first);
        for (const auto& [name, rows] : block.extras) check(name + ".npy", rows, first);
    });
}

} // namespace openset::io
