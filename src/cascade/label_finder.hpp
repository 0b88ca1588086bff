#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/checked_json.hpp"
#include "openset/cascade/pipeline_config.hpp"

namespace openset::cascade {

/// One digit or more, and nothing else.
bool is_digits(std::string_view text);

/// The ids that label references of one stage stand for.
class LabelFinder {
public:
    LabelFinder(const std::vector<std::string>& names, const NetworkConfig& network, io::JsonProblems& problems)
        : names_(names), network_(network.model.filename().string()), problems_(problems) {}

    /// All ids of an entry of `accept`; none after a problem was noted.
    std::vector<int> find(const LabelReference& reference, const std::string& pointer) const;

    /// The id of a label name, or of an id written as a string.
    std::optional<int> find_one(const std::string& text, const std::string& pointer) const;

    /// What is given by label name, by id.
    template <typename Value>
    std::map<int, Value> find_each(const std::map<std::string, Value>& by_label, const std::string& pointer) const {
        std::map<int, Value> by_id;
        for (const auto& [label, value] : by_label) {
            const std::string place = io::pointer_to(pointer, label);
            const auto id = find_one(label, place);
            if (id && !by_id.emplace(*id, value).second) {
                problems_.add(place,
                              "the label with id " + std::to_string(*id) + " has another threshold here; keep one");
            }
        }
        return by_id;
    }

private:
    std::vector<int> ids_named(const std::string& name) const;
    std::vector<int> find_range(const std::string& text, std::pair<std::string_view, std::string_view> ends,
                                const std::string& pointer) const;
    std::optional<int> id_of(std::string_view digits, const std::string& pointer) const;
    void out_of_range(std::string_view id, const std::string& pointer) const;

    const std::vector<std::string>& names_;
    std::string network_;
    io::JsonProblems& problems_;
};

} // namespace openset::cascade
