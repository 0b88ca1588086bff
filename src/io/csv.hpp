#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "openset/io/csv_field.hpp"

namespace openset::io {

/// Takes the fields of CSV records apart (RFC 4180), one record after the other.
class CsvFields {
public:
    /// record  with or without its line end; it must outlive fields()
    /// Returns what is wrong with the record; empty where nothing is.
    std::string split(std::string_view record);

    /// Of the last record, without their quotes.
    const std::vector<std::string_view>& fields() const { return fields_; }

private:
    std::string_view quoted_field();
    std::string_view plain_field();
    void note(const std::string& text);

    std::string_view rest_;
    std::vector<std::string_view> fields_;
    std::deque<std::string> unquoted_; ///< fields with doubled quotes: what the views of these point to
    std::string problem_;
};

} // namespace openset::io
