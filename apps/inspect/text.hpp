#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// How inspect shows facts: to people as lines and tables, to programs as JSON.
namespace openset::inspect {

/// `key` and `value` as a line, the values below each other; nothing where the value is empty.
void print_line(const std::string& key, const std::string& value);

/// The same, indented, for keys of any length: the values stand below each other.
void print_block(const std::vector<std::pair<std::string, std::string>>& lines);

/// Indented lines of equally many cells, the columns below each other: those of words begin together, those of numbers end
/// together.
/// lines  the head among them
/// words  which columns are words
void print_table(const std::vector<std::vector<std::string>>& lines, const std::set<std::size_t>& words = {0});

/// So many lines of a list are shown to people who did not ask for all of it.
std::size_t shown_of(std::size_t count, bool all);

/// Where fewer than all were shown: which flag shows the rest.
void print_rest(std::size_t shown, std::size_t count);

void print_json(const nlohmann::ordered_json& json);

/// `176 bytes`, `3.2 kB`, `1.2 MB`
std::string bytes_text(std::uint64_t bytes);

/// `4 (30.8 %)`
std::string share(std::int64_t part, std::int64_t whole);

/// Four significant digits: `0.1234`, `12.34`, `1.235e+07`.
std::string in_short(double value);

/// The first 12 digits of a digest; empty where there is none.
std::string short_hash(const std::string& sha256);

} // namespace openset::inspect
