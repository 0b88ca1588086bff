#include "openset/io/resume.hpp"

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/io/row_reader.hpp"

namespace openset::io {
namespace {

constexpr const char* way_out = "run without --resume to begin anew";

[[noreturn]] void refuse(const std::filesystem::path& partial, const std::string& what) {
    throw Error(ErrorKind::usage, partial.string() + ": " + what + ", or " + way_out);
}

void check_header(const std::filesystem::path& partial, const RowReader& rows, RowFormat format,
                  const std::string& header) {
    if (rows.format() != format) {
        refuse(partial, "holds " + std::string(to_string(rows.format())) + ", this run writes " +
                            std::string(to_string(format)) + "; continue with --format " +
                            std::string(to_string(rows.format())));
    }
    if (!rows.header().empty() && rows.header() != header)
        refuse(partial, "its columns are not those of this run; continue with the version of openset that wrote it");
}

} // namespace

void check_kept_row(const std::filesystem::path& partial, std::int64_t number, const std::string& path,
                    const std::optional<std::string>& input) {
    if (path == input) return;
    const std::string now =
        input ? "in the inputs now " + in_quotes(*input) + " stands there" : "the inputs now end before it";
    refuse(partial,
           "row " + std::to_string(number) + " is of " + in_quotes(path) + ", " + now + "; restore the list of inputs");
}

KeptRows keep_rows(const std::filesystem::path& partial, RowFormat format, const std::string& header,
                   const std::function<std::optional<std::string>()>& next_input) {
    if (format == RowFormat::table) {
        throw Error(ErrorKind::usage, "--resume: a table cannot be continued; use -f jsonl or csv");
    }
    RowReader rows(partial);
    const auto size = std::filesystem::file_size(partial);
    KeptRows kept;
    if (size == 0) return kept;
    check_header(partial, rows, format, header);
    while (const auto row = rows.next()) {
        check_kept_row(partial, rows.rows(), row->path, next_input());
        kept.counts.add(row->outcome, row->decided_by);
    }
    kept.whole_bytes = rows.whole_bytes();
    return kept;
}

} // namespace openset::io
