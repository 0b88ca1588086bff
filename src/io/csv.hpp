#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openset::io {

/// The text as one field of a CSV record: in double quotes where it holds a comma, a quote or a line end (RFC 4180).
std::string csv_field(std::string_view text);

/// Takes the fields of one csv record (RFC 4180) apart.
class CsvFields {
public:
    /// record  with its line end
    explicit CsvFields(std::string_view record);

    const std::vector<std::string>& fields() const { return fields_; }
    /// What is wrong with the record; empty where nothing is.
    const std::string& problem() const { return problem_; }

private:
    std::string quoted_field();
    std::string plain_field();
    void note(const std::string& text) { problem_ = "field " + std::to_string(fields_.size() + 1) + ": " + text; }

    std::string_view rest_;
    std::vector<std::string> fields_;
    std::string problem_;
};

} // namespace openset::io
