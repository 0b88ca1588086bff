// openset fit STORE -o FITTED.json: training activations -> a fitted detector. No LibTorch in here.

#include <map>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/io/fitted_file.hpp"

using namespace openset;

namespace {

struct FitOptions {
    std::string store, output, method = "openmax", preset;
    std::map<std::string, std::string> flags; ///< parameters by name, as they were typed
    std::vector<std::string> set;             ///< the same as key=value
    bool dry_run = false;
};

/// `a, b or c`
std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
    return text;
}

void add_options(CLI::App& app, FitOptions& options) {
    app.add_option("STORE", options.store, "activation store of training pictures (openset extract)")->required();
    app.add_option("-o,--output", options.output, "file for the fitted detector (JSON)")
        ->type_name("FITTED.json")
        ->required();
    app.add_option("--method", options.method, "openmax or openmax-notebook (default openmax)")->type_name("METHOD");
    std::vector<std::string> presets;
    for (const auto& preset : detect::openmax_presets()) presets.push_back(preset.name);
    app.add_option("--preset", options.preset,
                   "a known system's choices, which further flags change: " + listed(presets) + " (default " +
                       presets.front() + ")")
        ->type_name("PRESET")
        ->check(cli::one_of(presets));
    const detect::OpenMaxParams& usual = detect::openmax_presets().front().params;
    for (const auto& option : detect::openmax_options()) {
        auto* flag = app.add_option("--" + option.name, options.flags[option.name],
                                    option.help + "; " + presets.front() + ": " + option_text(usual, option.name))
                         ->type_name(option.value);
        if (!option.choices.empty()) flag->check(cli::one_of(option.choices));
        const bool is_common =
            option.name == "tail-size" || option.name == "alpha" || option.name == "distance" || option.name == "space";
        if (!is_common) flag->group(cli::more_options);
    }
    app.add_option("--set", options.set, "a parameter by its name: --set tail-size=20 is --tail-size 20")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(cli::more_options);
    app.add_flag("--dry-run", options.dry_run, "read the store, fit, and write nothing");
}

/// The preset that the flags name, or the method's.
std::string preset_of(const FitOptions& options) {
    const detect::Method& method = detect::method_named(options.method);
    if (method.make)
        throw Error(ErrorKind::usage, "--method " + options.method + ": needs no fit; openset score --method " +
                                          options.method + " scores with it");
    const bool notebook = method.name == "openmax-notebook";
    if (options.preset.empty()) return notebook ? "notebook-001" : "recommended";
    if (notebook && !options.preset.starts_with("notebook-001")) {
        throw Error(ErrorKind::usage, "--method openmax-notebook together with --preset " + options.preset +
                                          ": expected notebook-001 or notebook-001-described");
    }
    return options.preset;
}

detect::OpenMaxParams params_of(const CLI::App& app, const FitOptions& options) {
    detect::OpenMaxParams params = detect::openmax_preset(preset_of(options)).params;
    for (const auto& [name, value] : options.flags) {
        if (app.get_option("--" + name)->count() > 0) set_option(params, name, value);
    }
    for (const std::string& text : options.set) {
        const auto equals = text.find('=');
        if (equals == std::string::npos)
            throw Error(ErrorKind::usage, "--set " + text + ": expected KEY=VALUE, such as tail-size=20");
        set_option(params, text.substr(0, equals), text.substr(equals + 1));
    }
    return params;
}

void say(const detect::OpenMax& fitted, const FitOptions& options) {
    std::int64_t rows = 0, with_fit = 0;
    for (const detect::OpenMaxClass& each : fitted.classes()) {
        rows += each.rows;
        with_fit += each.has_fit() ? 1 : 0;
    }
    for (const std::string& warning : fitted.warnings()) log_warning(warning);
    log_notice(std::string(fitted.method()) + ", preset " + fitted.params().preset + ": " + std::to_string(with_fit) +
               " of " + std::to_string(fitted.classes().size()) + " classes have a tail, from " + std::to_string(rows) +
               " rows; " +
               (options.dry_run ? "nothing was written" : "openset inspect " + options.output + " tells more"));
}

int run(const CLI::App& app, const FitOptions& options) {
    const detect::OpenMaxParams params = params_of(app, options);
    if (!cli::is_kept_file(options.output)) {
        throw Error(ErrorKind::usage,
                    "-o " + options.output + ": large arrays lie beside a fitted file, expected the name of a file");
    }
    cli::check_output(options.output, "fitted detector",
                      [](std::string_view head) { return head.find("openset-fitted/") != std::string_view::npos; });
    const io::ActivationStore store(options.store);
    const auto fitted = detect::OpenMax::fit(store, params);
    if (!options.dry_run) {
        io::FittedFile file = *fitted.fitted();
        file.fitted_on = store.identity();
        io::write_fitted(options.output, file);
    }
    say(fitted, options);
    return cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    FitOptions options;
    cli::Command command("openset fit",
                         "Fits a detector of the unknown on training activations: OpenMax's class means and Weibull "
                         "tails. Takes milliseconds; no picture is looked at.",
                         {{"openset fit train.store -o cats8.openmax.json", "the recommended choices"},
                          {"openset fit train.store -o birds.json --preset osdn --space features",
                           "a known system's choices, one of them changed"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(command.app(), options); });
}
