#include <algorithm>
#include <cmath>
#include <limits>

#include "detect/fitted_state.hpp"
#include "detect/openmax_params.hpp"
#include "detect/openmax_state.hpp"
#include "io/checked_json.hpp"
#include "openset/base/error.hpp"

// A fitted OpenMax as a file: `state` is {"classes": [{...}, ...]}, one for each label; the array `means` is
// [classes, columns of the space].
namespace openset::detect {
namespace {

constexpr const char* means_name = "means";
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t max_rows = std::int64_t{1} << 53;

// ---- writing

io::Json json_of_law(const stats::TailFit& fit) {
    return {{"translate", fit.translate}, {"shape", fit.shape}, {"log_scale_rel", fit.log_scale_rel}};
}

io::Json json_of_law(const stats::WeibullMaxFit& fit) {
    if (fit.gumbel_limit) return {{"mode", fit.mode}, {"beta", fit.beta}};
    return {{"shape", fit.shape}, {"loc", fit.loc}, {"scale", fit.scale}};
}

io::Json json_of(const OpenMaxClass& one) {
    const stats::TailSummary& summary = one.summary();
    io::Json json = {{"rows", one.rows}, {"status", stats::to_string(summary.status)}, {"tail_used", summary.n_used}};
    if (summary.has_tail()) {
        json["smallest_tail"] = summary.smallest_tail;
        json["largest_tail"] = summary.largest_tail;
    }
    if (one.has_fit()) json.update(std::visit([](const auto& fit) { return json_of_law(fit); }, one.tail));
    return json;
}

// ---- reading

double finite(io::CheckedObject& object, const std::string& key, double above = -infinity) {
    const auto value = object.required(key, "a finite number");
    if (!value) return 0;
    const auto number = value->number(std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max());
    if (number && *number <= above) value->expected("a number > " + std::to_string(static_cast<int>(above)));
    return number.value_or(0);
}

void read_law(io::CheckedObject& object, stats::TailFit& fit) {
    fit.translate = finite(object, "translate", 0);
    fit.shape = finite(object, "shape", 0);
    fit.log_scale_rel = finite(object, "log_scale_rel");
    fit.tight = fit.shape > stats::TailFit::tight_shape;
}

void read_law(io::CheckedObject& object, stats::WeibullMaxFit& fit) {
    fit.gumbel_limit = object.optional("mode").has_value();
    if (fit.gumbel_limit) {
        fit.mode = finite(object, "mode");
        fit.beta = finite(object, "beta", 0);
    } else {
        fit.shape = finite(object, "shape", 0);
        fit.loc = finite(object, "loc");
        fit.scale = finite(object, "scale", 0);
    }
}

stats::TailStatus read_status(io::CheckedObject& object) {
    using stats::TailStatus;
    const auto value = object.required("status", "what became of the fit");
    if (!value) return TailStatus::empty;
    const std::vector<TailStatus> all = {TailStatus::empty, TailStatus::non_finite, TailStatus::too_few,
                                         TailStatus::constant, TailStatus::ok};
    std::vector<std::string> names;
    for (const TailStatus status : all) names.emplace_back(stats::to_string(status));
    const auto text = value->one_of(names);
    if (!text) return TailStatus::empty;
    return all[static_cast<std::size_t>(std::ranges::find(names, *text) - names.begin())];
}

std::int64_t read_count(io::CheckedObject& object, const std::string& key) {
    const auto value = object.required(key, "a whole number");
    return value ? value->count(max_rows).value_or(0) : 0;
}

template <class Fit>
Fit read_tail(io::CheckedObject& object, std::int64_t tail_size) {
    Fit fit;
    fit.status = read_status(object);
    fit.n_used = read_count(object, "tail_used");
    fit.tail_clipped = fit.has_tail() && fit.n_used < tail_size;
    if (fit.has_tail()) {
        fit.smallest_tail = finite(object, "smallest_tail");
        fit.largest_tail = finite(object, "largest_tail");
    }
    if (fit.ok()) read_law(object, fit);
    return fit;
}

OpenMaxClass read_class(const io::CheckedValue& value, const std::string& label, const OpenMaxParams& params) {
    OpenMaxClass one;
    one.label = label;
    auto object = value.object();
    if (!object) return one;
    one.rows = read_count(*object, "rows");
    if (params.tail_family == TailFamily::weibull_min) {
        one.tail = read_tail<stats::TailFit>(*object, params.tail_size);
    } else {
        one.tail = read_tail<stats::WeibullMaxFit>(*object, params.tail_size);
    }
    object->refuse_other_keys();
    if (one.has_fit() && one.rows == 0) value.expected("no fit where there are no rows");
    if (!one.has_fit() && params.without_fit == WithoutFit::error) {
        value.expected("a fit for each class, as without_fit is error");
    }
    return one;
}

std::vector<OpenMaxClass> read_classes(const io::Json& json, const io::FittedFile& file, const OpenMaxParams& params,
                                       io::JsonProblems& problems) {
    std::vector<OpenMaxClass> classes;
    auto state = io::CheckedValue(json, "/state", problems).object();
    if (!state) return classes;
    const auto value = state->required("classes", "an array with an object for each label");
    state->refuse_other_keys();
    if (!value) return classes;
    const std::size_t count = file.labels.size();
    const auto entries = value->array("an array of " + std::to_string(count) + ", one for each label", count, count);
    if (!entries) return classes;
    for (std::size_t i = 0; i < count; ++i) classes.push_back(read_class((*entries)[i], file.labels[i], params));
    return classes;
}

/// How many columns the space has by its name: exactly, or more than that where a block follows.
bool columns_fit(const std::string& space, std::int64_t columns, std::int64_t classes) {
    if (space == "logits") return columns == classes;
    return space == "features" ? columns > 0 : columns > classes;
}

std::string shape_in_words(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
    return "[" + text + "]";
}

/// Notes what is wrong with the array of class means; none then.
const io::FittedArray* read_means(const io::FittedFile& file, const OpenMaxParams& params, io::JsonProblems& problems) {
    const std::string pointer = std::string("/state/") + means_name;
    const auto found = file.arrays.find(means_name);
    if (found == file.arrays.end()) {
        problems.add(pointer, "missing, expected an array [classes, columns]");
        return nullptr;
    }
    const io::FittedArray& means = found->second;
    const auto classes = static_cast<std::int64_t>(file.labels.size());
    const bool two_dimensional =
        means.shape.size() == 2 && means.shape[0] == classes && columns_fit(params.space, means.shape[1], classes);
    if (!two_dimensional || std::ssize(means.values) != means.shape[0] * means.shape[1]) {
        problems.add(pointer, "found an array " + shape_in_words(means.shape) + ", expected one of " +
                                  std::to_string(classes) + " rows and the columns of the space " +
                                  io::in_quotes(params.space));
        return nullptr;
    }
    // As FittedState has it: what is computed from such numbers stays finite.
    if (!std::ranges::all_of(means.values, [](double value) { return std::abs(value) <= largest_fitted_value; })) {
        problems.add(pointer, "found a NaN, or a number beyond 1e60, expected finite and smaller ones; fit anew");
        return nullptr;
    }
    return &means;
}

} // namespace

std::optional<io::FittedFile> OpenMax::fitted() const {
    const OpenMaxState& state = *state_;
    io::FittedFile file = io::fitted_file_for(state.origin);
    file.method = method();
    file.params_json = to_json(state.params);
    file.fitted_on = state.fitted_on;
    io::Json classes = io::Json::array();
    for (const OpenMaxClass& one : state.classes) {
        file.labels.push_back(one.label);
        classes.push_back(json_of(one));
    }
    file.state_json = io::Json{{"classes", classes}}.dump();
    file.arrays[means_name] = {{std::ssize(state.classes), state.space.columns()}, state.means};
    file.diagnostics_json = state.diagnostics_json;
    return file;
}

OpenMax OpenMax::from(const io::FittedFile& file) {
    io::JsonProblems problems(file.name);
    const auto params_json = io::parse_json(file.params_json, problems);
    const auto state_json = io::parse_json(file.state_json, problems);
    problems.throw_if_any(ErrorKind::corrupt);
    const OpenMaxParams params = read_openmax_params(io::CheckedValue(*params_json, "/params", problems));
    problems.throw_if_any(ErrorKind::corrupt); // what follows depends on them
    if (file.labels.empty()) problems.add("/labels", "found none, expected the names of the classes");
    std::vector<OpenMaxClass> classes = read_classes(*state_json, file, params, problems);
    const io::FittedArray* const means = read_means(file, params, problems);
    problems.throw_if_any(ErrorKind::corrupt);

    OpenMax openmax(std::make_shared<const OpenMaxState>(
        OpenMaxState{.params = params,
                     .space = DistanceSpace(params.space, means->shape[0], means->shape[1]),
                     .classes = std::move(classes),
                     .means = means->values,
                     .origin = store_meta_of(file),
                     .fitted_on = file.fitted_on,
                     .warnings = fit_warnings(file),
                     .diagnostics_json = file.diagnostics_json}));
    if (openmax.method() != file.method) {
        throw Error(ErrorKind::corrupt, file.name + ": found the method " + io::in_quotes(file.method) +
                                            " and parameters of " + std::string(openmax.method()) +
                                            ", expected them to agree; fit again");
    }
    return openmax;
}

} // namespace openset::detect
