#pragma once

#include <cstddef>
#include <cstdint>
#include <httplib.h>
#include <string>
#include <vector>

namespace openset::serve {

inline constexpr std::size_t form_bytes = std::size_t{16} << 10; ///< what a form may need around its file

/// What a client did wrong, with the HTTP status that says so.
struct Refusal {
    int status;
    std::string detail;
};

/// The length that a request announces for its body; throws Refusal where it does not, or not plainly (RFC 9112, 6.3).
std::size_t announced_length(const httplib::Request& request);

/// The `file` of a multipart form.
struct Upload {
    std::string filename, content_type;
    std::vector<std::uint8_t> bytes;
};

/// Takes out of a request what httplib would act on by itself: ranges, which multiply an answer; the compression of answers; and
/// the reading of forms, whose regular expressions take stack and time that grow with a line's length and its square. To be
/// called before httplib routes the request.
void keep_to_ourselves(httplib::Request& request);

/// The form of a request, which has exactly one part `file`, at most 16 parts and at most 4 KiB of lines in front of each. In time
/// that grows with its length. Throws Refusal.
/// request     keep_to_ourselves() was called with it
/// most_bytes  of the file
Upload read_upload(const httplib::Request& request, const httplib::ContentReader& body, std::size_t most_bytes);

/// What a prediction is asked for with.
struct Question {
    std::string model_name; ///< empty: the first
    bool open_set = true;
};

/// The query of /prediction/. Throws Refusal for a value that is neither true nor false.
Question read_question(const httplib::Request& request);

} // namespace openset::serve
