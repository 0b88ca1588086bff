#include "infer/row_output.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "cli/output_file.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/resume.hpp"
#include "openset/io/row_reader.hpp"
#include "pictures/resume.hpp"

namespace openset::infer {
namespace {

namespace fs = std::filesystem;

io::RowLayout row_layout(const OutputOptions& options, const cascade::Pipeline& pipeline) {
    return {pipeline.gate.has_value(),
            pipeline.species.has_value(),
            pipeline.classifier.labels.activation == model::Activation::sigmoid,
            pipeline.unknown.has_value(),
            pipeline.calibration != nullptr,
            options.file == "-" && cli::use_colour(options.colour, STDOUT_FILENO)};
}

std::string head_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string head(64, '\0');
    stream.read(head.data(), std::ssize(head));
    head.resize(static_cast<std::size_t>(stream.gcount()));
    return head;
}

/// Whether the file is there and not empty, and does not begin like rows nor has a run record beside it.
bool is_somebody_elses(const fs::path& file) {
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored) || fs::file_size(file, ignored) == 0) return false;
    return !io::begins_like_rows(head_of(file)) && !fs::exists(io::run_record_path(file), ignored);
}

bool is_no_record(const fs::path& file) {
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) return false;
    return head_of(file).find("openset-run/") == std::string::npos;
}

void show_kept_rows(const fs::path& partial, Watch& watch) {
    io::RowReader rows(partial);
    while (const auto row = rows.next()) watch.add(row->outcome);
}

} // namespace

io::RowFormat row_format(const OutputOptions& options) {
    if (options.format == "csv" || (options.format == "auto" && options.file.ends_with(".csv")))
        return io::RowFormat::csv;
    const bool on_terminal = options.file == "-" && cli::is_terminal(STDOUT_FILENO) && !options.at_once;
    if (options.format == "table" || (options.format == "auto" && on_terminal)) return io::RowFormat::table;
    return io::RowFormat::jsonl;
}

void refuse_to_replace(const OutputOptions& options) {
    if (!is_kept_file(options)) return;
    for (const fs::path& rows : {fs::path(options.file), partial_path(options.file)}) {
        const fs::path record = io::run_record_path(rows);
        if (is_somebody_elses(rows)) {
            throw Error(ErrorKind::usage, "-o " + options.file + ": " + rows.string() +
                                              " exists and holds no rows; choose another name, or remove it first");
        }
        if (is_no_record(record)) {
            throw Error(ErrorKind::usage, "-o " + options.file + ": " + record.string() +
                                              " exists and is no run record; choose another name, or remove it first");
        }
    }
}

std::string doubt_about_ending(const OutputOptions& options) {
    const fs::path file = options.file;
    const io::RowFormat format = row_format(options);
    if (options.file == "-" || io::ending_fits(file, format) || !is_kept_file(options)) return "";
    return "-o " + options.file + ": the rows are " + std::string(to_string(format)) + ", although the name ends in " +
           file.extension().string() + "; choose the format with -f, or another name";
}

bool is_kept_file(const OutputOptions& options) { return cli::is_kept_file(options.file); }

std::optional<io::RowCounts> whole_already(const OutputOptions& options, const cascade::Pipeline& pipeline,
                                           const io::RunRecord& record, flow::InputSource& source) {
    const fs::path partial = partial_path(options.file);
    std::error_code ignored;
    if (!options.resume || fs::exists(partial, ignored) || !fs::exists(options.file, ignored)) return std::nullopt;
    // Killed after the rows had their name, before the record had its own.
    if (!fs::exists(io::run_record_path(options.file), ignored) && fs::exists(io::run_record_path(partial), ignored))
        fs::rename(io::run_record_path(partial), io::run_record_path(options.file));
    pictures::check_same_way(options.file, record);
    const auto kept = io::keep_rows(options.file, row_format(options),
                                    io::row_header(row_format(options), row_layout(options, pipeline)),
                                    [&source] { return pictures::next_path(source); });
    if (const auto next = pictures::next_path(source)) {
        throw Error(ErrorKind::usage, options.file + ": is whole, with " + std::to_string(kept.counts.total()) +
                                          " rows, but the inputs now go on with " + *next +
                                          "; run without --resume to begin anew");
    }
    return kept.counts;
}

RowOutput::RowOutput(const OutputOptions& options, const cascade::Pipeline& pipeline, const io::RunRecord& record,
                     Watch* watch, flow::InputSource& source)
    : options_(options), format_(row_format(options)), kept_file_(is_kept_file(options)), watch_(watch) {
    io::RowLayout layout = row_layout(options, pipeline);
    if (options.resume) {
        take_up(layout, record, source);
        layout.continued = kept_ > 0;
    } else {
        if (kept_file_) set_older_aside();
        sink_ = options.file == "-" ? open_standard_output() : open_atomic_file(options.file);
    }
    if (kept_file_) write_file_atomically(io::run_record_path(partial_path(options.file)), to_json(record));
    writer_ = io::make_row_writer(format_, *sink_, layout);
    if (!options.sort_into.empty()) sorted_.emplace(options.sort_into, pipeline.classifier.labels.names, options.copy);
}

void RowOutput::set_older_aside() const {
    const auto aside = set_aside_partial(options_.file);
    if (!aside) return;
    std::error_code ignored; // there may be none
    fs::rename(io::run_record_path(partial_path(options_.file)), io::run_record_path(*aside), ignored);
    log_warning(options_.file + ": begun anew; the rows of an interrupted run are kept as " + aside->string() +
                ", --resume would have gone on after them");
}

void RowOutput::take_up(const io::RowLayout& layout, const io::RunRecord& record, flow::InputSource& source) {
    sink_ = continue_atomic_file(options_.file, [&](const fs::path& partial) -> std::uint64_t {
        if (fs::file_size(partial) == 0) return 0; // nothing was kept, whatever was to be written
        pictures::check_same_way(partial, record);
        const auto kept = io::keep_rows(partial, format_, io::row_header(format_, layout),
                                        [&source] { return pictures::next_path(source); });
        if (options_.strict && kept.counts.failed > 0) {
            throw Error(ErrorKind::usage,
                        partial.string() + ": holds " + std::to_string(kept.counts.failed) +
                            " failed rows, and --strict ends a run at the first; leave it out to go on");
        }
        if (watch_ != nullptr) show_kept_rows(partial, *watch_);
        counts_ = kept.counts;
        kept_ = counts_.total();
        // A header without rows is written anew, with the rows.
        return kept_ > 0 ? kept.whole_bytes : 0;
    });
    log_notice(kept_ > 0
                   ? "going on after " + std::to_string(kept_) + " rows of " + partial_path(options_.file).string()
                   : "nothing to resume: beginning " + options_.file);
}

void RowOutput::show_progress(std::optional<std::int64_t> total) {
    const bool results_on_terminal = options_.file == "-" && cli::is_terminal(STDOUT_FILENO);
    progress_.emplace(cli::progress_style(options_.progress, options_.quiet, results_on_terminal), total, kept_);
}

bool RowOutput::receive(const io::Row& row, const flow::Input& input) {
    // Sorted first: a row that was written says that its picture has its place too.
    if (sorted_) sorted_->add(row, input.bytes ? &*input.bytes : nullptr);
    writer_->write(row);
    counts_.add(row);
    if (watch_ != nullptr) watch_->add(row.verdict.outcome);
    if (options_.at_once || (options_.file == "-" && cli::is_terminal(STDOUT_FILENO))) sink_->flush();
    if (progress_) progress_->update(counts_);
    if (!options_.strict || !row.failure) return true;
    first_failure_ = row.path + ": " + row.failure->kind + ": " + row.failure->message;
    return false;
}

void RowOutput::finish(const io::RunRecord& record) {
    writer_->finish(counts_);
    if (progress_) progress_->finish(counts_);
    if (!record.complete) {
        sink_->flush();
        return;
    }
    if (!kept_file_) {
        sink_->commit();
        return;
    }
    io::commit_with_record(*sink_, options_.file, to_json(record));
}

} // namespace openset::infer
