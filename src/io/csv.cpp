#include "io/csv.hpp"

#include "io/checked_json.hpp"

namespace openset::io {

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string field = "\"";
    for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
    return field + "\"";
}

std::string CsvFields::split(std::string_view record) {
    fields_.clear();
    unquoted_.clear();
    problem_.clear();
    rest_ = record;
    if (rest_.ends_with('\n')) rest_.remove_suffix(rest_.ends_with("\r\n") ? 2 : 1);
    while (true) {
        fields_.push_back(rest_.starts_with('"') ? quoted_field() : plain_field());
        if (!problem_.empty() || rest_.empty()) return problem_;
        rest_.remove_prefix(1); // the comma
    }
}

std::string_view CsvFields::quoted_field() {
    rest_.remove_prefix(1);
    std::string_view field; // up to the closing quote
    std::string* unquoted = nullptr;
    while (true) {
        const std::size_t closing = rest_.find('"');
        if (closing == std::string_view::npos) {
            note("its quotes are not closed");
            return field;
        }
        const std::string_view piece = rest_.substr(0, closing);
        rest_.remove_prefix(closing + 1);
        if (unquoted != nullptr) *unquoted += piece;
        if (!rest_.starts_with('"')) {
            field = unquoted != nullptr ? std::string_view(*unquoted) : piece;
            break;
        }
        if (unquoted == nullptr) unquoted = &unquoted_.emplace_back(piece);
        *unquoted += '"'; // a doubled quote stands for one
        rest_.remove_prefix(1);
    }
    if (!rest_.empty() && !rest_.starts_with(',')) note("found text behind the closing quote, expected a comma");
    return field;
}

std::string_view CsvFields::plain_field() {
    const std::string_view field = rest_.substr(0, rest_.find(','));
    if (field.find_first_of("\"\r") != std::string_view::npos) {
        note("found " + in_quotes(field) + ", expected quotes around a field that holds a quote or a line end");
    }
    rest_.remove_prefix(field.size());
    return field;
}

void CsvFields::note(const std::string& text) {
    problem_ = "field " + std::to_string(fields_.size() + 1) + ": " + text;
}

} // namespace openset::io
