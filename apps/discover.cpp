// openset discover ROWS STORE -o DIR: rejected pictures -> groups that may be new classes. No LibTorch in here.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "cli/command.hpp"
#include "discover/groups.hpp"
#include "discover/sheet.hpp"
#include "infer/sort_into.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/output_folder.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/number_text.hpp"
#include "openset/io/pretty_json.hpp"
#include "openset/io/row_reader.hpp"

using namespace openset;
namespace fs = std::filesystem;

namespace {

const std::string record_file = "groups.json";

struct DiscoverOptions {
    std::string rows, store, train, output, stage = "any", pictures;
    int groups = 0;
    std::int64_t seed = 0;
    bool copy = false, force = false;
};

/// Paths of the pictures that were rejected, in the order of the rows.
std::vector<std::string> rejected_paths(const DiscoverOptions& options) {
    io::RowReader rows{fs::path(options.rows)};
    std::vector<std::string> paths;
    while (const auto row = rows.next()) {
        if (row->outcome != io::Outcome::unknown) continue;
        if (options.stage == "any" || row->decided_by == options.stage) paths.push_back(row->path);
    }
    if (paths.empty()) {
        throw Error(ErrorKind::usage, options.rows + ": no picture was rejected" +
                                          (options.stage == "any" ? "" : " by the stage " + options.stage) +
                                          ", expected some to look at");
    }
    return paths;
}

/// The store's rows of those pictures; those that it does not have are counted and left out.
discover::Rejected rejected_pictures(const DiscoverOptions& options, const io::ActivationStore& store) {
    if (store.features() == 0) {
        throw Error(ErrorKind::usage, options.store +
                                          ": has no features (features.npy), expected a store with them; groups are "
                                          "of what the network sees, not of its logits");
    }
    std::unordered_map<std::string, std::int64_t> row_of;
    store.for_each_sample(
        [&](std::int64_t row, const std::string& path, const std::string& /*label*/) { row_of.emplace(path, row); });
    discover::Rejected rejected;
    std::int64_t missing = 0;
    const io::FloatRows features = store.all().features;
    for (const std::string& path : rejected_paths(options)) {
        const auto found = row_of.find(path);
        if (found == row_of.end())
            ++missing;
        else
            rejected.add(path, features.row(found->second));
    }
    if (rejected.paths.empty()) {
        throw Error(ErrorKind::usage, options.store + ": holds none of the rejected pictures of " + options.rows +
                                          " under their paths, expected a store that openset extract made of them; "
                                          "give both commands the same paths");
    }
    if (missing > 0)
        log_warning(options.store + ": " + std::to_string(missing) +
                    " rejected pictures are not in it and are left out");
    return rejected;
}

std::vector<discover::KnownClass> known_classes(const DiscoverOptions& options, const io::ActivationStore& store) {
    if (options.train.empty()) return {};
    const io::ActivationStore train(options.train);
    if (train.features() != store.features() ||
        (!train.meta().model_sha256.empty() && !store.meta().model_sha256.empty() &&
         train.meta().model_sha256 != store.meta().model_sha256)) {
        throw Error(ErrorKind::usage, "--train " + options.train + ": is of another network than " + options.store +
                                          ", expected the same");
    }
    return discover::means_of_classes(train);
}

std::string folder_name(std::size_t group) {
    const std::string number = std::to_string(group + 1);
    return "group-" + std::string(number.size() < 2 ? 1 : 0, '0') + number;
}

std::string csv_text(const discover::Rejected& rejected, const discover::Groups& groups) {
    std::string text = "path,group,distance\n";
    for (std::size_t i = 0; i < rejected.paths.size(); ++i) {
        text += io::csv_field(rejected.paths[i]) + "," + folder_name(static_cast<std::size_t>(groups.of_picture[i])) +
                "," + io::shortest(groups.distance[i]) + "\n";
    }
    return text;
}

using Json = nlohmann::ordered_json;

Json record_of(const DiscoverOptions& options, const discover::Rejected& rejected, const discover::Groups& groups) {
    Json tried = Json::array(), found = Json::array();
    for (const discover::Trial& trial : groups.tried)
        tried.push_back({{"groups", trial.groups}, {"silhouette", trial.silhouette}, {"stability", trial.stability}});
    for (std::size_t g = 0; g < groups.groups.size(); ++g) {
        const discover::Group& group = groups.groups[g];
        Json one = {{"name", folder_name(g)},
                    {"pictures", group.pictures.size()},
                    {"spread", group.spread},
                    {"medoid", printable(rejected.paths[group.medoid])}};
        if (group.nearest) one["nearest"] = {{"class", group.nearest->label}, {"distance", group.nearest->distance}};
        found.push_back(std::move(one));
    }
    return {{"format", "openset-groups/1"},
            {"rows", options.rows},
            {"store", options.store},
            {"train", options.train},
            {"seed", options.seed},
            {"chosen_by", options.groups > 0 ? "--groups" : "silhouette times stability"},
            {"tried", tried},
            {"groups", found}};
}

std::string figure(double value) { return io::shortest(std::round(1000 * value) / 1000); }

void tell(const DiscoverOptions& options, const discover::Groups& groups) {
    for (const discover::Trial& trial : groups.tried) {
        log_notice(std::to_string(trial.groups) + " groups: silhouette " + figure(trial.silhouette) + ", stability " +
                   figure(trial.stability));
    }
    for (std::size_t g = 0; g < groups.groups.size(); ++g) {
        const discover::Group& group = groups.groups[g];
        log_notice(folder_name(g) + ": " + std::to_string(group.pictures.size()) + " pictures, spread " +
                   figure(group.spread) +
                   (group.nearest ? "; nearest known class " + printable(group.nearest->label) + ", at " +
                                        figure(group.nearest->distance)
                                  : ""));
    }
    log_notice("look at " + options.output +
               "/group-*.jpg; a group that is a class: give its folder a name and train "
               "with it");
}

void check_folder(const DiscoverOptions& options) {
    if (check_place_for_output_folder(options.output, record_file) && !options.force)
        throw Error(ErrorKind::usage,
                    "-o " + options.output + ": exists; choose another name, or add --force to replace it");
}

int run(const DiscoverOptions& options) {
    check_folder(options);
    const io::ActivationStore store(options.store);
    const discover::Rejected rejected = rejected_pictures(options, store);
    const auto known = known_classes(options, store);
    const discover::Groups groups =
        discover::find_groups(rejected, known, options.groups, static_cast<std::uint64_t>(options.seed));
    OutputFolder folder(options.output, record_file);
    const std::string csv = csv_text(rejected, groups);
    folder.write("groups.csv", {reinterpret_cast<const std::uint8_t*>(csv.data()), csv.size()});
    std::vector<std::string> names;
    for (std::size_t g = 0; g < groups.groups.size(); ++g) names.push_back(folder_name(g));
    infer::SortInto links(folder.partial(), names, options.copy);
    const fs::path root = options.pictures;
    for (std::size_t g = 0; g < names.size(); ++g) {
        folder.write(names[g] + ".jpg", discover::contact_sheet(rejected, groups.groups[g], root));
        for (const std::size_t picture : groups.groups[g].pictures) {
            io::Row row;
            row.path = (root / rejected.paths[picture]).string();
            row.verdict = {io::Outcome::known, names[g], io::Stage::classifier, 1.0};
            links.add(row, nullptr);
        }
    }
    folder.commit(io::pretty(record_of(options, rejected, groups)));
    tell(options, groups);
    return cli::exit_done;
}

void add_options(CLI::App& app, DiscoverOptions& options) {
    app.add_option("ROWS", options.rows, "what openset infer wrote, jsonl or csv")->required();
    app.add_option("STORE", options.store, "store of the same pictures (openset extract --unlabelled), with features")
        ->required();
    app.add_option("-o,--output", options.output,
                   "folder for groups.csv, groups.json, a contact sheet and a folder of links a group")
        ->type_name("DIR")
        ->required();
    app.add_option("--train", options.train, "store of training pictures: names the known class nearest to a group")
        ->type_name("STORE");
    app.add_option("--groups", options.groups,
                   "how many (default: of 2 to 12 those that lie apart and come back: silhouette times stability)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1000));
    app.add_option("--stage", options.stage,
                   "pictures that this stage rejected: gate, species or unknown; any: all of them (default)")
        ->type_name("STAGE")
        ->check(cli::one_of({"any", "gate", "species", "unknown"}));
    app.add_option("--pictures", options.pictures, "folder where relative paths of pictures begin (default: this one)")
        ->type_name("DIR");
    app.add_flag("--copy", options.copy, "copy the pictures instead of linking them");
    app.add_flag("--force", options.force, "replace the folder where it is there");
    app.add_option("--seed", options.seed, "of the starts (default 0): the same seed, the same groups")
        ->type_name("N")
        ->check(cli::whole_number(0, std::numeric_limits<std::int64_t>::max()))
        ->group(cli::more_options);
}

} // namespace

int main(int argc, char** argv) {
    DiscoverOptions options;
    cli::Command command(
        "openset discover",
        "Groups the pictures that were rejected by what the network sees in them: each group may be a class that is "
        "missing. Leaves a contact sheet and a folder of links for each, laid out as openset train takes them.",
        {{"openset discover rows.jsonl photos.store --train train.store -o found",
          "as many groups as lie apart, with the known class nearest to each"},
         {"openset discover rows.jsonl photos.store --stage unknown --groups 3 -o found",
          "three groups of what the detector rejected"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(options); });
}
