#include "openset/flow/class_folder.hpp"

#include <algorithm>
#include <filesystem>

namespace openset::flow {
namespace {

/// The first folder of a relative path; empty where it is a file's name alone.
std::string_view first_folder(std::string_view path) {
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    const std::size_t slash = path.find('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

/// Where the path goes on behind the longest name that it begins with; 0 where it begins with none.
std::size_t end_of_named(std::string_view path, const std::vector<std::string>& named) {
    std::size_t longest = 0;
    for (const std::string& name : named) {
        const std::size_t end = name.find_last_not_of('/') + 1; // 0: the root folder
        const bool begins = path.size() > end && path.starts_with(name.substr(0, end)) && path[end] == '/';
        if (begins) longest = std::max(longest, end + 1);
    }
    return longest;
}

std::string own_folder(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return "";
    // "." and ".." have names that only the file system knows.
    std::error_code problem;
    const auto folder = std::filesystem::path(path.substr(0, slash + 1));
    const std::string name = folder.parent_path().filename().string();
    if (name != "." && name != "..") return name;
    return std::filesystem::weakly_canonical(folder.parent_path(), problem).filename().string();
}

} // namespace

std::string class_folder(std::string_view path, const std::vector<std::string>& named) {
    constexpr std::string_view before_member = ".tar//";
    if (const std::size_t archive = path.find(before_member); archive != std::string_view::npos) {
        std::string_view member = path.substr(archive + before_member.size());
        while (member.starts_with("./")) member.remove_prefix(2);
        if (const auto folder = first_folder(member); !folder.empty()) return std::string(folder);
        path = path.substr(0, archive + 4);
    }
    const std::size_t below = end_of_named(path, named);
    const std::string_view folder = below == 0 ? std::string_view() : first_folder(path.substr(below));
    return folder.empty() ? own_folder(path) : std::string(folder);
}

} // namespace openset::flow
