// openset augment PATH... -o DIR: more training pictures from few

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "augment/plan.hpp"
#include "cli/command.hpp"
#include "cli/in_parallel.hpp"
#include "cli/output_file.hpp"
#include "cli/output_folder.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/draw/augment.hpp"
#include "openset/draw/contact_sheet.hpp"
#include "openset/flow/class_folder.hpp"
#include "openset/flow/decode_memory.hpp"
#include "openset/image/encode.hpp"
#include "openset/io/csv_field.hpp"
#include "pictures/inputs.hpp"

using namespace openset;
using augment::PlannedPicture;

namespace {

constexpr const char* record_file = ".augment.csv"; // hidden, so that no command takes it for a picture
constexpr int jpeg_quality = 95;                    // a copy of a JPEG should not show that it is one
constexpr std::size_t rows_of_sheet = 8, copies_on_sheet = 7;

struct AugmentOptions {
    pictures::InputFlags inputs;
    std::string output, contact_sheet;
    augment::PlanOptions plan;
    std::optional<int> copies;
    bool no_originals = false;
    double rotate = 15, flip = 0.5, noise = 8, blur = 1, shear = 8;
    draw::Range contrast{0.7, 1.3};
    std::string exif_orientation = "ignore", progress = "auto";
    image::DecodeOptions decode;
    std::int64_t decode_memory = std::int64_t{1} << 30, max_errors = 0;
    int jobs = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    bool force = false, dry_run = false, quiet = false;

    draw::Augmentation augmentation() const {
        draw::Augmentation changes;
        changes.rotation = draw::either_way(rotate);
        changes.flip = flip;
        changes.noise = {0, noise};
        changes.blur = {0, blur};
        changes.shear = draw::either_way(shear);
        changes.contrast = contrast;
        return changes;
    }
};

std::vector<augment::Source> find_pictures(const AugmentOptions& options, pictures::Inputs& inputs,
                                           const Cancellation& cancellation) {
    const auto source = inputs.open(cancellation, options.decode_memory);
    std::vector<augment::Source> found;
    while (const auto input = source->next()) {
        if (input->bytes) {
            throw Error(ErrorKind::usage,
                        input->path + ": lies in an archive, expected pictures in folders; unpack it");
        }
        const std::string label = flow::class_folder(input->path, options.inputs.paths);
        if (label.empty()) {
            throw Error(ErrorKind::usage,
                        input->path + ": has no class, expected it in a folder that is called by its class");
        }
        found.push_back({input->path, label});
    }
    if (cancellation.requested()) throw cli::Interrupted();
    return found;
}

// ---- one picture

struct Decoded {
    std::vector<std::uint8_t> file;
    image::Picture picture;
    flow::MemoryBudget::Lease file_memory, pixel_memory;
};

class Maker {
public:
    explicit Maker(const AugmentOptions& options)
        : options_(options), changes_(options.augmentation()), memory_(options.decode_memory) {}

    Decoded decode(const PlannedPicture& planned) {
        Decoded result;
        result.file = memory_.read(planned.source.path, result.file_memory);
        image::DecodeOptions decode_options = options_.decode;
        decode_options.before_allocation = [&](const image::DecodeCost& cost) {
            // The copy, what it is warped or blurred into, and the coefficients of its JPEG.
            result.pixel_memory = memory_.admit_pixels(cost, std::int64_t{4} * 3 * cost.width * cost.height);
        };
        auto decoded = image::decode(result.file, decode_options);
        for (const std::string& warning : decoded.warnings) log_info(planned.source.path + ": " + warning);
        result.picture = std::move(decoded.picture);
        return result;
    }

    /// number  from 1
    image::Picture copy(const Decoded& decoded, const PlannedPicture& planned, std::size_t number) const {
        Random random(planned.key, static_cast<std::uint32_t>(number));
        return draw::augmented(decoded.picture, changes_, random);
    }

private:
    const AugmentOptions& options_;
    draw::Augmentation changes_;
    flow::DecodeMemory memory_;
};

std::vector<std::uint8_t> encode(const image::Picture& picture, bool as_png) {
    return as_png ? image::encode_png(picture) : image::encode_jpeg(picture, jpeg_quality);
}

void write_copies(Maker& maker, const PlannedPicture& planned, OutputFolder& folder, const AugmentOptions& options,
                  const Cancellation& cancellation) {
    const Decoded decoded = maker.decode(planned);
    for (std::size_t i = 0; i < planned.copies.size() && !cancellation.requested(); ++i)
        folder.write(planned.copies[i], encode(maker.copy(decoded, planned, i + 1), options.plan.ending == "png"));
    if (!planned.original.empty()) folder.write(planned.original, decoded.file);
}

// ---- all pictures

/// Which pictures failed. Any thread may call it.
class Failures {
public:
    explicit Failures(std::size_t many) : failed_(many) {}

    /// False, and a line in the log, where it is the picture's fault that the work could not be done.
    void guard(std::size_t number, const std::string& path, const std::function<void()>& work) {
        try {
            work();
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::usage || error.kind() == ErrorKind::internal ||
                error.kind() == ErrorKind::output)
                throw;
            note(number, path + ": " + error.what());
        } catch (const std::bad_alloc&) {
            note(number, path + ": not enough memory for the picture; run fewer jobs (-j)");
        }
    }

    bool contains(std::size_t number) const { return failed_[number]; }
    std::int64_t count() const { return std::ranges::count(failed_, true); }

private:
    void note(std::size_t number, const std::string& message) {
        const std::scoped_lock lock(mutex_);
        failed_[number] = true;
        log_warning(message + "; left out");
    }

    std::mutex mutex_;
    std::vector<bool> failed_;
};

std::string record_of(const std::vector<PlannedPicture>& planned, const Failures& failures) {
    std::string table = "path,label,source,copy\n";
    const auto add = [&](const std::string& path, const augment::Source& source, std::size_t copy) {
        table += io::csv_field(path) + "," + io::csv_field(source.label) + "," + io::csv_field(source.path) + "," +
                 std::to_string(copy) + "\n";
    };
    for (std::size_t i = 0; i < planned.size(); ++i) {
        if (failures.contains(i)) continue;
        const PlannedPicture& picture = planned[i];
        if (!picture.original.empty()) add(picture.original, picture.source, 0);
        for (std::size_t k = 0; k < picture.copies.size(); ++k) add(picture.copies[k], picture.source, k + 1);
    }
    return table;
}

struct Counts {
    std::size_t originals = 0, copies = 0;

    void add(const PlannedPicture& picture) {
        originals += picture.original.empty() ? 0 : 1;
        copies += picture.copies.size();
    }
};

std::string plural(std::size_t count, const std::string& singular, const std::string& plural) {
    return std::to_string(count) + " " + (count == 1 ? singular : plural);
}

std::string text_of(const Counts& counts) {
    const std::string copies = plural(counts.copies, "copy", "copies");
    return counts.originals == 0 ? copies : plural(counts.originals, "original", "originals") + " and " + copies;
}

int write_all(const std::vector<PlannedPicture>& planned, const AugmentOptions& options,
              const Cancellation& cancellation) {
    const auto start = std::chrono::steady_clock::now();
    OutputFolder folder(options.output, record_file);
    Maker maker(options);
    Failures failures(planned.size());
    cli::Progress progress(cli::progress_style(options.progress, options.quiet, false), std::ssize(planned));
    cli::in_parallel(
        options.jobs, planned.size(),
        [&](std::size_t i) {
            failures.guard(i, planned[i].source.path,
                           [&] { write_copies(maker, planned[i], folder, options, cancellation); });
        },
        [&](std::size_t done) { progress.update(static_cast<std::int64_t>(done)); }, cancellation);
    progress.finish(std::ssize(planned));
    const std::int64_t failed = failures.count();
    if (failed == std::ssize(planned)) {
        log_error("none of the " + std::to_string(failed) + " files could be decoded; nothing was written");
        return cli::exit_failed;
    }
    folder.commit(record_of(planned, failures));
    Counts counts;
    for (std::size_t i = 0; i < planned.size(); ++i)
        if (!failures.contains(i)) counts.add(planned[i]);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    log_notice(text_of(counts) + " in " + cli::duration_text(seconds) + ": " + options.output +
               (failed > 0 ? "; " + std::to_string(failed) + " failed" : ""));
    return failed > options.max_errors ? cli::exit_some_failed : cli::exit_done;
}

// ---- looking on

/// Pictures that have copies, of all classes in turn.
std::vector<const PlannedPicture*> shown_on_sheet(const std::vector<PlannedPicture>& planned) {
    std::map<std::string, std::vector<const PlannedPicture*>> classes;
    for (const PlannedPicture& picture : planned)
        if (!picture.copies.empty()) classes[picture.source.label].push_back(&picture);
    std::vector<const PlannedPicture*> shown;
    for (std::size_t turn = 0; shown.size() < rows_of_sheet; ++turn) {
        const std::size_t before = shown.size();
        for (const auto& [label, members] : classes)
            if (turn < members.size() && shown.size() < rows_of_sheet) shown.push_back(members[turn]);
        if (shown.size() == before) break;
    }
    return shown;
}

/// A row for each of some pictures: itself, then its copies.
void write_contact_sheet(const std::vector<PlannedPicture>& planned, const AugmentOptions& options) {
    const auto shown = shown_on_sheet(planned);
    std::size_t most_copies = 0;
    for (const PlannedPicture* picture : shown) most_copies = std::max(most_copies, picture->copies.size());
    const std::size_t columns = 1 + std::min(most_copies, copies_on_sheet);
    Maker maker(options);
    Failures failures(shown.size());
    std::vector<draw::Tile> tiles;
    for (std::size_t row = 0; row < shown.size(); ++row) {
        const PlannedPicture& picture = *shown[row];
        failures.guard(row, picture.source.path, [&] {
            const Decoded decoded = maker.decode(picture);
            tiles.push_back({decoded.picture, picture.source.label});
            for (std::size_t k = 1; k < columns; ++k) {
                const bool made = k <= picture.copies.size();
                tiles.push_back(made ? draw::Tile{maker.copy(decoded, picture, k), std::to_string(k)} : draw::Tile{});
            }
        });
    }
    const auto sheet = draw::contact_sheet(tiles, {.columns = static_cast<int>(columns)});
    const auto bytes = encode(sheet, options.contact_sheet.ends_with(".png"));
    write_file_atomically(options.contact_sheet, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    log_notice("contact sheet: " + options.contact_sheet);
}

int tell_what_would_be_done(const std::vector<PlannedPicture>& planned) {
    std::map<std::string, Counts> classes;
    Counts all;
    for (const PlannedPicture& picture : planned) {
        classes[picture.source.label].add(picture);
        all.add(picture);
    }
    for (const auto& [label, counts] : classes) std::cout << label << "\t" << text_of(counts) << "\n";
    std::cout << text_of(all) << "; nothing was written\n";
    return cli::exit_done;
}

// ---- the command

bool is_picture_file(std::string_view head) { return head.starts_with("\x89PNG") || head.starts_with("\xff\xd8"); }

void check_outputs(const AugmentOptions& options, const pictures::Inputs& inputs) {
    const auto check_apart = [&](const std::string& flag, const std::string& output) {
        if (output.empty()) return;
        if (const auto around = inputs.folder_around(output)) {
            throw Error(ErrorKind::usage, flag + " " + output + ": would lie among the pictures in " + *around +
                                              " and be one of them next time; choose another place");
        }
    };
    check_apart("-o", options.output);
    check_apart("--contact-sheet", options.contact_sheet);
    if (!options.output.empty()) cli::check_output_folder(options.output, record_file, options.force);
    if (!options.contact_sheet.empty()) {
        cli::check_output(options.contact_sheet, "PNG or JPEG picture", is_picture_file, "--contact-sheet");
        cli::refuse_replacing(options.contact_sheet, options.force, "--contact-sheet");
    }
}

void resolve(AugmentOptions& options) {
    if (options.output.empty() && options.contact_sheet.empty() && !options.dry_run)
        throw Error(ErrorKind::usage, "found neither -o nor --contact-sheet, expected where to write to");
    options.plan.originals = !options.no_originals;
    options.plan.copies = options.copies.value_or(options.plan.balance && options.plan.originals ? 0 : 6);
    if (options.plan.copies == 0 && !options.plan.balance)
        throw Error(ErrorKind::usage,
                    "--copies 0: found nothing to do, expected --balance with it, or a number from 1");
    if (options.plan.copies == 0 && !options.plan.originals) {
        throw Error(
            ErrorKind::usage,
            "--copies 0 together with --no-originals: the largest class would be empty, expected a number from 1");
    }
    if (options.exif_orientation == "apply") options.decode.exif_orientation = image::ExifOrientation::apply;
}

int run(AugmentOptions& options) {
    resolve(options);
    pictures::Inputs inputs(options.inputs);
    if (const auto missing = inputs.missing(); !missing.empty()) {
        throw Error(ErrorKind::usage,
                    missing.front() + ": found nothing there, expected a folder with a folder for each class in it");
    }
    check_outputs(options, inputs);
    const Cancellation& cancellation = cli::catch_signals();
    const auto sources = find_pictures(options, inputs, cancellation);
    if (sources.empty()) {
        throw Error(ErrorKind::usage, "found no pictures in " + options.inputs.paths.front() +
                                          ", expected a folder with a folder for each class in it");
    }
    const auto planned = augment::plan(sources, options.plan);
    if (options.dry_run) return tell_what_would_be_done(planned);
    const int code = options.output.empty() ? cli::exit_done : write_all(planned, options, cancellation);
    if (!options.contact_sheet.empty() && code != cli::exit_failed) write_contact_sheet(planned, options);
    return code;
}

/// A check and transformation for CLI11: "0.7:1.3".
CLI::Validator range_into(draw::Range& range) {
    return CLI::Validator(
        [&range](std::string& text) {
            const std::size_t colon = text.find(':');
            draw::Range read;
            const bool is_range = colon != std::string::npos &&
                                  CLI::detail::lexical_cast(text.substr(0, colon), read.from) &&
                                  CLI::detail::lexical_cast(text.substr(colon + 1), read.to) && read.from >= 0 &&
                                  read.from <= read.to && read.to <= 10;
            if (!is_range) return "found \"" + text + "\", expected two factors from 0 to 10 as A:B, such as 0.7:1.3";
            range = read;
            return std::string();
        },
        "");
}

void add_options(CLI::App& app, AugmentOptions& options, std::string& contrast) {
    cli::add_names(app, "PATH", options.inputs.paths, "folders with a folder for each class in them, or pictures");
    app.add_option("-o,--output", options.output, "folder for originals and copies, whole or not at all")
        ->type_name("DIR");
    app.add_option("-n,--copies", options.copies, "copies of each picture (default 6; with --balance 0)")
        ->type_name("N")
        ->check(cli::whole_number(0, 10'000));
    app.add_flag("--balance", options.plan.balance, "as many more as make every class as large as the largest");
    app.add_flag("--no-originals", options.no_originals, "copies alone");
    app.add_option("--rotate", options.rotate, "turned by up to so many degrees to either side (default 15)")
        ->type_name("DEGREES")
        ->check(cli::number(0, 180));
    app.add_option("--flip", options.flip,
                   "chance that left and right are exchanged (default 0.5; 0 for signs and text)")
        ->type_name("P")
        ->check(cli::number(0, 1));
    app.add_option("--noise", options.noise, "noise of a deviation of up to SIGMA of 255 (default 8)")
        ->type_name("SIGMA")
        ->check(cli::number(0, 255));
    app.add_option("--blur", options.blur, "Gaussian blur of a deviation of up to SIGMA pixels (default 1)")
        ->type_name("SIGMA")
        ->check(cli::number(0, 100));
    app.add_option("--shear", options.shear, "sheared by up to so many degrees to either side (default 8)")
        ->type_name("DEGREES")
        ->check(cli::number(0, 80));
    app.add_option("--contrast", contrast, "contrast times a factor from A to B (default 0.7:1.3; 1:1 leaves it)")
        ->type_name("A:B")
        ->check(range_into(options.contrast));
    app.add_option("--seed", options.plan.seed, "other copies; the same seed gives the same ones (default 0)")
        ->type_name("N");
    app.add_option("-f,--format", options.plan.ending, "of copies: jpg (default) or png")
        ->type_name("FORMAT")
        ->check(cli::one_of({"jpg", "png"}));
    app.add_option("--contact-sheet", options.contact_sheet,
                   "a picture (.png, else JPEG) of some pictures and their copies; will do without -o")
        ->type_name("FILE");
    app.add_flag("--force", options.force,
                 "replace the result of an earlier run, or a contact sheet, that stands there");
    app.add_flag("--dry-run", options.dry_run, "say what would be written, and stop");
    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("-j,--jobs", options.jobs, "threads (default: one a core)")->type_name("N")->check(cli::whole_number(1, 1024));
    more("--max-errors", options.max_errors, "failed pictures that still count as success (default 0)")
        ->type_name("N")
        ->check(cli::whole_number(0, std::int64_t{1} << 62));
    more("--max-pixels", options.decode.max_pixels, "larger pictures fail as too-large (default 178956970)")
        ->type_name("N")
        ->check(cli::whole_number(1, std::int64_t{1} << 31));
    more("--decode-memory", options.decode_memory,
         "most bytes that pictures take at a time, all threads together "
         "(default 1GiB); one that alone needs more fails as too-large")
        ->type_name("SIZE")
        ->transform(cli::byte_size());
    more("--exif-orientation", options.exif_orientation, "of copies: ignore (as in training with Pillow) or apply")
        ->type_name("WHAT")
        ->check(cli::one_of({"ignore", "apply"}));
    more("--progress", options.progress, "auto, always, never or json (lines on standard error)")
        ->type_name("WHEN")
        ->check(cli::one_of({"auto", "always", "never", "json"}));
}

} // namespace

int main(int argc, char** argv) {
    AugmentOptions options;
    std::string contrast;
    cli::Command command(
        "openset augment",
        "More training pictures from few: copies that are rotated, mirrored, sheared, blurred, noisy and of another "
        "contrast, each copy in all these ways at once by amounts drawn at random, beside their originals in a folder "
        "for "
        "each class. For training only: a copy of a picture that was learned from is no test.",
        {{"openset augment train/ -o more/", "six copies of each picture"},
         {"openset augment train/ -o more/ --balance", "no class is larger than another"}});
    add_options(command.app(), options, contrast);
    return command.main(argc, argv, [&] {
        options.quiet = command.common().quiet;
        return run(options);
    });
}
