#include "cascade/label_finder.hpp"

#include <charconv>

#include "openset/base/spelling.hpp"

namespace openset::cascade {
namespace {

/// The two ends of "281-284", if the text reads as a range.
std::optional<std::pair<std::string_view, std::string_view>> range_ends(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return {};
    const auto first = text.substr(0, dash), last = text.substr(dash + 1);
    if (!is_digits(first) || !is_digits(last)) return {};
    return std::pair{first, last};
}

std::string in_words(const std::vector<int>& ids) {
    std::string words;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (i > 0) words += i + 1 == ids.size() ? " and " : ", ";
        words += std::to_string(ids[i]);
    }
    return words;
}

} // namespace

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::vector<int> LabelFinder::find(const LabelReference& reference, const std::string& pointer) const {
    if (const int* id = std::get_if<int>(&reference)) {
        if (static_cast<std::size_t>(*id) < names_.size()) return {*id};
        out_of_range(std::to_string(*id), pointer);
        return {};
    }
    const auto& text = std::get<std::string>(reference);
    if (const auto ends = range_ends(text)) return find_range(text, *ends, pointer);
    const auto id = find_one(text, pointer);
    return id ? std::vector{*id} : std::vector<int>{};
}

std::optional<int> LabelFinder::find_one(const std::string& text, const std::string& pointer) const {
    const std::vector<int> ids = ids_named(text);
    if (ids.size() == 1) return ids.front();
    if (ids.size() > 1) {
        problems_.add(pointer, io::in_quotes(text) + " is the name of " + std::to_string(ids.size()) + " labels in " +
                                   network_ + ": ids " + in_words(ids) + "; give the id that is meant");
        return {};
    }
    if (is_digits(text)) return id_of(text, pointer);
    problems_.add(pointer, "no label " + io::in_quotes(text) + " in " + network_ + " (" +
                               std::to_string(names_.size()) + " labels)" + did_you_mean(text, names_));
    return {};
}

std::vector<int> LabelFinder::ids_named(const std::string& name) const {
    std::vector<int> ids;
    for (std::size_t id = 0; id < names_.size(); ++id) {
        if (names_[id] == name) ids.push_back(static_cast<int>(id));
    }
    return ids;
}

std::vector<int> LabelFinder::find_range(const std::string& text, std::pair<std::string_view, std::string_view> ends,
                                         const std::string& pointer) const {
    if (const auto named = ids_named(text); !named.empty()) {
        problems_.add(pointer, io::in_quotes(text) + " is both a range and the name of a label in " + network_ +
                                   " (id " + in_words(named) + "); give the label's id, or the ids one by one");
        return {};
    }
    const auto first = id_of(ends.first, pointer), last = id_of(ends.second, pointer);
    if (!first || !last) return {};
    if (*first > *last) {
        problems_.add(pointer, "found the range " + io::in_quotes(text) + ", expected the lower id first: \"" +
                                   std::to_string(*last) + "-" + std::to_string(*first) + "\"");
        return {};
    }
    std::vector<int> ids;
    for (int id = *first; id <= *last; ++id) ids.push_back(id);
    return ids;
}

std::optional<int> LabelFinder::id_of(std::string_view digits, const std::string& pointer) const {
    int id = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (read.ec == std::errc() && static_cast<std::size_t>(id) < names_.size()) return id;
    out_of_range(digits, pointer);
    return {};
}

void LabelFinder::out_of_range(std::string_view id, const std::string& pointer) const {
    problems_.add(pointer, "no id " + std::string(id.substr(0, 40)) + " in " + network_ + ", expected 0 to " +
                               std::to_string(static_cast<long>(names_.size()) - 1));
}

} // namespace openset::cascade
