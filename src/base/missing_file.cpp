#include "openset/base/missing_file.hpp"

#include <vector>

#include "openset/base/spelling.hpp"

namespace openset {
namespace {

constexpr std::size_t most_names = 10'000; // a folder of millions is not worth the wait

std::vector<std::string> names_beside(const std::filesystem::path& path) {
    std::vector<std::string> names;
    std::error_code problem;
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    std::filesystem::directory_iterator entry(folder, problem), end;
    for (; !problem && entry != end && names.size() < most_names; entry.increment(problem))
        names.push_back(entry->path().filename().string());
    return names;
}

} // namespace

std::string no_such_file(const std::filesystem::path& path, const std::string& what) {
    const auto meant = closest_spelling(path.filename().string(), names_beside(path));
    const std::string question = meant ? "; did you mean \"" + (path.parent_path() / *meant).string() + "\"?" : "";
    return "no such file, expected " + what + question;
}

} // namespace openset
