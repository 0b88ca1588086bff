#include "train/options.hpp"

#include <cmath>
#include <filesystem>
#include <utility>

#include "cli/command.hpp"
#include "openset/base/error.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/torch/architecture.hpp"
#include "train/features.hpp"
#include "train/task.hpp"

namespace openset::train {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

void add_gradient_options(CLI::App& app, GradientFlags& flags) {
    app.add_flag(
        "--finetune", flags.finetune,
        "with --trunk: its own weights learn too, by gradient descent; begin with a network that has a fitted head");
    app.add_option(
           "--arch", flags.arch,
           "instead of --trunk: a new network, " +
               [] {
                   std::string names;
                   for (const std::string& name : torch::architecture_names())
                       names += (names.empty() ? "" : ", ") + name;
                   return names;
               }())
        ->type_name("NAME")
        ->check(cli::one_of(torch::architecture_names()));
    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    const auto more_flag = [&app](auto&&... arguments) { return app.add_flag(arguments...)->group(cli::more_options); };
    app.add_option("--epochs", flags.epochs, "times that every picture is learned from, by gradient (default 30)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1'000'000));
    app.add_flag("--resume", flags.resume, "go on with an interrupted training by gradient, from FILE.checkpoint");
    more("--from", flags.from, "weights that --arch begins with: scratch, which are random ones (the only choice yet)")
        ->type_name("WHAT")
        ->check(cli::one_of({"scratch"}));
    more("--width", flags.width,
         "of --arch: channels of its first stage, others in proportion; smaller is faster and knows less (default 64)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024));
    more("--stem", flags.stem,
         "of --arch: imagenet (default) begins by halving the picture twice; cifar does not, for pictures of 32 to 64 "
         "pixels")
        ->type_name("WHAT")
        ->check(cli::one_of({"imagenet", "cifar"}));
    more("--input-size", flags.input_size, "of --arch: pixels of the square that it looks at (default 224, dhrnet 32)")
        ->type_name("N")
        ->check(cli::whole_number(8, 4096));
    more("--recipe", flags.recipe,
         "of --arch dhrnet: plain (default) learns the labels; crosr also to make the picture again, as CROSR's "
         "OpenMax wants it")
        ->type_name("WHAT")
        ->check(cli::one_of({"plain", "crosr"}));
    more("--last-blocks", flags.last_blocks, "of --finetune: how many blocks before the head learn, or all (default)")
        ->type_name("N");
    more("--learning-rate", flags.learning_rate,
         "at its highest; it falls along half a cosine (default 0.05, of --finetune 0.01)")
        ->type_name("X")
        ->check(cli::number(1e-9, 1e3));
    more("--momentum", flags.momentum, "(default 0.9)")->type_name("X")->check(cli::number(0, 0.9999));
    more("--weight-decay", flags.weight_decay, "(default 1e-4)")->type_name("X")->check(cli::number(0, 1));
    more("--warmup", flags.warmup, "epochs over which the learning rate rises first (default 1)")
        ->type_name("N")
        ->check(cli::number(0, 1e6));
    more("--label-smoothing", flags.label_smoothing, "share of the truth given to all labels alike (default 0)")
        ->type_name("X")
        ->check(cli::number(0, 0.9));
    more("--patience", flags.patience,
         "stop after N epochs without a smaller validation loss (default 0: never); the best epoch's weights are kept")
        ->type_name("N")
        ->check(cli::whole_number(0, 1'000'000));
    more("--crop-scale", flags.augment.crop_scale,
         "smallest share of a picture that a random resized crop takes (default 0.35; 1: no crops)")
        ->type_name("X")
        ->check(cli::number(0.01, 1));
    more_flag("--no-flip", flags.augment.no_flip, "left and right are never exchanged: for signs and letters");
    more("--rotate", flags.augment.rotate, "degrees by which pictures are turned at most (default 10)")
        ->type_name("DEGREES")
        ->check(cli::number(0, 180));
    more("--jitter", flags.augment.jitter,
         "by how much brightness, contrast and saturation change at most, hue by a quarter (default 0.2)")
        ->type_name("X")
        ->check(cli::number(0, 1));
}

bool has_folders(const std::string& folder) {
    std::error_code ignored; // who reads it says what is wrong
    for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
        if (entry->is_directory(ignored) && !entry->path().filename().string().starts_with(".")) return true;
    }
    return false;
}

void check_paths(const std::string& flag, const std::vector<std::string>& paths, Mode mode) {
    for (const std::string& path : paths) {
        if (!fs::exists(path))
            refuse(flag + " " + path + ": " + no_such_file(path, "a folder with a folder for each class in it"));
        if (fs::is_regular_file(path) && fs::path(path).extension() != ".csv") {
            refuse(flag + " " + path +
                   ": is a file, expected a folder with a folder for each class in it, or a table whose name ends in "
                   ".csv");
        }
        if (mode != Mode::head && is_store({path}))
            refuse(flag + " " + path + ": is a store, expected pictures: training by gradient looks at them anew");
        if (is_store({path}) && has_folders(path)) {
            refuse(flag + " " + path +
                   ": holds logits.npy, as an activation store does, and folders, as pictures of classes do; name the "
                   "one that is meant, or move logits.npy away");
        }
        if (paths.size() > 1 && (fs::is_regular_file(path) || is_store({path})))
            refuse(flag + " " + path + ": is a table or a store, expected it alone; only folders can be several");
    }
}

void check_validation(const Options& options) {
    const auto value = options.validation_number();
    if (!value) return;
    constexpr double most_folds = 1000;
    const bool folds =
        *value >= 2 && *value <= most_folds && *value == std::floor(*value) && options.mode() == Mode::head;
    const bool share = *value > 0 && *value < 1;
    if (folds || share) return;
    refuse("--validation " + options.validation + ": expected a share of the pictures above 0 and below 1" +
           (options.mode() == Mode::head ? ", a number of folds from 2 to 1000," : "") + " or a folder");
}

/// A picture that is seen twice would have two classes, or learn and judge at once.
void check_folders(const Options& options) {
    std::vector<std::pair<std::string, std::string>> named; // flag, path
    for (const std::string& path : options.data) named.emplace_back("--data", path);
    for (const std::string& path : options.positive_dir) named.emplace_back("--positive-dir", path);
    if (!options.validation_number()) named.emplace_back("--validation", options.validation);
    for (std::size_t i = named.size(); i-- > 0;) {
        for (std::size_t k = 0; k < named.size(); ++k) {
            const auto& [flag, path] = named[i];
            const auto& [other_flag, other] = named[k];
            if (k == i || !pictures::Inputs(input_flags({other})).folder_around(path)) continue;
            refuse(flag + " " + path + ": lies in " + other_flag + " " + other +
                   ", so that its pictures would count twice; expected folders apart from each other");
        }
    }
}

} // namespace

std::optional<double> Options::validation_number() const {
    if (validation.empty()) return mode() == Mode::head ? 5 : 0.1;
    double value = 0;
    return CLI::detail::lexical_cast(validation, value) ? std::optional(value) : std::nullopt;
}

void add_options(CLI::App& app, Options& options) {
    app.add_option(
           "-d,--data", options.data,
           "folder with a folder for each class in it; or a table with the columns path and label; or a store that "
           "extract made of the trunk. May be given several times")
        ->type_name("PATH")
        ->required()
        ->allow_extra_args(false);
    app.add_option("-t,--trunk", options.trunk, "the network that gets a new head (TorchScript)")->type_name("FILE");
    app.add_option("-o,--output", options.output, "the network that is made")->type_name("FILE")->required();
    app.add_option("--positive", options.positive,
                   "make a filter of two labels: these classes, separated by commas, against all others")
        ->type_name("CLASSES");
    app.add_option("--positive-dir", options.positive_dir,
                   "make a filter of two labels: the classes that are folders in this folder are the family, those of "
                   "--data the "
                   "others")
        ->type_name("DIR")
        ->allow_extra_args(false);
    app.add_option("--test", options.test,
                   "a further folder, table or store: asked at the end. May be given several times")
        ->type_name("PATH")
        ->allow_extra_args(false);
    app.add_option(
           "--validation", options.validation,
           "which pictures choose settings and tell what to expect. Of a head: 5 (default) takes turns of a fifth each "
           "(cross-validation); 0.2 holds a fifth back; DIR has others. By gradient 0.1 (default) or DIR")
        ->type_name("WHAT");
    app.add_option("--activation", options.activation,
                   "softmax (default), or sigmoid: one-vs-rest, any number of labels a picture")
        ->type_name("WHAT")
        ->check(cli::one_of({"softmax", "sigmoid"}));
    app.add_option("--balance", options.balance,
                   "none (default), weights: every class counts the same in the loss, or sampling: is seen as often")
        ->type_name("WHAT")
        ->check(cli::one_of({"none", "weights", "sampling"}));
    app.add_flag("--force", options.force, "replace a network that stands there");
    app.add_flag("--dry-run", options.dry_run, "say what would be learned from how many pictures, and stop");

    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("--filter-labels", options.filter_labels,
         "what a filter's two labels are called (default: other and the family's class, or other,family)")
        ->type_name("OTHER,FAMILY");
    more("--l2", options.l2, "strength of the head's regularisation; auto (default) chooses by validation")
        ->type_name("X");
    more("--views", options.views,
         "how pictures are looked at for the head: plain, mirror (default: and mirrored), five-crop or ten-crop")
        ->type_name("WHAT")
        ->check(cli::one_of(view_names()));
    more("--cache", options.cache,
         "folder in which features are kept for the next time, until you remove it (default: FILE.features)")
        ->type_name("DIR");
    more("--name", options.name, "what the network calls itself (default: FILE without its ending)")->type_name("NAME");
    more("--license", options.license, "of the network that is made (default: the trunk's)")->type_name("TEXT");
    more("--seed", options.seed, "of all that is random (default 0)")
        ->type_name("N")
        ->check(cli::whole_number(0, std::int64_t{1} << 62));
    add_gradient_options(app, options.gradient);
    pictures::add_run_flags(app, options);
    pictures::add_outcome_flags(app, options);
}

void resolve(const CLI::App& app, Options& options) {
    pictures::resolve(options);
    const auto given = [&app](const char* flag) { return app.get_option(flag)->count() > 0; };
    if (options.precision == "int8")
        refuse("--precision int8: networks learn in float; leave the flag out, and let openset quantize follow");
    if (given("--trunk") && !fs::exists(options.trunk))
        refuse("--trunk " + options.trunk + ": " + no_such_file(options.trunk, "a network (TorchScript archive)"));
    if (given("--trunk") == given("--arch")) {
        refuse(given("--trunk")
                   ? "--trunk together with --arch: expected one of them"
                   : "nothing to begin with, expected --trunk FILE for a new head, or --arch NAME for a new "
                     "network");
    }
    const Mode mode = options.mode();
    if (mode == Mode::finetune && given("--arch"))
        refuse("--finetune together with --arch: expected --trunk FILE with it");
    for (const char* flag :
         {"--epochs", "--resume", "--last-blocks", "--learning-rate", "--momentum", "--weight-decay", "--warmup",
          "--label-smoothing", "--patience", "--crop-scale", "--no-flip", "--rotate", "--jitter"})
        if (mode == Mode::head && given(flag))
            refuse(std::string(flag) + " is for training by gradient; add --finetune, or leave it out");
    for (const char* flag : {"--l2", "--views", "--cache"})
        if (mode != Mode::head && given(flag)) refuse(std::string(flag) + " is for a head alone; leave it out");
    for (const char* flag : {"--width", "--stem", "--input-size", "--recipe", "--from"})
        if (mode != Mode::scratch && given(flag)) refuse(std::string(flag) + " is for --arch; leave it out");
    if (mode != Mode::finetune && given("--last-blocks")) refuse("--last-blocks is for --finetune; leave it out");
    check_validation(options);
    double l2 = 0;
    if (options.l2 != "auto" && !(CLI::detail::lexical_cast(options.l2, l2) && l2 > 0 && l2 <= 1e6))
        refuse("--l2 " + options.l2 + ": expected a number above 0, or auto");
    check_paths("--data", options.data, mode);
    check_paths("--test", options.test, mode);
    check_paths("--positive-dir", options.positive_dir, mode);
    if (!options.validation_number()) check_paths("--validation", {options.validation}, mode);
    if (given("--views") && is_store(options.data))
        refuse("--views is for pictures, and --data is a store, which holds one view of each; leave it out");
    if (mode != Mode::head && options.strict)
        refuse("--strict is for a head alone: a training by gradient leaves out what it cannot read, and tells how "
               "many; leave it out");
    if (!options.positive_dir.empty() && (fs::is_regular_file(options.data.front()) || is_store(options.data)))
        refuse("--positive-dir together with a table or a store; name the family's classes with --positive instead");
    if (!options.filter_labels.empty()) {
        if (options.positive.empty() && options.positive_dir.empty())
            refuse("--filter-labels is for a filter; add --positive or --positive-dir");
        const auto comma = options.filter_labels.find(',');
        if (comma == std::string::npos || comma == 0 || comma + 1 == options.filter_labels.size() ||
            options.filter_labels.find(',', comma + 1) != std::string::npos)
            refuse("--filter-labels " + options.filter_labels + ": expected two names, as other,cat");
        if (options.filter_labels.substr(0, comma) == options.filter_labels.substr(comma + 1))
            refuse("--filter-labels " + options.filter_labels + ": expected two different names, as other,cat");
    }
    check_folders(options);
    if (!given("--batch") && mode != Mode::head) options.runner.batch = 32;
    if (options.name.empty()) options.name = fs::path(options.output).stem().string();
    if (options.cache.empty()) options.cache = options.output + ".features";
}

} // namespace openset::train
