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

/// The `file` of a multipart form.
struct Upload {
    std::string filename, content_type;
    std::vector<std::uint8_t> bytes;
};

/// Reads the form as it comes: exactly one part `file` with a file name, at most 16 parts, names of at most 1024 bytes. Throws
/// Refusal.
/// most_bytes  of all parts together
Upload read_upload(const httplib::Request& request, const httplib::ContentReader& body, std::size_t most_bytes);

/// What a prediction is asked for with.
struct Question {
    std::string model_name; ///< empty: the first
    bool open_set = true;
};

/// The query of /prediction/. Throws Refusal for a value that is neither true nor false.
Question read_question(const httplib::Request& request);

} // namespace openset::serve
