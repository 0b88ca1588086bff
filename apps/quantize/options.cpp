#include "quantize/options.hpp"

#include <algorithm>
#include <filesystem>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "openset/base/error.hpp"

namespace openset::quantize {

stats::RangeRule Options::rule() const {
    const auto& names = stats::range_rule_names();
    return static_cast<stats::RangeRule>(std::ranges::find(names, observer) - names.begin());
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("MODEL", options.model, "the network in float (TorchScript)")->type_name("FILE")->required();
    app.add_option("--data", options.data.paths,
                   "pictures like those that the network will see: folders, best with a folder for each class in them; "
                   "some measure ranges, the others what it costs")
        ->type_name("DIR");
    app.add_option("--csv", options.data.csv,
                   "instead of --data: a table with the columns path, relative to the table's folder, and label")
        ->type_name("FILE");
    app.add_option("-o,--output", options.output, "the int8 network, for MODEL.pt best MODEL.int8.pt beside it")
        ->type_name("FILE")
        ->required();
    app.add_option("--test", options.test, "compare on these pictures, folders or a table, instead of what is left")
        ->type_name("DIR");
    app.add_option("--unknown", options.unknown,
                   "pictures of nothing that the network knows: what rejecting them costs")
        ->type_name("DIR");
    app.add_option("--pictures", options.pictures, "most pictures that ranges are measured on (default 200)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1'000'000));
    app.add_option(
           "--observer", options.observer,
           "how the range of a layer is chosen: minmax (default), all that was seen; percentile; or histogram, the "
           "least squared error")
        ->type_name("RULE")
        ->check(cli::one_of(stats::range_rule_names()));
    app.add_flag("--force", options.force, "replace a network that stands there");
    app.add_option("-f,--format", options.format, "of what is printed: text or json")
        ->type_name("FORMAT")
        ->check(cli::one_of({"text", "json"}));

    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("--percentile", options.percentile, "of --observer percentile: share of values inside (default 99.99)")
        ->type_name("PERCENT")
        ->check(cli::number(90, 100));
    more("--files-from", options.data.files_from,
         "instead of --data: names of pictures and folders from FILE, one a line; - is standard input")
        ->type_name("FILE");
    more("--seed", options.seed, "which pictures measure ranges (default 0)")->type_name("N");
    more("--labels", options.label_file, "label names, one a line, for a network that carries none")->type_name("FILE");
    cli::add_preprocess_option(app, options.preprocess);
    pictures::add_run_flags(app, options);
    pictures::add_outcome_flags(app, options);
}

void resolve(Options& options) {
    pictures::resolve(options);
    options.load.device = "cpu"; // where quantised kernels are
    if (options.precision != "auto" && options.precision != "fp32")
        throw Error(ErrorKind::usage,
                    "--precision " + options.precision +
                        ": the network is made of one in float, and compared with it; leave the flag out");
    if (options.data.names_none())
        throw Error(ErrorKind::usage, "no pictures to calibrate on were named, expected --data FOLDER");
    if (options.output.empty() || options.output == "-")
        throw Error(ErrorKind::usage, "-o " + options.output + ": expected the name of a file");
}

pictures::InputFlags input_flags(const std::vector<std::string>& paths) {
    pictures::InputFlags flags;
    const bool is_table = paths.size() == 1 && std::filesystem::is_regular_file(paths.front());
    (is_table ? flags.csv : flags.paths.emplace_back()) = paths.front();
    if (!is_table) flags.paths = paths;
    return flags;
}

} // namespace openset::quantize
