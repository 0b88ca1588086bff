#include <algorithm>
#include <utility>

#include "io/checked_json.hpp"
#include "io/csv.hpp"
#include "io/record_stream.hpp"
#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"
#include "openset/flow/input.hpp"

namespace openset::flow {
namespace {

constexpr std::size_t max_record_bytes = std::size_t{16} << 20;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF"; // spreadsheets write it

class Table : public InputSource {
public:
    Table(const std::filesystem::path& table, const ScanOptions& options)
        : name_(table.string()), folder_(table.parent_path()), stopped_(options.cancellation),
          stream_(io::open_records(table, "a table with the columns path and label")), records_(*stream_) {
        const auto header = next_fields();
        if (!header) refuse("is empty, expected a header with the columns path and label");
        columns_ = header->size();
        path_ = column(*header, "path");
        label_ = column(*header, "label");
    }

    std::optional<Input> next() override {
        if (stopped_.requested()) return std::nullopt;
        auto fields = next_fields();
        if (!fields) return std::nullopt;
        if (fields->size() != columns_) {
            refuse("found " + std::to_string(fields->size()) + " fields, expected " + std::to_string(columns_) +
                   " as in the header");
        }
        if ((*fields)[path_].empty()) refuse("the path is empty, expected the name of a picture");
        return Input{(folder_ / (*fields)[path_]).string(), std::nullopt, std::nullopt, std::move((*fields)[label_])};
    }

    void stop() noexcept override { stopped_.request(); }

private:
    std::optional<std::vector<std::string>> next_fields() {
        std::string record;
        line_ = next_line_;
        if (!take(record)) return std::nullopt;
        next_line_ += std::ranges::count(record, '\n');
        if (line_ == 1 && record.starts_with(byte_order_mark)) record.erase(0, byte_order_mark.size());
        if (const std::string problem = fields_.split(record); !problem.empty()) refuse(problem);
        return std::vector<std::string>(fields_.fields().begin(), fields_.fields().end());
    }

    bool take(std::string& record) {
        try {
            if (records_.take(io::RecordStream::Kind::csv, record, max_record_bytes)) return true;
        } catch (const Error& error) {
            throw Error(error.kind(), place() + ": " + error.what());
        }
        if (record.empty()) return false;
        record += '\n'; // people leave the last line end out
        return true;
    }

    std::size_t column(const std::vector<std::string>& header, const std::string& name) const {
        const auto found = std::ranges::find(header, name);
        if (found == header.end()) {
            refuse("found no column " + name + ", expected the columns path and label" + did_you_mean(name, header));
        }
        return static_cast<std::size_t>(found - header.begin());
    }

    std::string place() const { return name_ + ": line " + std::to_string(line_); }

    [[noreturn]] void refuse(const std::string& what) const { throw Error(ErrorKind::usage, place() + ": " + what); }

    std::string name_;
    std::filesystem::path folder_;
    Cancellation stopped_;
    std::unique_ptr<std::istream> stream_;
    io::RecordStream records_;
    io::CsvFields fields_;
    std::int64_t line_ = 1, next_line_ = 1;
    std::size_t columns_ = 0, path_ = 0, label_ = 0;
};

} // namespace

std::unique_ptr<InputSource> scan_table(const std::filesystem::path& table, const ScanOptions& options) {
    return std::make_unique<Table>(table, options);
}

} // namespace openset::flow
