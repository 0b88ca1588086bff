#include "io/record_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "openset/base/error.hpp"

namespace openset::io {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 16;

/// Where a record ends: behind its line end. Fed piece by piece.
class RecordEnd {
public:
    explicit RecordEnd(bool quotes_hide_line_ends) : quotes_hide_line_ends_(quotes_hide_line_ends) {}

    /// The number of bytes of this piece that belong to the record, if it ends here.
    std::optional<std::size_t> find(std::string_view piece) {
        std::size_t at = 0;
        while (true) {
            const std::size_t line_end = piece.find('\n', at);
            if (quotes_hide_line_ends_) {
                // A doubled quote inside quotes closes and opens again: the same as staying inside.
                if (std::ranges::count(piece.substr(at, line_end - at), '"') % 2 != 0) inside_quotes_ = !inside_quotes_;
            }
            if (line_end == std::string_view::npos) return std::nullopt;
            at = line_end + 1;
            if (!inside_quotes_) return at;
        }
    }

private:
    bool quotes_hide_line_ends_;
    bool inside_quotes_ = false;
};

} // namespace

RecordReader::RecordReader(std::istream& stream, const std::string& name) : stream_(stream), buffer_(buffer_bytes) {
    fill([&name] { return name; });
}

/// Reads on; the buffer must be used up.
void RecordReader::fill(const std::function<std::string()>& place) {
    stream_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    begin_ = 0;
    end_ = static_cast<std::size_t>(stream_.gcount());
    if (stream_.bad()) throw Error(ErrorKind::unreadable, place() + ": reading broke off");
}

bool RecordReader::take(std::string& record, bool quotes_hide_line_ends, const std::function<std::string()>& place) {
    RecordEnd record_end(quotes_hide_line_ends);
    record.clear();
    while (true) {
        if (first_bytes().empty()) fill(place);
        if (first_bytes().empty()) {
            torn_ = std::exchange(record, {});
            return false;
        }
        const auto length = record_end.find(first_bytes());
        record.append(first_bytes().substr(0, length.value_or(first_bytes().size())));
        begin_ += length.value_or(first_bytes().size());
        if (record.size() > max_record_bytes) {
            throw Error(ErrorKind::corrupt,
                        place() + ": is longer than " + std::to_string(max_record_bytes) + " bytes; this is no row");
        }
        if (length) break;
    }
    whole_bytes_ += record.size();
    return true;
}

std::unique_ptr<std::istream> open_records(const std::filesystem::path& file, const std::string& what) {
    std::error_code problem;
    const auto status = std::filesystem::status(file, problem);
    if (status.type() == std::filesystem::file_type::not_found)
        throw Error(ErrorKind::not_found, file.string() + ": no such file");
    if (!problem &&
        !std::filesystem::is_regular_file(status)) // opening a FIFO that nobody writes to would wait for ever
        throw Error(ErrorKind::unreadable, file.string() + ": is no regular file, expected " + what);
    auto stream = std::make_unique<std::ifstream>(file, std::ios::binary);
    if (!*stream) throw Error(ErrorKind::unreadable, file.string() + ": cannot be opened: " + std::strerror(errno));
    return stream;
}

} // namespace openset::io
