#include "detect/fitted_state.hpp"

#include <algorithm>
#include <cmath>

#include "openset/base/error.hpp"
#include "openset/io/number_text.hpp"

namespace openset::detect {
namespace {

std::string shape_in_words(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
    return "[" + text + "]";
}

std::string extent_in_words(std::int64_t extent, const char* unknown) {
    return extent == FittedState::any ? unknown : std::to_string(extent);
}

/// array  a FittedArray or FittedFloats
template <class Arrays>
const auto& checked(const Arrays& arrays, const io::FittedFile& file, const std::string& name, std::int64_t rows,
                    std::int64_t columns) {
    const std::string where = file.name + ": /state/arrays/" + name + ": ";
    const std::string wanted = "an array [" + extent_in_words(rows, "rows") +
                               (columns == 0 ? "]" : ", " + extent_in_words(columns, "columns") + "]");
    const auto found = arrays.find(name);
    if (found == arrays.end()) throw Error(ErrorKind::corrupt, where + "missing, expected " + wanted + "; fit anew");
    const auto& shape = found->second.shape;
    const auto fits = [](std::int64_t extent, std::int64_t expected) {
        return extent > 0 && (expected == FittedState::any || extent == expected);
    };
    const bool as_wanted =
        shape.size() == (columns == 0 ? 1U : 2U) && fits(shape[0], rows) && (columns == 0 || fits(shape[1], columns));
    std::int64_t values = 1;
    for (const std::int64_t extent : shape) values *= extent;
    if (!as_wanted || values != std::ssize(found->second.values))
        throw Error(ErrorKind::corrupt,
                    where + "found one of " + shape_in_words(shape) + ", expected " + wanted + "; fit anew");
    const auto fits_range = [](auto value) { return std::abs(static_cast<double>(value)) <= largest_fitted_value; };
    if (!std::ranges::all_of(found->second.values, fits_range))
        throw Error(ErrorKind::corrupt, where + "found a number beyond 1e60, expected smaller ones; fit anew");
    return found->second;
}

io::Json diagnostics_of(const io::FittedFile& file) { return io::Json::parse(file.diagnostics_json); }

} // namespace

io::FittedFile begin_fitted(std::string_view method, const TrainingFacts& facts, const ParameterValues& values) {
    io::FittedFile file = io::fitted_file_for(facts.meta);
    file.method = method;
    file.params_json = values.to_json();
    for (std::int64_t i = 0; i < facts.classes; ++i) {
        const auto place = static_cast<std::size_t>(i);
        file.labels.push_back(place < facts.meta.labels.size() ? facts.meta.labels[place] : std::to_string(i));
    }
    file.name = facts.name;
    add_diagnostic(file, "rows", facts.rows());
    add_diagnostic(file, "warnings", io::Json::array());
    return file;
}

io::FittedFile begin_unfitted(std::string_view method, std::int64_t classes, const ParameterValues& values) {
    TrainingFacts none;
    none.name = method;
    none.classes = classes;
    return begin_fitted(method, none, values);
}

io::StoreMeta store_meta_of(const io::FittedFile& file) {
    io::StoreMeta origin;
    origin.model_name = file.model_name;
    origin.model_sha256 = file.model_sha256;
    origin.labels = file.labels;
    origin.activation = file.activation;
    origin.preprocess_json = file.preprocess_json;
    origin.precision = file.precision;
    origin.engine = file.engine;
    origin.fast_decode = file.fast_decode;
    return origin;
}

void add_warning(io::FittedFile& file, const std::string& warning) {
    io::Json diagnostics = diagnostics_of(file);
    diagnostics["warnings"].push_back(warning);
    file.diagnostics_json = diagnostics.dump();
}

void add_diagnostic(io::FittedFile& file, const std::string& key, const io::Json& value) {
    io::Json diagnostics = diagnostics_of(file);
    diagnostics[key] = value;
    file.diagnostics_json = diagnostics.dump();
}

FittedState::FittedState(const io::FittedFile& file) : file_(file) {
    json_ = io::Json::parse(file.state_json, nullptr, false);
    if (!json_.is_object())
        throw Error(ErrorKind::corrupt, file.name + ": /state: found no object, expected one; fit anew");
    if (file.labels.empty())
        throw Error(ErrorKind::corrupt, file.name + ": /labels: found none, expected the names of the classes");
}

double FittedState::number(const std::string& key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_number() || !(std::abs(found->template get<double>()) <= largest_fitted_value)) {
        throw Error(ErrorKind::corrupt, file_.name + ": /state/" + key + ": found " +
                                            (found == json_.end() ? "nothing" : io::describe(*found)) +
                                            ", expected a number of at most 1e60; fit anew");
    }
    return found->template get<double>();
}

std::int64_t FittedState::whole(const std::string& key, std::int64_t min, std::int64_t max) const {
    const double value = number(key);
    if (value != std::floor(value) || value < static_cast<double>(min) || value > static_cast<double>(max)) {
        throw Error(ErrorKind::corrupt, file_.name + ": /state/" + key + ": found " + io::shortest(value) +
                                            ", expected a whole number from " + std::to_string(min) + " to " +
                                            std::to_string(max) + "; fit anew");
    }
    return static_cast<std::int64_t>(value);
}

const io::FittedArray& FittedState::array(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    return checked(file_.arrays, file_, name, rows, columns);
}

const io::FittedFloats& FittedState::floats(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    return checked(file_.float_arrays, file_, name, rows, columns);
}

} // namespace openset::detect
