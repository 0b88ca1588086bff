#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "openset/io/row_writer.hpp"

namespace openset::io {

/// What of an interrupted run's rows stays.
struct KeptRows {
    std::uint64_t whole_bytes = 0; ///< of the file; 0: nothing stays, the header neither
    RowCounts counts;
};

/// Holds the rows of a partial file against the inputs of the run that is to go on with it. A torn last row does not
/// stay. Reads the rows once and takes one input for each; memory does not grow with them.
///
/// header      row_header() of the run that goes on
/// next_input  the path of the next input as rows show it, none after the last. When all is well it has handed out the
///             inputs of the kept rows, and the next one is the first without a row.
///
/// Throws Error(usage), naming the row, what the file says and what the inputs say, where the rows are of other inputs
/// or the format is another or `table`; as RowReader where the file holds what is no row.
KeptRows keep_rows(const std::filesystem::path& partial, RowFormat format, const std::string& header,
                   const std::function<std::optional<std::string>()>& next_input);

/// Throws Error(usage) where a kept row is of another picture than the input that stands in its place now.
/// number  of the row, from 1
/// input   none: the inputs end before it
void check_kept_row(const std::filesystem::path& partial, std::int64_t number, const std::string& path,
                    const std::optional<std::string>& input);

} // namespace openset::io
