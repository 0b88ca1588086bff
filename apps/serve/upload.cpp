#include "serve/upload.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>
#include <utility>

namespace openset::serve {
namespace {

constexpr int most_parts = 16;
constexpr std::size_t longest_name = 1024;

} // namespace

Upload read_upload(const httplib::Request& request, const httplib::ContentReader& body, std::size_t most_bytes) {
    if (!request.is_multipart_form_data()) throw Refusal{415, "expected multipart/form-data with a part \"file\""};
    std::size_t announced = 0;
    const std::string length = request.get_header_value("Content-Length");
    const auto parsed = std::from_chars(length.data(), length.data() + length.size(), announced);
    if (parsed.ec == std::errc::result_out_of_range || announced > most_bytes + form_bytes)
        throw Refusal{413, "the request is too large"};
    Upload upload;
    Refusal refusal{400, "the form is broken or did not arrive in time"};
    int parts = 0, files = 0;
    std::size_t bytes = 0;
    bool in_file = false;
    const auto refuse = [&refusal](int status, const char* detail) {
        refusal = {status, detail};
        return false;
    };
    const bool whole = body(
        [&](const httplib::MultipartFormData& part) {
            if (++parts > most_parts) return refuse(400, "more than 16 parts, expected one");
            if (part.name.size() + part.filename.size() + part.content_type.size() > longest_name)
                return refuse(400, "a part's name is longer than the 1024 bytes that are expected at most");
            in_file = part.name == "file";
            if (!in_file) return true;
            if (++files > 1) return refuse(422, "more than one part \"file\", expected one picture a request");
            upload.filename = part.filename;
            upload.content_type = part.content_type;
            return true;
        },
        [&](const char* data, std::size_t size) {
            bytes += size;
            if (bytes > most_bytes) return refuse(413, "the request is too large; send a smaller picture");
            if (in_file) upload.bytes.insert(upload.bytes.end(), data, data + size);
            return true;
        });
    if (!whole) throw refusal;
    if (files == 0) throw Refusal{422, "no part \"file\" in the form"};
    return upload;
}

Question read_question(const httplib::Request& request) {
    Question question;
    question.model_name = request.get_param_value("model_name");
    std::string open_set = request.get_param_value("open_set");
    std::ranges::transform(open_set, open_set.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    // What FastAPI takes for a bool.
    const auto is_one_of = [&open_set](std::initializer_list<const char*> words) {
        return std::ranges::find(words, open_set) != words.end();
    };
    if (is_one_of({"false", "0", "off", "no", "f", "n"})) {
        question.open_set = false;
    } else if (!is_one_of({"", "true", "1", "on", "yes", "t", "y"})) {
        throw Refusal{422, "open_set: expected true or false"};
    }
    return question;
}

} // namespace openset::serve
