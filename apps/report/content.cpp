#include "report/content.hpp"

namespace openset::report {

const std::string& name_of(const Part& part) {
    return std::visit([](const auto& one) -> const std::string& { return one.name; }, part);
}

std::string grouped(std::int64_t count) {
    const std::string digits = std::to_string(count);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const bool begins_group = i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-';
        text += begins_group ? "," : "";
        text += digits[i];
    }
    return text;
}

std::string percent(double share) { return charts::formatted("%.1f\u00a0%%", 100 * share); }

std::string pictures(std::int64_t count) { return grouped(count) + (count == 1 ? " picture" : " pictures"); }

} // namespace openset::report
