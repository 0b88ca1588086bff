#include "report/truth.hpp"

#include "openset/base/error.hpp"
#include "openset/flow/input.hpp"

namespace openset::report {

Truth::Truth(const std::string& text) : by_folder_(text == "folders") {
    if (by_folder_) return;
    const std::filesystem::path table = text, folder = table.parent_path();
    const std::string prefix = folder.empty() ? "" : (folder / "").string();
    const auto listed = flow::scan_table(table);
    while (auto input = listed->next()) {
        std::string path = input->path;
        if (path.starts_with(prefix)) path.erase(0, prefix.size()); // as the table has it
        const auto [place, is_new] = labels_.emplace(path, input->label.value_or(""));
        if (!is_new && place->second != input->label.value_or("")) {
            throw Error(ErrorKind::usage, text + ": " + path + ": found two labels, " + place->second + " and " +
                                              input->label.value_or("") + ", expected one for each picture");
        }
    }
}

std::optional<std::string> Truth::operator()(const std::string& path) const {
    if (by_folder_) {
        const std::filesystem::path folder = std::filesystem::path(path).parent_path().filename();
        return folder.empty() ? std::nullopt : std::optional(folder.string());
    }
    for (std::size_t begin = 0;;) {
        const auto found = labels_.find(path.substr(begin));
        if (found != labels_.end()) return found->second;
        const std::size_t slash = path.find('/', begin);
        if (slash == std::string::npos) return std::nullopt;
        begin = slash + 1;
    }
}

} // namespace openset::report
