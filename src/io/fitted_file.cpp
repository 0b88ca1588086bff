#include "openset/io/fitted_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "io/checked_json.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/npy.hpp"
#include "openset/io/pretty_json.hpp"

namespace openset::io {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

constexpr const char* fitted_format = "openset-fitted/1";
constexpr const char* float32_name = "float32"; ///< of an array's type; doubles have none
constexpr std::size_t most_inline_values = 4096;
constexpr std::uint64_t max_fitted_bytes = std::uint64_t{256} << 20;
constexpr std::int64_t most_values = std::int64_t{1} << 40;

/// Where the large arrays of a fitted file lie.
fs::path array_folder(const fs::path& fitted) {
    fs::path folder = fitted;
    if (folder.extension() == ".json") folder.replace_extension();
    folder += ".d";
    return folder;
}

// ---- reading

std::string text_member(CheckedObject& object, const std::string& key) {
    const auto value = object.required(key, "a string, empty where it is not known");
    if (!value) return "";
    if (!value->json().is_string()) value->expected("a string, empty where it is not known");
    return value->json().is_string() ? value->json().get<std::string>() : "";
}

/// An object as it stands, for its method to read.
std::string object_member(CheckedObject& object, const std::string& key) {
    const auto value = object.required(key, "an object");
    if (!value || !value->object()) return "{}";
    return value->json().dump();
}

std::optional<std::vector<std::int64_t>> read_shape(CheckedObject& array) {
    const auto value = array.required("shape", "the array's shape");
    const auto axes = value ? value->array("the array's shape: one or two numbers", 1, 2) : std::nullopt;
    if (!axes) return {};
    std::vector<std::int64_t> shape;
    std::int64_t values = 1;
    for (const CheckedValue& axis : *axes) {
        const auto length = axis.count(most_values);
        if (!length) return {};
        shape.push_back(*length);
        values = *length == 0 || values <= most_values / *length ? values * *length : most_values + 1;
    }
    if (values <= most_values) return shape;
    value->expected("at most " + std::to_string(most_values) + " values");
    return {};
}

std::int64_t values_in(const std::vector<std::int64_t>& shape) {
    std::int64_t values = 1;
    for (const std::int64_t length : shape) values *= length;
    return values;
}

template <class Value>
void read_inline(const CheckedValue& value, const std::vector<std::int64_t>& shape, std::vector<Value>& values) {
    const auto count = static_cast<std::size_t>(values_in(shape));
    const auto elements = value.array("as many numbers as the shape says: " + std::to_string(count), count, count);
    if (!elements) return;
    for (const CheckedValue& element : *elements) {
        const auto largest = static_cast<double>(std::numeric_limits<Value>::max());
        values.push_back(static_cast<Value>(element.number(-largest, largest, "a number").value_or(0)));
    }
}

/// The name of a file in the array folder, and nothing that leads elsewhere.
bool is_plain_name(const std::string& name) {
    return !name.empty() && name.front() != '.' && name.find_first_of(std::string("/\0", 2)) == std::string::npos;
}

template <class Value>
void read_from_file(CheckedObject& object, const CheckedValue& file, const fs::path& folder,
                    const std::vector<std::int64_t>& shape, std::vector<Value>& into) {
    const auto hash = object.required("sha256", "the array file's SHA-256");
    const auto name = file.text();
    if (!name || !hash) return;
    if (!is_plain_name(*name)) return file.expected("the name of a file in " + folder.string());
    const fs::path path = folder / *name;
    try {
        if (sha256_hex_of_file(path) != hash->text().value_or(""))
            return file.problem(path.string() + " is not the array that was fitted: its SHA-256 is another; fit anew");
        const NpyArray<Value> values(path);
        if (values.shape() != shape)
            return file.problem(path.string() + " has another shape than is said here; fit anew");
        into.assign(values.values().begin(), values.values().end());
        if (!std::ranges::all_of(into, [](Value value) { return std::isfinite(value); }))
            file.problem(path.string() + " holds a NaN or an infinity, expected finite values; fit anew");
    } catch (const Error& error) {
        const std::string message = error.what();
        file.problem((message.starts_with(path.string()) ? "" : path.string() + ": ") + message +
                     "; arrays lie beside the fitted file and are copied with it");
    }
}

/// array  a FittedArray or FittedFloats
template <class Array>
void read_array(CheckedObject& object, const fs::path& folder, Array& array) {
    const auto shape = read_shape(object);
    if (!shape) return;
    array.shape = *shape;
    if (const auto file = object.optional("file"))
        read_from_file(object, *file, folder, array.shape, array.values);
    else if (const auto values = object.required("values", "the array's values, or the \"file\" that holds them"))
        read_inline(*values, array.shape, array.values);
    object.refuse_other_keys();
}

void read_arrays(CheckedObject& state, const fs::path& folder, FittedFile& fitted) {
    const auto value = state.optional("arrays");
    const auto members = value ? value->object() : std::nullopt;
    if (!members) return;
    for (const auto& [name, member] : members->members()) {
        auto object = member.object();
        if (!object) continue;
        const auto type = object->optional("type");
        if (type && type->one_of({float32_name}))
            read_array(*object, folder, fitted.float_arrays[name]);
        else
            read_array(*object, folder, fitted.arrays[name]);
    }
}

FittedFile read_document(CheckedObject& root, const fs::path& folder) {
    FittedFile fitted;
    if (!root.is_of_format(fitted_format)) return fitted;
    if (const auto method = root.required("method", "the detector's name")) fitted.method = method->text().value_or("");
    fitted.params_json = object_member(root, "params");
    if (const auto model = root.required("model", "the network's name and sha256")) {
        if (auto object = model->object()) {
            fitted.model_name = text_member(*object, "name");
            fitted.model_sha256 = text_member(*object, "sha256");
            object->refuse_other_keys();
        }
    }
    if (const auto labels = root.required("labels", "the names of the classes")) {
        for (const CheckedValue& label :
             labels->array("the names of the classes").value_or(std::vector<CheckedValue>()))
            fitted.labels.push_back(label.text().value_or(""));
    }
    if (const auto activation = root.required("activation", "softmax or sigmoid"))
        fitted.activation = activation->one_of({"softmax", "sigmoid"}).value_or("");
    if (const auto preprocess = root.required("preprocess", "an object, or null where it is not known"))
        if (!preprocess->json().is_null() && preprocess->object("an object, or null where it is not known"))
            fitted.preprocess_json = preprocess->json().dump();
    fitted.precision = text_member(root, "precision");
    fitted.engine = text_member(root, "engine");
    if (const auto fast = root.optional("fast_decode")) fitted.fast_decode = fast->boolean().value_or(false);
    fitted.fitted_on = text_member(root, "fitted_on");
    if (const auto state = root.required("state", "what was fitted")) {
        if (auto object = state->object()) {
            read_arrays(*object, folder, fitted);
            Json own = state->json();
            own.erase("arrays");
            fitted.state_json = own.dump();
        }
    }
    fitted.diagnostics_json = object_member(root, "diagnostics");
    root.refuse_other_keys();
    return fitted;
}

// ---- writing

OrderedJson parsed(const std::string& json) { return OrderedJson::parse(json); }

/// Writes the array beside the fitted file where it is large.
template <class Value>
OrderedJson array_json(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<Value>& array,
                       const fs::path& folder) {
    OrderedJson json = OrderedJson::object();
    if (npy_type<Value>() == NpyType::float32) json["type"] = float32_name;
    json["shape"] = shape;
    if (array.size() <= most_inline_values) {
        json["values"] = array;
        return json;
    }
    const std::string header = npy_header(npy_type<Value>(), shape);
    std::vector<std::uint8_t> bytes(header.begin(), header.end());
    const auto values = std::as_bytes(std::span(array));
    bytes.insert(bytes.end(), reinterpret_cast<const std::uint8_t*>(values.data()),
                 reinterpret_cast<const std::uint8_t*>(values.data()) + values.size());
    const std::string hash = sha256_hex(bytes), file = name + "-" + hash.substr(0, 12) + ".npy";
    json["file"] = file;
    json["sha256"] = hash;
    std::error_code ignored; // what is not there is written
    fs::create_directory(folder, ignored);
    if (!fs::exists(folder / file, ignored))
        write_file_atomically(folder / file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return json;
}

/// The array files that a fitted file names; none of what cannot be read.
std::set<std::string> files_named(const fs::path& path) {
    std::set<std::string> names;
    try {
        const auto bytes = read_file(path, max_fitted_bytes);
        const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
        for (const auto& [name, array] : json.at("state").at("arrays").items()) {
            if (array.contains("file")) names.insert(array.at("file").get<std::string>());
        }
    } catch (const Error&) {
        return {};
    } catch (const Json::exception&) {
        return {};
    }
    return names;
}

} // namespace

FittedFile fitted_file_for(const StoreMeta& store) {
    FittedFile file;
    file.model_name = store.model_name;
    file.model_sha256 = store.model_sha256;
    file.activation = store.activation;
    file.preprocess_json = store.preprocess_json;
    file.precision = store.precision;
    file.engine = store.engine;
    file.fast_decode = store.fast_decode;
    return file;
}

FittedFile read_fitted(const fs::path& path) {
    std::vector<std::uint8_t> bytes;
    try {
        bytes = read_file(path, max_fitted_bytes);
    } catch (const Error& error) {
        const bool is_missing = error.kind() == ErrorKind::not_found;
        throw Error(error.kind(),
                    path.string() + ": " + (is_missing ? no_such_file(path, "a fitted detector") : error.what()));
    }
    JsonProblems problems(path.string());
    const auto document = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, problems);
    FittedFile fitted;
    if (document) {
        if (auto root = CheckedValue(*document, "", problems).object("a fitted detector, as openset fit writes one"))
            fitted = read_document(*root, array_folder(path));
    }
    problems.throw_if_any(ErrorKind::corrupt);
    fitted.sha256 = sha256_hex(bytes);
    fitted.name = path.string();
    return fitted;
}

namespace {

/// Whether these are names, and not the numbers that stand for them in a store without a meta.json.
bool tells_labels(const std::vector<std::string>& labels) {
    for (std::size_t i = 0; i < labels.size(); ++i)
        if (labels[i] != std::to_string(i)) return true;
    return false;
}

/// In words. The lists are not equal.
std::string first_difference(const std::vector<std::string>& then, const std::vector<std::string>& now) {
    if (then.size() != now.size()) return std::to_string(then.size()) + ", here " + std::to_string(now.size());
    const auto index = std::ranges::mismatch(then, now).in1 - then.begin();
    const auto place = static_cast<std::size_t>(index);
    return "label " + std::to_string(index) + " was " + in_quotes(then[place]) + ", here " + in_quotes(now[place]);
}

} // namespace

std::vector<std::string> mismatches(const FittedFile& fitted, const StoreMeta& now) {
    std::vector<std::string> clauses;
    const bool both_networks = !fitted.model_sha256.empty() && !now.model_sha256.empty();
    if (both_networks && fitted.model_sha256 != now.model_sha256) {
        clauses.push_back("was fitted on activations of another network (" + fitted.model_name + ", sha256 " +
                          fitted.model_sha256.substr(0, 12) + ", here " + now.model_name + ", sha256 " +
                          now.model_sha256.substr(0, 12) + ")");
    }
    const bool both_labels = both_networks || (tells_labels(fitted.labels) && tells_labels(now.labels));
    if (both_labels && fitted.labels != now.labels)
        clauses.push_back("was fitted with other labels (" + first_difference(fitted.labels, now.labels) + ")");
    if (both_labels && fitted.activation != now.activation)
        clauses.push_back("was fitted for a " + fitted.activation + " network (here " + now.activation + ")");
    const bool both_preprocess = !fitted.preprocess_json.empty() && !now.preprocess_json.empty();
    if (both_preprocess && Json::parse(fitted.preprocess_json) != Json::parse(now.preprocess_json)) {
        clauses.push_back("was fitted on activations of another preprocessing (" + fitted.preprocess_json + ", here " +
                          now.preprocess_json + ")");
    }
    if (!fitted.precision.empty() && !now.precision.empty()) { // both tell how their activations were made
        if (fitted.precision != now.precision)
            clauses.push_back("was fitted on activations in " + fitted.precision + " (here " + now.precision + ")");
        if (fitted.fast_decode != now.fast_decode) {
            clauses.push_back("was fitted on pictures decoded with" + std::string(fitted.fast_decode ? "" : "out") +
                              " --fast-decode (here with" + (now.fast_decode ? "" : "out") + ")");
        }
    }
    return clauses;
}

void write_fitted(const fs::path& path, const FittedFile& fitted) {
    const fs::path folder = array_folder(path);
    const std::set<std::string> older = files_named(path);
    OrderedJson arrays = OrderedJson::object();
    for (const auto& [name, array] : fitted.arrays) arrays[name] = array_json(name, array.shape, array.values, folder);
    for (const auto& [name, array] : fitted.float_arrays)
        arrays[name] = array_json(name, array.shape, array.values, folder);
    OrderedJson state = parsed(fitted.state_json);
    if (!arrays.empty()) state["arrays"] = arrays;
    OrderedJson json = {{"format", fitted_format},
                        {"method", fitted.method},
                        {"params", parsed(fitted.params_json)},
                        {"model", {{"name", fitted.model_name}, {"sha256", fitted.model_sha256}}},
                        {"labels", fitted.labels},
                        {"activation", fitted.activation},
                        {"preprocess", fitted.preprocess_json.empty() ? OrderedJson() : parsed(fitted.preprocess_json)},
                        {"precision", fitted.precision},
                        {"engine", fitted.engine}};
    if (fitted.fast_decode) json["fast_decode"] = true;
    json["fitted_on"] = fitted.fitted_on;
    json["state"] = state;
    json["diagnostics"] = parsed(fitted.diagnostics_json);
    write_file_atomically(path, pretty(json));
    std::set<std::string> named;
    for (const auto& [name, array] : arrays.items()) {
        if (array.contains("file")) named.insert(array.at("file").get<std::string>());
    }
    for (const std::string& file : older) {
        std::error_code ignored; // an array that stays does no harm
        if (!named.contains(file) && is_plain_name(file)) fs::remove(folder / file, ignored);
    }
}

} // namespace openset::io
