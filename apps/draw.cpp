// openset draw -o DIR: a labelled world of drawn pictures

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <thread>

#include "cli/command.hpp"
#include "cli/in_parallel.hpp"
#include "cli/output_file.hpp"
#include "cli/output_folder.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "draw/plan.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/draw/contact_sheet.hpp"
#include "openset/image/encode.hpp"

using namespace openset;
using apps_draw::PlannedPicture;

namespace {

constexpr const char* record_file = "truth.csv";
constexpr int pictures_per_class_on_sheet = 2, columns_of_sheet = 10, largest_tile = 128;

struct DrawOptions {
    apps_draw::PlanOptions plan;
    draw::WorldView view;
    std::string output, contact_sheet, format = "jpg", progress = "auto";
    std::optional<std::int64_t> held_out;
    std::uint64_t seed = 1;
    int jobs = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    bool force = false, dry_run = false, quiet = false;
};

std::vector<std::uint8_t> encode(const image::Picture& picture, bool as_png) {
    return as_png ? image::encode_png(picture) : image::encode_jpeg(picture);
}

std::string file_of(const PlannedPicture& picture, const DrawOptions& options) {
    return picture.path() + "." + options.format;
}

/// No name here needs quotes.
std::string truth_of(const std::vector<PlannedPicture>& pictures, const DrawOptions& options) {
    std::string table = "path,set,split,label,class,level\n";
    for (const PlannedPicture& picture : pictures) {
        table += file_of(picture, options) + "," + picture.set + "," + picture.split + "," + picture.label + "," +
                 std::string(picture.what->name) + "," + std::string(to_string(picture.what->level)) + "\n";
    }
    return table;
}

void draw_pictures(const std::vector<PlannedPicture>& pictures, const DrawOptions& options,
                   const Cancellation& cancellation) {
    const auto start = std::chrono::steady_clock::now();
    OutputFolder folder(options.output, record_file);
    cli::Progress progress(cli::progress_style(options.progress, options.quiet, false), std::ssize(pictures));
    cli::in_parallel(
        options.jobs, pictures.size(),
        [&](std::size_t i) {
            const auto drawn = draw::draw_world(*pictures[i].what, options.seed, pictures[i].number, options.view);
            folder.write(file_of(pictures[i], options), encode(drawn, options.format == "png"));
        },
        [&](std::size_t done) { progress.update(static_cast<std::int64_t>(done)); }, cancellation);
    progress.finish(std::ssize(pictures));
    folder.commit(truth_of(pictures, options));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    log_notice(std::to_string(pictures.size()) + " pictures in " + cli::duration_text(seconds) + ": " + options.output +
               "; what is what stands in its " + record_file);
}

/// The first few of each class; classes that no network is trained with have a star.
void write_contact_sheet(const std::vector<PlannedPicture>& pictures, const DrawOptions& options) {
    std::map<const draw::WorldClass*, std::vector<draw::Tile>> tiles; // in the order of world_classes()
    for (const PlannedPicture& picture : pictures) {
        auto& some = tiles[picture.what];
        if (std::ssize(some) == pictures_per_class_on_sheet) continue;
        some.push_back({draw::draw_world(*picture.what, options.seed, picture.number, options.view),
                        std::string(picture.what->name) + (picture.what->use == draw::WorldUse::training ? "" : " *")});
    }
    std::vector<draw::Tile> all;
    for (auto& [what, some] : tiles) std::ranges::move(some, std::back_inserter(all));
    const int tile_size = std::min(largest_tile, std::max(options.view.width, options.view.height));
    const auto sheet = draw::contact_sheet(all, {.columns = columns_of_sheet, .tile_size = tile_size});
    // To be looked at, not learnt from: a third less.
    const auto bytes =
        options.contact_sheet.ends_with(".png") ? image::encode_png(sheet) : image::encode_jpeg(sheet, 75);
    write_file_atomically(options.contact_sheet, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    log_notice("contact sheet: " + options.contact_sheet);
}

int tell_what_would_be_done(const std::vector<PlannedPicture>& pictures) {
    std::map<std::string, std::int64_t> folders;
    for (const PlannedPicture& picture : pictures) ++folders[picture.set + "/" + picture.split + "/" + picture.label];
    for (const auto& [folder, many] : folders) std::cout << many << "\t" << folder << "\n";
    std::cout << pictures.size() << " pictures; nothing was drawn\n";
    return cli::exit_done;
}

bool is_picture_file(std::string_view head) { return head.starts_with("\x89PNG") || head.starts_with("\xff\xd8"); }

int run(DrawOptions& options) {
    if (options.output.empty() && options.contact_sheet.empty() && !options.dry_run)
        throw Error(ErrorKind::usage, "found neither -o nor --contact-sheet, expected where to draw to");
    options.plan.held_out = options.held_out.value_or((options.plan.count + 4) / 5);
    const auto pictures = apps_draw::plan(options.plan);
    if (pictures.empty())
        throw Error(ErrorKind::usage, "--count 0: found nothing to draw, expected --held-out N with it");
    if (!options.output.empty()) cli::check_output_folder(options.output, record_file, options.force);
    if (!options.contact_sheet.empty()) {
        cli::check_output(options.contact_sheet, "PNG or JPEG picture", is_picture_file, "--contact-sheet");
        cli::refuse_replacing(options.contact_sheet, options.force, "--contact-sheet");
    }
    if (options.dry_run) return tell_what_would_be_done(pictures);
    const Cancellation& cancellation = cli::catch_signals();
    if (!options.output.empty()) draw_pictures(pictures, options, cancellation);
    if (!options.contact_sheet.empty()) write_contact_sheet(pictures, options);
    return cli::exit_done;
}

/// A check and transformation for CLI11: "160x120".
CLI::Validator size_into(draw::WorldView& view) {
    return CLI::Validator(
        [&view](std::string& text) {
            const std::size_t cross = text.find('x');
            const auto digits = [](std::string_view part) {
                return !part.empty() && part.size() <= 4 &&
                       part.find_first_not_of("0123456789") == std::string_view::npos;
            };
            if (cross == std::string::npos || !digits(text.substr(0, cross)) || !digits(text.substr(cross + 1)))
                return "found " + text + ", expected WIDTHxHEIGHT, each from 32 to 4096 pixels, as in 160x120";
            view = {std::stoi(text.substr(0, cross)), std::stoi(text.substr(cross + 1))};
            return std::string();
        },
        "");
}

void add_options(CLI::App& app, DrawOptions& options, std::string& size) {
    app.add_option("-o,--output", options.output, "folder to draw into, whole or not at all")->type_name("DIR");
    app.add_option("--task", options.plan.task, "for which network: gate, species, classifier, or all (default)")
        ->type_name("WHICH")
        ->check(cli::one_of({"gate", "species", "classifier", "all"}));
    app.add_option("-n,--count", options.plan.count,
                   "pictures to train with, for each label of the gate and each kind of sign (default 100); --dry-run "
                   "counts what that makes in all")
        ->type_name("N")
        ->check(cli::whole_number(0, apps_draw::max_count));
    app.add_option("--held-out", options.held_out,
                   "as many to validate, and as many to test (default: a fifth of --count)")
        ->type_name("N")
        ->check(cli::whole_number(0, apps_draw::max_count));
    app.add_option("--seed", options.seed, "another world; the same seed gives the same pictures (default 1)")
        ->type_name("N");
    app.add_option("--size", size, "of a picture, in pixels (default 128x128)")
        ->type_name("WxH")
        ->check(size_into(options.view));
    app.add_option("-f,--format", options.format, "jpg (default) or png")
        ->type_name("FORMAT")
        ->check(cli::one_of({"jpg", "png"}));
    app.add_option("--contact-sheet", options.contact_sheet,
                   "a picture (.png, else JPEG) that shows two of each class; will do without -o")
        ->type_name("FILE");
    app.add_flag("--force", options.force, "replace a drawn world, or a contact sheet, that stands there");
    app.add_flag("--dry-run", options.dry_run, "say how many pictures would be drawn into which folders, and stop");
    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("-j,--jobs", options.jobs, "threads (default: one a core)")->type_name("N")->check(cli::whole_number(1, 1024));
    more("--progress", options.progress, "auto, always, never or json (lines on standard error)")
        ->type_name("WHEN")
        ->check(cli::one_of({"auto", "always", "never", "json"}));
}

} // namespace

int main(int argc, char** argv) {
    DrawOptions options;
    std::string size;
    cli::Command command(
        "openset draw",
        "Draws a world of road signs and everyday things with perfect labels, to learn, to test and to measure with: a "
        "folder for each class, apart for training, validation and test, and classes that no network is shown.",
        {{"openset draw -o world", "some 7000 pictures, a folder a class; world/truth.csv says what is what"},
         {"openset draw --contact-sheet world.png", "only have a look"}});
    add_options(command.app(), options, size);
    return command.main(argc, argv, [&] {
        options.quiet = command.common().quiet;
        return run(options);
    });
}
