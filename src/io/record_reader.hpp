#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace openset::io {

/// Takes a stream apart into records: lines, or CSV records, whose quotes may hide line ends. Memory does not grow with
/// their number.
class RecordReader {
public:
    /// A longer record is an error: no row has this length, but a file that holds none may.
    static constexpr std::size_t max_record_bytes = std::size_t{16} << 20;

    /// The stream must outlive the reader. name  of the stream in messages. Throws Error(unreadable).
    RecordReader(std::istream& stream, const std::string& name);

    /// What of the stream is in memory, and not yet taken: at the beginning its first bytes; empty in an empty stream.
    std::string_view first_bytes() const { return {buffer_.data() + begin_, end_ - begin_}; }

    /// Puts the next record, with its line end, in the place of `record`. False: there is no whole one left.
    /// place  names the record in messages. Throws Error(unreadable, corrupt).
    bool take(std::string& record, bool quotes_hide_line_ends, const std::function<std::string()>& place);

    /// Bytes of the records that were taken.
    std::uint64_t whole_bytes() const { return whole_bytes_; }

    /// What follows the last whole record, once take() has given none: empty where nothing was cut short.
    const std::string& torn() const { return torn_; }

private:
    void fill(const std::function<std::string()>& place);

    std::istream& stream_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, end_ = 0; ///< what of the buffer is not used up
    std::uint64_t whole_bytes_ = 0;
    std::string torn_;
};

/// Throws Error of kind not_found or unreadable; the message carries the path.
/// what  is expected there: "rows"
std::unique_ptr<std::istream> open_records(const std::filesystem::path& file, const std::string& what);

} // namespace openset::io
