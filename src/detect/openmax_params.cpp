#include "detect/openmax_params.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"
#include "openset/io/number_text.hpp"

namespace openset::detect {
namespace {

/// A parameter: how it is offered, read and written.
struct Setting {
    OpenMaxOption option;
    std::string expected; ///< behind "expected" where a text is none of its values
    std::function<bool(OpenMaxParams&, const std::string& text)> read; ///< false: not such a value
    std::function<std::string(const OpenMaxParams&)> write;
};

template <class Value>
using Spellings = std::vector<std::pair<Value, std::string>>;

template <class Value>
std::vector<std::string> names(const Spellings<Value>& spellings) {
    std::vector<std::string> result;
    for (const auto& [value, name] : spellings) result.push_back(name);
    return result;
}

std::string one_of(const std::vector<std::string>& choices) {
    std::string result = "one of ";
    for (const std::string& choice : choices) result += (&choice == &choices.front() ? "" : ", ") + choice;
    return result;
}

template <class Value>
bool read_choice(Value& value, const Spellings<Value>& spellings, const std::string& text) {
    const auto found = std::ranges::find(spellings, text, &std::pair<Value, std::string>::second);
    if (found != spellings.end()) value = found->first;
    return found != spellings.end();
}

template <class Value>
std::string write_choice(Value value, const Spellings<Value>& spellings) {
    return std::ranges::find(spellings, value, &std::pair<Value, std::string>::first)->second;
}

template <class Value>
Setting choice(const std::string& name, const std::string& value, Value OpenMaxParams::*member,
               Spellings<Value> spellings, const std::string& help) {
    const std::vector<std::string> choices = names(spellings);
    return {{name, value, choices, help},
            one_of(choices),
            [member, spellings](OpenMaxParams& params, const std::string& text) {
                return read_choice(params.*member, spellings, text);
            },
            [member, spellings](const OpenMaxParams& params) { return write_choice(params.*member, spellings); }};
}

template <class Number>
std::optional<Number> number_in(const std::string& text) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end) return {};
    return number;
}

Spellings<Decision> decisions() {
    return {{Decision::threshold, "threshold"}, {Decision::argmax, "argmax"}, {Decision::notebook, "notebook"}};
}

bool read_space(OpenMaxParams& params, const std::string& text) {
    const std::string prefix = "logits+";
    if (text != "logits" && text != "features" && (!text.starts_with(prefix) || text.size() == prefix.size())) {
        return false;
    }
    params.space = text;
    return true;
}

bool read_tail_size(OpenMaxParams& params, const std::string& text) {
    const auto number = number_in<std::int64_t>(text);
    if (!number || *number < 1) return false;
    params.tail_size = *number;
    return true;
}

bool read_translate(OpenMaxParams& params, const std::string& text) {
    const auto number = number_in<double>(text);
    if (text != "auto" && !(number && std::isfinite(*number) && *number > 0)) return false;
    params.translate = text == "auto" ? std::nullopt : number;
    return true;
}

bool read_alpha(OpenMaxParams& params, const std::string& text) {
    const auto number = number_in<std::int64_t>(text);
    if (text != "all" && !(number && *number >= 1)) return false;
    params.alpha = text == "all" ? std::nullopt : number;
    return true;
}

std::vector<Setting> make_parameters() {
    return {
        {{"tail-size", "N", {}, "so many distances make a class's tail"},
         "a whole number of at least 1",
         read_tail_size,
         [](const OpenMaxParams& params) { return std::to_string(params.tail_size); }},
        {{"alpha", "N|all", {}, "so many of the largest logits are revised"},
         "a whole number of at least 1, or all",
         read_alpha,
         [](const OpenMaxParams& params) { return params.alpha ? std::to_string(*params.alpha) : "all"; }},
        choice<AlphaWeights>(
            "alpha-weights", "WEIGHTS", &OpenMaxParams::alpha_weights,
            {{AlphaWeights::osdn, "osdn"}, {AlphaWeights::paper, "paper"}, {AlphaWeights::uniform, "uniform"}},
            "osdn, paper or uniform: the i-th of a weighs (a + 1 - i) / a, (a - i) / a, or 1"),
        choice<Distance>("distance", "KIND", &OpenMaxParams::distance,
                         {{Distance::euclidean, "euclidean"},
                          {Distance::squared_euclidean, "squared-euclidean"},
                          {Distance::cosine, "cosine"},
                          {Distance::eucos, "eucos"}},
                         "euclidean, squared-euclidean, cosine or eucos (euclidean / 200 + cosine)"),
        {{"space",
          "SPACE",
          {},
          "where distances are taken: logits, features, or logits+NAME (NAME: a further tensor of the network)"},
         "logits, features, or logits+NAME with the name of a further tensor",
         read_space,
         [](const OpenMaxParams& params) { return params.space; }},
        {{"translate", "auto|X", {}, "where the tail's smallest value is moved to; auto: to the tail's span"},
         "auto or a finite number > 0",
         read_translate,
         [](const OpenMaxParams& params) { return params.translate ? io::shortest(*params.translate) : "auto"; }},
        choice<TailFamily>(
            "tail-family", "FAMILY", &OpenMaxParams::tail_family,
            {{TailFamily::weibull_min, "weibull-min"},
             {TailFamily::weibull_max, "weibull-max"},
             {TailFamily::weibull_max_scipy, "weibull-max-scipy"}},
            "weibull-min (libMR's), weibull-max (reversed), or weibull-max-scipy (where scipy's fit of that ends)"),
        choice<TailRows>("tail-rows", "WHICH", &OpenMaxParams::tail_rows,
                         {{TailRows::largest, "largest"}, {TailRows::last, "last"}},
                         "largest, or last: the distances of the last rows in the store"),
        choice<FitRows>("fit-rows", "WHICH", &OpenMaxParams::fit_rows,
                        {{FitRows::correct, "correct"}, {FitRows::all, "all"}},
                        "correct, or all: whether a class is fitted on wrongly classified rows too"),
        choice<NegativeLogits>(
            "negative-logits", "FIX", &OpenMaxParams::negative_logits,
            {{NegativeLogits::none, "none"},
             {NegativeLogits::shift, "shift"},
             {NegativeLogits::clamp, "clamp"},
             {NegativeLogits::abs, "abs"},
             {NegativeLogits::probability, "probability"}},
            "none, shift, clamp, abs or probability: the published rule (none) works backwards for logits < 0"),
        choice<WithoutFit>("without-fit", "POLICY", &OpenMaxParams::without_fit,
                           {{WithoutFit::step, "step"},
                            {WithoutFit::zero, "zero"},
                            {WithoutFit::one, "one"},
                            {WithoutFit::error, "error"}},
                           "W-score of a class without a fit: step (1 beyond its farthest row), zero or one; or error"),
    };
}

const std::vector<Setting>& parameters() {
    static const std::vector<Setting> all = make_parameters();
    return all;
}

const Setting& parameter(const std::string& name) {
    const auto found =
        std::ranges::find_if(parameters(), [&name](const Setting& one) { return one.option.name == name; });
    if (found != parameters().end()) return *found;
    std::vector<std::string> known;
    for (const Setting& one : parameters()) known.push_back(one.option.name);
    throw Error(ErrorKind::usage, io::in_quotes(name) + ": no such parameter of openmax, expected " + one_of(known) +
                                      did_you_mean(name, known));
}

/// `tail-size` -> `tail_size`
std::string key_of(const Setting& parameter) {
    std::string key = parameter.option.name;
    std::ranges::replace(key, '-', '_');
    return key;
}

/// Numbers stand in JSON as numbers, everything else as text.
io::Json json_value(const std::string& text) {
    if (const auto whole = number_in<std::int64_t>(text)) return *whole;
    if (const auto number = number_in<double>(text)) return *number;
    return text;
}

void read_parameter(const Setting& parameter, const io::CheckedValue& value, OpenMaxParams& params) {
    const io::Json& json = value.json();
    const std::string text = json.is_string() ? json.get<std::string>() : json.is_number() ? json.dump() : "";
    if (!parameter.read(params, text)) value.expected(parameter.expected);
}

OpenMaxParams with(OpenMaxParams params, const std::string& preset, const std::function<void(OpenMaxParams&)>& change) {
    params.preset = preset;
    change(params);
    return params;
}

std::vector<OpenMaxPreset> make_presets() {
    const OpenMaxParams recommended;
    const OpenMaxParams osdn = with(recommended, "osdn", [](OpenMaxParams& params) {
        params.distance = Distance::eucos;
        params.translate = 1;
        params.negative_logits = NegativeLogits::none;
        params.decision = Decision::argmax;
    });
    const OpenMaxParams notebook = with(osdn, "notebook-001", [](OpenMaxParams& params) {
        params.distance = Distance::squared_euclidean;
        params.tail_rows = TailRows::last;
        params.tail_size = 100;
        params.tail_family = TailFamily::weibull_max_scipy;
        params.translate.reset();
        params.alpha.reset();
        params.alpha_weights = AlphaWeights::uniform;
        params.decision = Decision::notebook;
    });
    return {
        {"recommended",
         "openset's own: the weights of OSDN, a fit that is free of the distances' unit, and probabilities in place of "
         "logits, so that negative logits do no harm",
         recommended},
        {"osdn", "abhijitbendale/OSDN, the code of OpenMax' authors (its own options are parsed and ignored)", osdn},
        {"openood", "Jingkang50/OpenOOD v1.5, openmax_postprocessor.py",
         with(osdn, "openood",
              [](OpenMaxParams& params) {
                  params.distance = Distance::euclidean;
                  params.alpha = 3;
                  params.epsilon = 0.9;
              })},
        {"pytorch-ood", "kkirchheim/pytorch-ood, OpenMax (its scores depend on the batch; these do not)",
         with(osdn, "pytorch-ood",
              [](OpenMaxParams& params) {
                  params.distance = Distance::euclidean;
                  params.fit_rows = FitRows::all;
                  params.tail_size = 25;
                  params.translate = 10000;
                  params.decision = Decision::threshold;
              })},
        {"paper", "Bendale & Boult 2016, Towards Open Set Deep Networks, with w = 1 - exp(...) as all code has it",
         with(osdn, "paper", [](OpenMaxParams& params) { params.alpha_weights = AlphaWeights::paper; })},
        {"crosr",
         "Yoshihashi et al. 2019, Classification-Reconstruction Learning for Open-Set Recognition: the network's "
         "latents "
         "behind the logits",
         with(osdn, "crosr",
              [](OpenMaxParams& params) {
                  params.distance = Distance::euclidean;
                  params.space = "logits+latents";
              })},
        {"notebook-001",
         "a course notebook (aiffel, socar_open_set) as its code runs: scipy's weibull_max.fit of the last 100 rows, "
         "and "
         "a softmax of probabilities",
         notebook},
        {"notebook-001-described", "the same notebook as its text describes it: the 100 farthest rows",
         with(notebook, "notebook-001-described", [](OpenMaxParams& params) { params.tail_rows = TailRows::largest; })},
    };
}

} // namespace

const std::vector<OpenMaxOption>& openmax_options() {
    static const std::vector<OpenMaxOption> options = [] {
        std::vector<OpenMaxOption> all;
        for (const Setting& one : parameters()) all.push_back(one.option);
        return all;
    }();
    return options;
}

void set_option(OpenMaxParams& params, const std::string& name, const std::string& value) {
    const Setting& wanted = parameter(name);
    if (wanted.read(params, value)) return;
    throw Error(ErrorKind::usage, "--" + name + ": found " + io::in_quotes(value) + ", expected " + wanted.expected +
                                      did_you_mean(value, wanted.option.choices));
}

std::string option_text(const OpenMaxParams& params, const std::string& name) { return parameter(name).write(params); }

io::Json json_of(const OpenMaxParams& params) {
    io::Json json = {{"preset", params.preset},
                     {"decision", write_choice(params.decision, decisions())},
                     {"epsilon", params.epsilon}};
    for (const Setting& one : parameters()) json[key_of(one)] = json_value(one.write(params));
    return json;
}

OpenMaxParams read_openmax_params(const io::CheckedValue& value) {
    OpenMaxParams params;
    auto object = value.object();
    if (!object) return params;
    for (const Setting& one : parameters()) {
        if (const auto member = object->required(key_of(one), one.option.help)) read_parameter(one, *member, params);
    }
    if (const auto preset = object->required("preset", "the preset's name")) {
        params.preset = preset->text("the preset's name").value_or("");
    }
    if (const auto decision = object->required("decision", "how a row is rejected")) {
        if (const auto text = decision->one_of(names(decisions()))) read_choice(params.decision, decisions(), *text);
    }
    if (const auto epsilon = object->required("epsilon", "the smallest probability that is accepted")) {
        params.epsilon = epsilon->number(0, 1).value_or(0);
    }
    object->refuse_other_keys();
    return params;
}

std::string to_json(const OpenMaxParams& params) { return json_of(params).dump(); }

OpenMaxParams parse_openmax_params(std::string_view json, const std::string& name) {
    io::JsonProblems problems(name);
    OpenMaxParams params;
    if (const auto document = io::parse_json(json, problems)) {
        params = read_openmax_params(io::CheckedValue(*document, "", problems));
    }
    problems.throw_if_any(ErrorKind::corrupt);
    return params;
}

const std::vector<OpenMaxPreset>& openmax_presets() {
    static const std::vector<OpenMaxPreset> presets = make_presets();
    return presets;
}

const OpenMaxPreset& openmax_preset(const std::string& name) {
    const auto found = std::ranges::find(openmax_presets(), name, &OpenMaxPreset::name);
    if (found != openmax_presets().end()) return *found;
    std::vector<std::string> known;
    for (const OpenMaxPreset& preset : openmax_presets()) known.push_back(preset.name);
    throw Error(ErrorKind::usage, io::in_quotes(name) + ": no such preset of openmax, expected " + one_of(known) +
                                      did_you_mean(name, known));
}

} // namespace openset::detect
