#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "openset/base/byte_sink.hpp"
#include "openset/io/row.hpp"

namespace openset::io {

enum class RowFormat {
    jsonl, ///< one JSON object a line
    csv,   ///< the same, flattened; RFC 4180
    table, ///< for people: no format to parse
};

/// What the rows of one run have in common.
struct RowLayout {
    bool gate = false; ///< the pipeline has a gate: csv has its columns
    bool species = false;
    bool multi_label = false;
    bool unknown = false;   ///< a detector stands behind the classifier
    bool p_values = false;  ///< and what it says is calibrated
    bool colour = false;    ///< table only
    bool continued = false; ///< the sink already holds the header, and rows after it
};

/// How many rows ended how.
struct RowCounts {
    std::int64_t known = 0, unknown = 0, failed = 0;
    std::map<std::string, std::int64_t> decided_by; ///< gate, species, classifier, unknown, decode

    void add(const Row& row);
    void add(Outcome outcome, const std::string& decided_by);
    bool operator==(const RowCounts&) const = default;
    std::int64_t total() const { return known + unknown + failed; }
};

/// Writes rows to a sink in the order they are given.
class RowWriter {
public:
    virtual ~RowWriter() = default;
    virtual void write(const Row& row) = 0;
    /// After the last row.
    virtual void finish(const RowCounts& counts) = 0;
};

std::string_view to_string(RowFormat format);

/// Whether a file of this name may hold rows of this format: another ending promises something else, none promises
/// nothing.
bool ending_fits(const std::filesystem::path& file, RowFormat format);

/// What stands before the first row, with its line end: the names of the columns in csv, nothing in jsonl.
std::string row_header(RowFormat format, const RowLayout& layout);

/// The writer keeps a reference to the sink and writes the header, where the format has one, at once.
std::unique_ptr<RowWriter> make_row_writer(RowFormat format, ByteSink& sink, const RowLayout& layout);

/// One row as a line of JSON, without the line end (interface: keys in fixed order, absent stages left out, a path that
/// is not UTF-8 as path_base64).
std::string to_json_line(const Row& row);

/// `decided_by` as rows spell it: the stage, or `decode` where the picture never reached one.
std::string_view decided_by(const Verdict& verdict);

} // namespace openset::io
