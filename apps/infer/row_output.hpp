#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/progress.hpp"
#include "infer/sort_into.hpp"
#include "infer/watch.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/cascade/pipeline.hpp"
#include "openset/flow/input.hpp"
#include "openset/io/row_writer.hpp"
#include "openset/io/run_record.hpp"

namespace openset::infer {

struct OutputOptions {
    std::string file = "-"; ///< - is standard output
    std::string format = "auto";
    std::string progress = "auto";
    std::string colour = "auto";
    bool quiet = false;
    bool strict = false;   ///< a failed picture ends the run
    bool resume = false;   ///< go on after the rows that an interrupted run left
    bool at_once = false;  ///< every row is handed on before the next
    std::string sort_into; ///< a folder, or empty
    bool copy = false;     ///< into that folder, instead of links
};

/// The format that the options choose; `auto` is settled by the file's ending and the terminal.
io::RowFormat row_format(const OutputOptions& options);

/// What the user should know of the output's name: its ending promises another format than the rows have. Empty where it
/// does not.
std::string doubt_about_ending(const OutputOptions& options);

/// Whether the output is a file that takes its name when it is whole and has a run record beside it: not so standard
/// output, a device, a pipe.
bool is_kept_file(const OutputOptions& options);

/// Throws Error(usage) where the output, its partial file or a record of theirs would replace a file that no run has
/// written: rows and records are told by their content, a table by the record beside it.
void refuse_to_replace(const OutputOptions& options);

/// How many rows a whole output of the same run holds already, where --resume finds one and nothing to go on with.
/// Takes from `source` an input for each row.
/// Throws Error(usage) where the rows are not those of these inputs or were made in another way.
std::optional<io::RowCounts> whole_already(const OutputOptions& options, const cascade::Pipeline& pipeline,
                                           const io::RunRecord& record, flow::InputSource& source);

/// The rows' way out, with what is counted on it.
///
/// While a run goes on its rows stand in `<file>.partial`, with the record beside them.
class RowOutput {
public:
    /// record  of the run as far as it is known; it is written beside the partial file at once
    /// watch   sees every row, those that are taken up too; may be null, must outlive this
    /// source  where the run takes up an interrupted one, it is left at the first input without a row
    /// Throws Error(usage) where that cannot be: the rows are of other inputs or were made in another way.
    RowOutput(const OutputOptions& options, const cascade::Pipeline& pipeline, const io::RunRecord& record,
              Watch* watch, flow::InputSource& source);

    /// total  of the inputs, where it is known
    void show_progress(std::optional<std::int64_t> total);

    /// False: no more rows are wanted.
    bool receive(const io::Row& row, const flow::Input& input);

    /// Hands on what was written. A complete run's file takes its name, and its record the place beside it.
    void finish(const io::RunRecord& record);

    const io::RowCounts& counts() const { return counts_; }
    /// Of the interrupted run, whose rows were kept.
    std::int64_t kept() const { return kept_; }
    const std::string& first_failure() const { return first_failure_; }

private:
    void set_older_aside() const;
    void take_up(const io::RowLayout& layout, const io::RunRecord& record, flow::InputSource& source);

    OutputOptions options_;
    io::RowFormat format_;
    bool kept_file_;
    std::unique_ptr<ByteSink> sink_;
    std::unique_ptr<io::RowWriter> writer_;
    std::optional<SortInto> sorted_;
    std::optional<cli::Progress> progress_;
    Watch* watch_;
    io::RowCounts counts_;
    std::int64_t kept_ = 0;
    std::string first_failure_;
};

} // namespace openset::infer
