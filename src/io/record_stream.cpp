#include "io/record_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "openset/base/error.hpp"

namespace openset::io {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 16;

/// Where a record ends: behind its line end. Fed piece by piece.
class RecordEnd {
public:
    explicit RecordEnd(RecordStream::Kind kind) : quotes_hide_line_ends_(kind == RecordStream::Kind::csv) {}

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

std::unique_ptr<std::istream> open_records(const std::filesystem::path& file, const std::string& what) {
    std::error_code problem;
    const auto status = std::filesystem::status(file, problem);
    if (status.type() == std::filesystem::file_type::not_found)
        throw Error(ErrorKind::not_found, file.string() + ": no such file, expected " + what);
    if (!problem && !std::filesystem::is_regular_file(status))
        throw Error(ErrorKind::unreadable, file.string() + ": is no regular file, expected " + what);
    auto stream = std::make_unique<std::ifstream>(file, std::ios::binary);
    if (!*stream) throw Error(ErrorKind::unreadable, file.string() + ": cannot be opened: " + std::strerror(errno));
    return stream;
}

RecordStream::RecordStream(std::istream& stream) : stream_(stream), buffer_(buffer_bytes) {}

std::string_view RecordStream::ahead() {
    if (begin_ == end_) fill();
    return {buffer_.data() + begin_, end_ - begin_};
}

void RecordStream::fill() {
    stream_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    begin_ = 0;
    end_ = static_cast<std::size_t>(stream_.gcount());
    if (stream_.bad()) throw Error(ErrorKind::unreadable, "reading broke off");
}

bool RecordStream::take(Kind kind, std::string& record, std::size_t max_bytes) {
    RecordEnd record_end(kind);
    record.clear();
    while (true) {
        const std::string_view piece = ahead();
        if (piece.empty()) return false;
        const auto length = record_end.find(piece);
        record.append(piece.substr(0, length.value_or(piece.size())));
        begin_ += length.value_or(piece.size());
        if (record.size() > max_bytes)
            throw Error(ErrorKind::too_large, "is longer than " + std::to_string(max_bytes) + " bytes");
        if (length) return true;
    }
}

} // namespace openset::io
