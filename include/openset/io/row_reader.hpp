#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openset/io/row.hpp"
#include "openset/io/row_writer.hpp"

namespace openset::io {

/// One row of a file, as far as its readers need it.
struct RowRecord {
    std::string bytes; ///< exactly as it stands in the file, with its line end
    std::string path;  ///< any bytes; path_base64 decoded
    std::string verdict;
    Outcome outcome = Outcome::failed;
    std::string decided_by;                        ///< gate, species, classifier, unknown or decode
    std::optional<std::string> error_kind;         ///< iff the outcome is failed
    std::vector<std::optional<double>> numbers;    ///< as RowReader::want() asked; none: the stage did not run
    std::vector<std::optional<std::string>> texts; ///< the same
    std::vector<std::optional<bool>> flags;        ///< the same
    std::vector<std::vector<std::string>> lists;   ///< the same, the labels of each list; empty: the stage did not run
};

/// Whether a file that begins with these bytes holds rows, jsonl or csv. A file that was cut short early on counts too,
/// an empty one does not.
bool begins_like_rows(std::string_view first_bytes);

/// Reads the rows that a RowWriter wrote as jsonl or csv, one by one; which of the two, the first bytes tell. Memory
/// does not grow with the number of rows.
///
/// A killed run leaves a file whose last record may be torn: it has no line end yet, or ends inside quotes. It is no row
/// and no error; whole_bytes() is where it begins. Anything else that is not a row throws.
class RowReader {
public:
    /// A longer record is an error: no row has this length, but a file that is no row file may.
    static constexpr std::size_t max_record_bytes = std::size_t{16} << 20;

    /// name  of the rows in messages. The stream must outlive the reader.
    /// Throws Error(corrupt) where the content is neither jsonl nor csv rows, Error(unreadable) where the stream breaks
    /// off. An empty stream is jsonl without rows.
    RowReader(std::istream& rows, std::string name);

    /// Throws Error of kind not_found or unreadable too; the message carries the path.
    explicit RowReader(const std::filesystem::path& file);

    RowReader(RowReader&&) noexcept;
    RowReader& operator=(RowReader&&) noexcept;
    ~RowReader();

    /// Asks for figures of stages, by the names that they have in jsonl: `gate.mass`, `unknown.method`, `unknown.pass`,
    /// `classifier.top`. What rows do not have is left out, and so is a threshold that is OpenMax's arg-max rule and no
    /// number. Before the first next().
    void want(const std::vector<std::string>& numbers, const std::vector<std::string>& texts = {},
              const std::vector<std::string>& flags = {}, const std::vector<std::string>& lists = {});

    RowFormat format() const;

    /// csv: the bytes of the record with the names of the columns; empty in jsonl, and where that record is torn.
    const std::string& header() const;

    /// None after the last whole row.
    /// Throws Error(corrupt), naming the row and its line, what was found and what was expected.
    std::optional<RowRecord> next();

    /// Rows handed out so far.
    std::int64_t rows() const;

    /// Bytes of the header and of the rows handed out so far.
    std::uint64_t whole_bytes() const;

    /// What follows the last whole row, once next() has given none: 0 in a file that was not cut short.
    std::uint64_t torn_bytes() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace openset::io
