#include "io/samples.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "io/checked_json.hpp"
#include "io/csv.hpp"
#include "io/record_stream.hpp"
#include "openset/base/error.hpp"

namespace openset::io {
namespace {

constexpr const char* columns = "path,label,status,error,row";
constexpr std::size_t column_count = 5;
constexpr std::size_t max_record_bytes = std::size_t{16} << 20; // no picture has a longer name
constexpr std::int64_t max_rows = std::int64_t{1} << 53;

std::optional<std::int64_t> row_number(std::string_view text) {
    std::int64_t row = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), row);
    const bool canonical = problem == std::errc() && end == text.data() + text.size() && row >= 0 && row < max_rows &&
                           text == std::to_string(row);
    return canonical ? std::optional(row) : std::nullopt;
}

} // namespace

std::string samples_header() { return std::string(columns) + "\r\n"; }

std::string to_csv_record(const Sample& sample) {
    return csv_field(sample.path) + "," + csv_field(sample.label) + "," + (sample.row ? "ok" : "failed") + "," +
           csv_field(sample.error) + "," + (sample.row ? std::to_string(*sample.row) : "") + "\r\n";
}

struct SampleReader::State {
    explicit State(const std::filesystem::path& file)
        : name(file.string()), stream(open_records(file, "a table of pictures")), records(*stream) {
        std::string header;
        if (!take(header)) return; // torn within the header, or empty: check_whole() says so
        has_header = true;
        if (header != samples_header() && header != std::string(columns) + "\n") refuse_header(header);
    }

    bool take(std::string& record) {
        line_of_last = line;
        try {
            if (!records.take(RecordStream::Kind::csv, record, max_record_bytes)) {
                torn_bytes = record.size();
                return false;
            }
        } catch (const Error& error) {
            throw Error(error.kind() == ErrorKind::too_large ? ErrorKind::corrupt : error.kind(),
                        place() + ": " + error.what());
        }
        line += std::ranges::count(record, '\n');
        whole_bytes += record.size();
        return true;
    }

    [[noreturn]] void refuse_header(const std::string& found) const {
        const std::size_t line_end = found.find_last_not_of("\r\n");
        throw Error(ErrorKind::corrupt, name + ": begins with " + in_quotes(found.substr(0, line_end + 1)) +
                                            ", expected the columns " + columns);
    }

    std::string place() const { return name + ": line " + std::to_string(line_of_last); }

    [[noreturn]] void refuse(const std::string& what) const { throw Error(ErrorKind::corrupt, place() + ": " + what); }

    Sample parse(std::string_view record) {
        if (const std::string problem = csv.split(record); !problem.empty()) refuse(problem);
        const auto& fields = csv.fields();
        if (fields.size() != column_count) {
            refuse("found " + std::to_string(fields.size()) + " fields, expected " + std::to_string(column_count) +
                   ": " + columns);
        }
        Sample sample{std::string(fields[0]), std::string(fields[1]), std::string(fields[3]), row_number(fields[4])};
        if (sample.path.empty()) refuse("the path is empty, expected the picture's name");
        if (fields[2] == "ok") {
            if (sample.row != counts.rows)
                refuse("found the row " + in_quotes(fields[4]) + ", expected " + std::to_string(counts.rows));
            if (!sample.error.empty()) refuse("found an error of a picture whose status is ok, expected none");
        } else if (fields[2] == "failed") {
            if (!fields[4].empty())
                refuse("found the row " + in_quotes(fields[4]) + " of a failed picture, expected none");
            if (sample.error.empty()) refuse("failed, but the error is empty; expected why");
        } else {
            refuse("found the status " + in_quotes(fields[2]) + ", expected ok or failed");
        }
        return sample;
    }

    std::string name;
    std::unique_ptr<std::istream> stream;
    RecordStream records;
    CsvFields csv;
    std::uint64_t whole_bytes = 0, torn_bytes = 0;
    bool has_header = false;
    std::int64_t line = 1, line_of_last = 1;
    SampleCounts counts;
};

SampleReader::SampleReader(const std::filesystem::path& file) : state_(std::make_unique<State>(file)) {}
SampleReader::SampleReader(SampleReader&&) noexcept = default;
SampleReader::~SampleReader() = default;

std::optional<Sample> SampleReader::next() {
    State& state = *state_;
    std::string record;
    if (!state.has_header || !state.take(record)) return std::nullopt;
    Sample sample = state.parse(record);
    ++(sample.row ? state.counts.rows : state.counts.failed);
    return sample;
}

const SampleCounts& SampleReader::counts() const { return state_->counts; }
std::uint64_t SampleReader::whole_bytes() const { return state_->whole_bytes; }

void SampleReader::check_whole() const {
    if (state_->has_header && state_->torn_bytes == 0) return;
    throw Error(ErrorKind::corrupt, state_->name + ": ends within line " + std::to_string(state_->line) +
                                        ", expected a line end; it was cut short, copy it again");
}

void SampleReader::refuse_last(const std::string& what) const { state_->refuse(what); }

} // namespace openset::io
