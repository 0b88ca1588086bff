#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

namespace openset::report {

/// What pictures really are: a table with the columns path and label, or the folders that they lie in.
class Truth {
public:
    /// text  the table's name, or `folders`
    /// Throws Error(not_found, unreadable); Error(usage), naming the line, where it is no such table or tells two classes
    /// of one picture.
    explicit Truth(const std::string& text);

    /// None where the table does not have the picture. A path of the table stands for every path that ends in it after a
    /// slash, the longest that is there counts.
    std::optional<std::string> operator()(const std::string& path) const;

private:
    bool by_folder_ = false;
    std::unordered_map<std::string, std::string> labels_;
};

} // namespace openset::report
