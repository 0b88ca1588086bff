#include "inspect/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

#include "openset/base/printable.hpp"

namespace openset::inspect {
namespace {

/// Characters of UTF-8, each of which takes a place in most writing.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

} // namespace

void print_line(const std::string& key, const std::string& value) {
    if (value.empty()) return;
    std::string left = key;
    left.resize(14, ' ');
    std::cout << left << printable(value) << "\n";
}

void print_block(const std::vector<std::pair<std::string, std::string>>& lines) {
    std::size_t width = 0;
    for (const auto& [key, value] : lines) width = std::max(width, width_of(printable(key)));
    for (const auto& [key, value] : lines) {
        const std::string left = printable(key);
        std::cout << "  " << left << std::string(width - width_of(left) + 2, ' ') << printable(value) << "\n";
    }
}

void print_table(const std::vector<std::vector<std::string>>& lines, const std::set<std::size_t>& words) {
    std::vector<std::size_t> widths;
    for (const auto& line : lines) {
        widths.resize(std::max(widths.size(), line.size()));
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(printable(line[i])));
    }
    for (const auto& line : lines) {
        std::string text;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string cell = printable(line[i]), space(widths[i] - width_of(cell), ' ');
            text += "  " + (words.contains(i) ? cell + space : space + cell);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        std::cout << text << "\n";
    }
}

std::size_t shown_of(std::size_t count, bool all) { return all ? count : std::min<std::size_t>(count, 20); }

void print_rest(std::size_t shown, std::size_t count) {
    if (shown < count) std::cout << "  ... (--all-labels lists them)\n";
}

void print_json(const nlohmann::ordered_json& json) {
    std::cout << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
}

std::string bytes_text(std::uint64_t bytes) {
    if (bytes < 1000) return std::to_string(bytes) + " bytes";
    const bool is_small = bytes < 1'000'000;
    const std::uint64_t tenth = is_small ? 100 : 100'000, tenths = (bytes + tenth / 2) / tenth;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + (is_small ? " kB" : " MB");
}

std::string share(std::int64_t part, std::int64_t whole) {
    const double percent = whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%lld (%.1f %%)", static_cast<long long>(part), percent);
    return text.data();
}

std::string in_short(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.4g", value);
    return text.data();
}

std::string short_hash(const std::string& sha256) { return sha256.substr(0, 12); }

} // namespace openset::inspect
