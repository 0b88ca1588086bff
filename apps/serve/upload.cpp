#include "serve/upload.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace openset::serve {
namespace {

constexpr int most_parts = 16;
constexpr std::size_t most_head = 4096; ///< bytes of lines in front of a part
constexpr std::size_t longest_boundary = 70; // RFC 2046, 5.1.1
constexpr std::size_t longest_name = 1024;
constexpr std::string_view line_end = "\r\n";

/// Where the Content-Type is kept from httplib.
constexpr const char* form_type = "OPENSET-Form-Type";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// A header field's value: what stands in front of its parameters, and these, by their names in small letters; of two of a name the
/// first.
struct FieldValue {
    explicit FieldValue(std::string_view text) {
        value = trimmed(text.substr(0, text.find(';')));
        for (auto at = text.find(';'); at != std::string_view::npos;) {
            text.remove_prefix(at + 1);
            const auto equals = text.find_first_of("=;");
            if (equals == std::string_view::npos || text[equals] == ';') {
                at = text.find(';');
                continue;
            }
            std::string name(trimmed(text.substr(0, equals)));
            std::ranges::transform(name, name.begin(), lower);
            text.remove_prefix(equals + 1);
            parameters.emplace(std::move(name), take_value(text));
            at = text.find(';');
        }
    }

    std::optional<std::string> parameter(const std::string& name) const {
        const auto found = parameters.find(name);
        return found == parameters.end() ? std::nullopt : std::optional(found->second);
    }

    std::string_view value;
    std::map<std::string, std::string> parameters;

private:
    /// Takes a token or a quoted string from the beginning.
    static std::string take_value(std::string_view& text) {
        const auto begin = text.find_first_not_of(" \t");
        if (begin == std::string_view::npos || text[begin] != '"') {
            const auto end = text.find(';');
            std::string token(trimmed(text.substr(0, end)));
            text.remove_prefix(end == std::string_view::npos ? text.size() : end);
            return token;
        }
        std::string quoted;
        std::size_t at = begin + 1;
        for (; at < text.size() && text[at] != '"'; ++at) {
            // Browsers leave a backslash as it is, and write %22 for a quote.
            if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"') ++at;
            quoted += text[at];
        }
        text.remove_prefix(std::min(at + 1, text.size()));
        return quoted;
    }
};

int hex_digit(char c) {
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// A name as RFC 5987 writes it: UTF-8''na%C3%AFve.jpg
std::string extended_name(std::string_view text) {
    const auto quotes = text.find("''");
    if (quotes == std::string_view::npos || !same_word(text.substr(0, quotes), "utf-8")) return std::string(text);
    text.remove_prefix(quotes + 2);
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
        name += is_escape ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])) : text[i];
        if (is_escape) i += 2;
    }
    return name;
}

struct Part {
    std::string name, filename, content_type = "application/octet-stream";
    std::size_t begin = 0, end = 0; ///< of its content in the body
};

Part part_of(std::string_view head) {
    Part part;
    while (!head.empty()) {
        const auto end = head.find(line_end);
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end == std::string_view::npos ? head.size() : end + line_end.size());
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view field = trimmed(line.substr(0, colon)), value = line.substr(colon + 1);
        if (same_word(field, "Content-Type")) part.content_type = trimmed(value);
        if (!same_word(field, "Content-Disposition")) continue;
        const FieldValue disposition(value);
        part.name = disposition.parameter("name").value_or("");
        const auto extended = disposition.parameter("filename*");
        part.filename = extended ? extended_name(*extended) : disposition.parameter("filename").value_or("");
    }
    return part;
}

[[noreturn]] void throw_broken() { throw Refusal{400, "the form is broken or did not arrive in time"}; }

/// The parts of a body (RFC 2046, 5.1.1), which begins with the first boundary.
std::vector<Part> parts_of(std::string_view body, const std::string& boundary) {
    const std::string first = "--" + boundary, next = std::string(line_end) + first;
    if (!body.starts_with(first)) throw_broken();
    std::vector<Part> parts;
    std::size_t at = first.size();
    while (!body.substr(at).starts_with("--")) { // behind the last boundary
        if (!body.substr(at).starts_with(line_end)) throw_broken();
        at += line_end.size();
        if (std::ssize(parts) == most_parts) throw Refusal{400, "more than 16 parts, expected one"};
        const std::string_view head = body.substr(at, most_head + 4);
        const auto head_end = head.find("\r\n\r\n");
        if (head_end == std::string_view::npos && head.size() > most_head)
            throw Refusal{400, "more than 4096 bytes in front of a part, expected its name and type"};
        if (head_end == std::string_view::npos) throw_broken();
        Part part = part_of(head.substr(0, head_end));
        part.begin = at + head_end + 4;
        // An empty part's boundary begins with the line end of its head.
        const auto end = body.find(next, part.begin - line_end.size());
        if (end == std::string_view::npos) throw_broken();
        part.end = std::max(end, part.begin);
        parts.push_back(std::move(part));
        at = end + next.size();
    }
    return parts;
}

} // namespace

void keep_to_ourselves(httplib::Request& request) {
    request.ranges.clear();
    for (const char* field : {"Range", "Accept-Encoding", form_type}) request.headers.erase(field);
    const std::string type = request.get_header_value("Content-Type");
    request.headers.erase("Content-Type");
    request.headers.emplace(form_type, type);
}

std::size_t announced_length(const httplib::Request& request) {
    if (request.has_header("Transfer-Encoding") || !request.has_header("Content-Length"))
        throw Refusal{411, "expected a Content-Length"};
    const std::string text = request.get_header_value("Content-Length");
    std::size_t length = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (problem == std::errc::result_out_of_range) throw Refusal{413, "the request is too large"};
    if (problem != std::errc() || end != text.data() + text.size() || request.get_header_value_count("Content-Length") != 1)
        throw Refusal{400, "expected one Content-Length, a number of bytes"};
    return length;
}

Upload read_upload(const httplib::Request& request, const httplib::ContentReader& body, std::size_t most_bytes) {
    const std::string type_text = request.get_header_value(form_type);
    const FieldValue type(type_text);
    if (!same_word(type.value, "multipart/form-data"))
        throw Refusal{415, "expected multipart/form-data with a part \"file\""};
    const std::string boundary = type.parameter("boundary").value_or("");
    if (boundary.empty() || boundary.size() > longest_boundary)
        throw Refusal{400, "expected multipart/form-data with a boundary of 1 to 70 characters"};
    const std::size_t announced = announced_length(request);
    if (announced > most_bytes + form_bytes) throw Refusal{413, "the request is too large"};

    std::vector<std::uint8_t> bytes;
    bytes.reserve(announced);
    const bool whole = body([&bytes](const char* data, std::size_t size) {
        bytes.insert(bytes.end(), data, data + size);
        return true;
    });
    if (!whole || bytes.size() != announced) throw_broken();
    const std::vector<Part> parts = parts_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, boundary);
    const auto is_file = [](const Part& part) { return part.name == "file"; };
    if (std::ranges::count_if(parts, is_file) > 1)
        throw Refusal{422, "more than one part \"file\", expected one picture a request"};
    const auto file = std::ranges::find_if(parts, is_file);
    if (file == parts.end()) throw Refusal{422, "no part \"file\" in the form"};
    if (file->end - file->begin > most_bytes) throw Refusal{413, "the request is too large; send a smaller picture"};
    if (file->filename.size() + file->content_type.size() > longest_name)
        throw Refusal{400, "a part's name is longer than the 1024 bytes that are expected at most"};
    bytes.resize(file->end);
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(file->begin));
    return {file->filename, file->content_type, std::move(bytes)};
}

Question read_question(const httplib::Request& request) {
    Question question;
    question.model_name = request.get_param_value("model_name");
    std::string open_set = request.get_param_value("open_set");
    std::ranges::transform(open_set, open_set.begin(), lower);
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
