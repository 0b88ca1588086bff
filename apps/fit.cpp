// openset fit STORE -o FITTED.json: training activations -> a fitted detector. No LibTorch in here.

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "cli/command.hpp"
#include "cli/key_values.hpp"
#include "cli/output_file.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/output_folder.hpp"
#include "openset/base/sha256.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/io/fitted_file.hpp"
#include "openset/io/pretty_json.hpp"

using namespace openset;

namespace {

struct FitOptions {
    std::vector<std::string> inputs; ///< a store, or files of sums
    std::string output, method = "openmax", preset;
    std::map<std::string, std::string> flags; ///< OpenMax's parameters by name, as they were typed
    std::vector<std::string> set;             ///< parameters as key=value
    bool sums = false, force = false, dry_run = false;
};

constexpr const char* all_methods = "all";
constexpr const char* record_file = "fits.json";

/// `a, b or c`
std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
    return text;
}

std::string fitted_methods() {
    std::string names;
    for (const detect::Method& method : detect::methods()) {
        if (method.fit) names += (names.empty() ? "" : ", ") + method.name;
    }
    return names;
}

void add_openmax_options(CLI::App& app, FitOptions& options) {
    std::vector<std::string> presets;
    for (const auto& preset : detect::openmax_presets()) presets.push_back(preset.name);
    app.add_option("--preset", options.preset,
                   "openmax: a known system's choices, which further flags change: " + listed(presets) + " (default " +
                       presets.front() + ")")
        ->type_name("PRESET")
        ->check(cli::one_of(presets));
    const detect::OpenMaxParams& usual = detect::openmax_presets().front().params;
    for (const auto& option : detect::openmax_options()) {
        auto* flag =
            app.add_option("--" + option.name, options.flags[option.name],
                           "openmax: " + option.help + "; " + presets.front() + ": " + option_text(usual, option.name))
                ->type_name(option.value);
        if (!option.choices.empty()) flag->check(cli::one_of(option.choices));
        const bool is_common =
            option.name == "tail-size" || option.name == "alpha" || option.name == "distance" || option.name == "space";
        if (!is_common) flag->group(cli::more_options);
    }
}

void add_options(CLI::App& app, FitOptions& options) {
    cli::add_names(app, "STORE|SUMS.json", options.inputs,
                   "activation store of training pictures (openset extract), or files that --sums wrote of several")
        ->required();
    app.add_option("-o,--output", options.output,
                   "file for the fitted detector (JSON); of --method all: folder for one file a method")
        ->type_name("FITTED.json|DIR")
        ->required();
    app.add_option("--method", options.method, "all, or one of " + fitted_methods() + " (default openmax)")
        ->type_name("METHOD");
    app.add_option("--set", options.set,
                   "a parameter of the method by its name: --set k=50 (docs/detectors.md lists them)")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    add_openmax_options(app, options);
    app.add_flag(
           "--sums", options.sums,
           "write what methods that need no single row are fitted from; fit takes such files of many stores together")
        ->excludes("--method")
        ->excludes("--set");
    app.add_flag("--force", options.force, "replace the folder of --method all");
    app.add_flag("--dry-run", options.dry_run, "read the store, fit, and write nothing");
}

/// OpenMax's flags first, so that --set has the last word.
detect::Parameters parameters_of(const CLI::App& app, const FitOptions& options) {
    detect::Parameters parameters;
    if (!options.preset.empty()) parameters.emplace_back("preset", options.preset);
    for (const auto& [name, value] : options.flags) {
        if (app.get_option("--" + name)->count() > 0) parameters.emplace_back(name, value);
    }
    std::ranges::move(cli::key_values("--set", options.set), std::back_inserter(parameters));
    return parameters;
}

/// What is fitted on, and its identity.
class Source {
public:
    explicit Source(const std::vector<std::string>& inputs) {
        std::error_code ignored; // reading says why
        const bool is_folder = std::ranges::any_of(
            inputs, [&ignored](const std::string& input) { return std::filesystem::is_directory(input, ignored); });
        if (is_folder || (inputs.size() == 1 && !std::filesystem::exists(inputs.front(), ignored))) {
            if (inputs.size() > 1) {
                throw Error(
                    ErrorKind::usage,
                    "found " + std::to_string(inputs.size()) +
                        " inputs with a store among them, expected one store, or files that --sums wrote; openset "
                        "merge puts stores together");
            }
            store_.emplace(inputs.front());
            rows_ = detect::training_rows(*store_);
            data_.emplace(rows_);
            identity_ = store_->identity();
        } else {
            std::vector<io::FittedFile> parts;
            for (const std::string& input : inputs) parts.push_back(io::read_fitted(input));
            data_.emplace(detect::TrainingData::merged(parts));
            identity_ = identity_of(parts);
        }
    }

    const detect::TrainingData& data() const { return *data_; }

    /// What a detector of these data is written as.
    io::FittedFile signed_file(io::FittedFile file) const {
        file.fitted_on = identity_;
        return file;
    }

private:
    /// Of sums: that of their stores, in any order.
    static std::string identity_of(const std::vector<io::FittedFile>& parts) {
        if (parts.size() == 1) return parts.front().fitted_on;
        std::set<std::string> stores;
        for (const io::FittedFile& part : parts) stores.insert(part.fitted_on);
        std::string all;
        for (const std::string& store : stores) all += store + "\n";
        return stores.contains("")
                   ? ""
                   : sha256_hex(std::span(reinterpret_cast<const std::uint8_t*>(all.data()), all.size()));
    }

    std::optional<io::ActivationStore> store_;
    detect::TrainingRows rows_;
    std::optional<detect::TrainingData> data_;
    std::string identity_;
};

std::string outcome_text(const detect::Detector& detector, std::int64_t rows_of_store) {
    const auto* openmax = dynamic_cast<const detect::OpenMax*>(&detector);
    if (openmax == nullptr)
        return std::string(detector.method()) + ": fitted on " + std::to_string(rows_of_store) + " rows";
    std::int64_t rows = 0, with_fit = 0;
    for (const detect::OpenMaxClass& each : openmax->classes()) {
        rows += each.rows;
        with_fit += each.has_fit() ? 1 : 0;
    }
    return std::string(openmax->method()) + ", preset " + openmax->params().preset + ": " + std::to_string(with_fit) +
           " of " + std::to_string(openmax->classes().size()) + " classes have a tail, from " + std::to_string(rows) +
           " rows";
}

void check_output_file(const FitOptions& options) {
    if (!cli::is_kept_file(options.output)) {
        throw Error(ErrorKind::usage,
                    "-o " + options.output + ": large arrays lie beside a fitted file, expected the name of a file");
    }
    cli::check_output(options.output, "fitted detector",
                      [](std::string_view head) { return head.find("openset-fitted/") != std::string_view::npos; });
}

int fit_one(const FitOptions& options, const detect::Parameters& parameters) {
    const detect::Method& method = detect::method_named(options.method);
    check_output_file(options);
    const Source source(options.inputs);
    const auto detector = detect::fit_detector(method, source.data(), parameters);
    const io::FittedFile file = source.signed_file(*detector->fitted());
    if (!options.dry_run) io::write_fitted(options.output, file);
    for (const std::string& warning : detect::fit_warnings(file)) log_warning(warning);
    log_notice(outcome_text(*detector, source.data().facts().rows()) + "; " +
               (options.dry_run ? "nothing was written" : "openset inspect " + options.output + " tells more"));
    return cli::exit_done;
}

int write_sums(const FitOptions& options) {
    check_output_file(options);
    const Source source(options.inputs);
    const io::FittedFile file = source.signed_file(source.data().sums());
    if (!options.dry_run) io::write_fitted(options.output, file);
    log_notice("sums of " + std::to_string(source.data().facts().rows()) + " rows; " +
               (options.dry_run
                    ? "nothing was written"
                    : "openset fit " + options.output + " ... --method NAME -o FITTED.json fits on them and others"));
    return cli::exit_done;
}

// ---- --method all

using Json = nlohmann::ordered_json;

/// Replacing the folder removes what is in it: that must be fits, and somebody must have said so.
void check_folder(const FitOptions& options) {
    namespace fs = std::filesystem;
    const std::string flag = "-o " + options.output + ": ";
    std::error_code ignored; // who writes there says what is wrong
    if (options.output == "-" || (fs::exists(options.output, ignored) && !fs::is_directory(options.output, ignored)))
        throw Error(ErrorKind::usage, flag + "--method all writes a file a method, expected the name of a folder");
    if (options.dry_run || !check_place_for_output_folder(options.output, record_file)) return;
    if (!options.force)
        throw Error(ErrorKind::usage, flag + "exists; choose another name, or add --force to replace it");
    std::set<std::string> ours = {record_file};
    for (const detect::Method& method : detect::methods()) ours.insert({method.name + ".json", method.name + ".d"});
    for (const auto& entry : fs::directory_iterator(options.output)) {
        const std::string name = entry.path().filename().string();
        if (!ours.contains(name))
            throw Error(ErrorKind::usage, flag + "holds " + name +
                                              ", which is no fit and --force would remove; move it "
                                              "away, or choose another name");
    }
}

/// Fits every method that the store has enough for; what is left out is told and recorded, never a reason to stop.
int fit_all(const FitOptions& options, const detect::Parameters& parameters) {
    if (!parameters.empty()) {
        throw Error(ErrorKind::usage, "--method all together with a parameter (" + parameters.front().first +
                                          "): every method takes its defaults, expected none; fit the one by itself");
    }
    check_folder(options);
    const Source source(options.inputs);
    std::optional<OutputFolder> folder;
    if (!options.dry_run) folder.emplace(options.output, record_file);
    Json record = {{"format", "openset-fits/1"}, {"fitted", Json::array()}, {"left_out", Json::array()}};
    for (const detect::Method& method : detect::methods()) {
        if (method.make) continue; // nothing to fit: score --method all has it
        try {
            const auto detector = detect::fit_detector(method, source.data(), {});
            const io::FittedFile file = source.signed_file(*detector->fitted());
            if (folder) io::write_fitted(folder->partial() / (method.name + ".json"), file);
            for (const std::string& warning : detect::fit_warnings(file)) log_warning(method.name + ": " + warning);
            record["fitted"].push_back({{"method", method.name}, {"file", method.name + ".json"}});
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::usage) throw; // a damaged store, a full disk
            log_warning(method.name + " is left out: " + error.what());
            record["left_out"].push_back({{"method", method.name}, {"why", error.what()}});
        }
    }
    if (folder) folder->commit(io::pretty(record));
    log_notice(std::to_string(record["fitted"].size()) + " methods fitted on " +
               std::to_string(source.data().facts().rows()) + " rows, " + std::to_string(record["left_out"].size()) +
               " left out; " +
               (options.dry_run ? "nothing was written"
                                : "openset score STORE --method all --fitted " + options.output + " scores with them"));
    return record["fitted"].empty() ? cli::exit_failed : cli::exit_done;
}

int run(const CLI::App& app, const FitOptions& options) {
    const detect::Parameters parameters = parameters_of(app, options);
    if (options.sums) return write_sums(options);
    return options.method == all_methods ? fit_all(options, parameters) : fit_one(options, parameters);
}

} // namespace

int main(int argc, char** argv) {
    FitOptions options;
    cli::Command command(
        "openset fit",
        "Fits a detector of the unknown on training activations: OpenMax's class means and Weibull "
        "tails, or any other method. No picture is looked at.",
        {{"openset fit train.store -o cats8.openmax.json", "OpenMax with the recommended choices"},
         {"openset fit train.store --method knn --set k=10 -o knn.json", "another method"},
         {"openset fit train.store --method all -o fits", "every method that the store has enough for"},
         {"openset fit shard-*.sums.json --method mahalanobis -o m.json",
          "on what --sums wrote of stores that never lay together"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(command.app(), options); });
}
