#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/progress.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/cascade/pipeline.hpp"
#include "openset/io/row_writer.hpp"

namespace openset::infer {

struct OutputOptions {
    std::string file = "-"; ///< - is standard output
    std::string format = "auto";
    std::string progress = "auto";
    std::string colour = "auto";
    bool quiet = false;
    bool strict = false; ///< a failed picture ends the run
};

/// The rows' way out, with what is counted on it.
class RowOutput {
public:
    RowOutput(const OutputOptions& options, const cascade::Pipeline& pipeline, std::optional<std::int64_t> total);

    /// False: no more rows are wanted.
    bool receive(const io::Row& row);

    /// whole  every input has its row: the file may take its name
    void finish(bool whole);

    const io::RowCounts& counts() const { return counts_; }
    const std::string& first_failure() const { return first_failure_; }

private:
    bool strict_;
    std::unique_ptr<ByteSink> sink_;
    std::unique_ptr<io::RowWriter> writer_;
    cli::Progress progress_;
    bool flush_each_;
    io::RowCounts counts_;
    std::string first_failure_;
};

} // namespace openset::infer
