#include "io/csv.hpp"

#include "io/checked_json.hpp"

namespace openset::io {

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string field = "\"";
    for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
    return field + "\"";
}

CsvFields::CsvFields(std::string_view record) : rest_(record) {
    rest_.remove_suffix(record.ends_with("\r\n") ? 2 : 1);
    while (true) {
        fields_.push_back(rest_.starts_with('"') ? quoted_field() : plain_field());
        if (!problem_.empty() || rest_.empty()) return;
        rest_.remove_prefix(1); // the comma
    }
}

std::string CsvFields::quoted_field() {
    std::string field;
    while (true) {
        const std::size_t closing = rest_.find('"', 1);
        if (closing == std::string_view::npos) {
            note("its quotes are not closed");
            return field;
        }
        field += rest_.substr(1, closing - 1);
        rest_.remove_prefix(closing + 1);
        if (!rest_.starts_with('"')) break;
        field += '"'; // a doubled quote stands for one
    }
    if (!rest_.empty() && !rest_.starts_with(',')) note("found text behind the closing quote, expected a comma");
    return field;
}

std::string CsvFields::plain_field() {
    std::string field(rest_.substr(0, rest_.find(',')));
    if (field.find_first_of("\"\r") != std::string::npos) {
        note("found " + in_quotes(field) + ", expected quotes around a field that holds a quote or a line end");
    }
    rest_.remove_prefix(field.size());
    return field;
}

} // namespace openset::io
