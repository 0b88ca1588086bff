#include "infer/row_output.hpp"

#include <unistd.h>

#include "cli/terminal.hpp"

namespace openset::infer {
namespace {

io::RowFormat row_format(const OutputOptions& options) {
    if (options.format == "csv" || (options.format == "auto" && options.file.ends_with(".csv")))
        return io::RowFormat::csv;
    const bool on_terminal = options.file == "-" && cli::is_terminal(STDOUT_FILENO);
    if (options.format == "table" || (options.format == "auto" && on_terminal)) return io::RowFormat::table;
    return io::RowFormat::jsonl;
}

} // namespace

RowOutput::RowOutput(const OutputOptions& options, const cascade::Pipeline& pipeline, std::optional<std::int64_t> total)
    : strict_(options.strict), sink_(options.file == "-" ? open_standard_output() : open_atomic_file(options.file)),
      progress_(
          cli::progress_style(options.progress, options.quiet, options.file == "-" && cli::is_terminal(STDOUT_FILENO)),
          total),
      flush_each_(options.file == "-" && cli::is_terminal(STDOUT_FILENO)) {
    const io::RowLayout layout{pipeline.gate.has_value(), pipeline.species.has_value(),
                               pipeline.classifier.labels.activation == model::Activation::sigmoid,
                               options.file == "-" && cli::use_colour(options.colour, STDOUT_FILENO)};
    writer_ = io::make_row_writer(row_format(options), *sink_, layout);
}

bool RowOutput::receive(const io::Row& row) {
    writer_->write(row);
    counts_.add(row);
    if (flush_each_) sink_->flush();
    progress_.update(counts_);
    if (!strict_ || !row.failure) return true;
    first_failure_ = row.path + ": " + row.failure->kind + ": " + row.failure->message;
    return false;
}

void RowOutput::finish(bool whole) {
    writer_->finish(counts_);
    if (whole) {
        sink_->commit();
    } else {
        sink_->flush();
    }
    progress_.finish(counts_);
}

} // namespace openset::infer
