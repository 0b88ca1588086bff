#pragma once

#include <cstdint>
#include <string>

/// How inspect shows facts to people.
namespace openset::inspect {

/// `key` and `value` as a line, the values below each other; nothing where the value is empty.
void print_line(const std::string& key, const std::string& value);

/// `1.2 MB`
std::string megabytes(std::uint64_t bytes);

} // namespace openset::inspect
