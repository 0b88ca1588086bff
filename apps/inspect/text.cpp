#include "inspect/text.hpp"

#include <iostream>

#include "openset/base/printable.hpp"

namespace openset::inspect {

void print_line(const std::string& key, const std::string& value) {
    if (value.empty()) return;
    std::string left = key;
    left.resize(14, ' ');
    std::cout << left << printable(value) << "\n";
}

std::string megabytes(std::uint64_t bytes) {
    const auto tenths = (bytes + 50'000) / 100'000;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

} // namespace openset::inspect
