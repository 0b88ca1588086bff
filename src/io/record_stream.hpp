#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace openset::io {

/// Opens a file of records. Throws Error(not_found, unreadable), naming it; what is no regular file is refused: opening a
/// FIFO that nobody writes to would wait for ever.
/// what  for the message: "rows"
std::unique_ptr<std::istream> open_records(const std::filesystem::path& file, const std::string& what);

/// Cuts a stream into records, each with its line end, in pieces: memory does not grow with the stream.
class RecordStream {
public:
    enum class Kind {
        lines, ///< a record ends with its line
        csv,   ///< the same, but a line end inside double quotes belongs to the record
    };

    explicit RecordStream(std::istream& stream);

    /// What was read and not yet taken; empty at the end of the stream. For a look at what comes.
    std::string_view ahead();

    /// Takes the next record. False at the end of the stream, with what follows the last whole record in `record`.
    /// Throws Error(too_large) above max_bytes, Error(unreadable); the messages name no file.
    bool take(Kind kind, std::string& record, std::size_t max_bytes);

private:
    void fill();

    std::istream& stream_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, end_ = 0; ///< what of the buffer is not used up
};

} // namespace openset::io
