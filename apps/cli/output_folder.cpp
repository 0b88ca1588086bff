#include "cli/output_folder.hpp"

#include <filesystem>
#include <set>

#include "openset/base/error.hpp"
#include "openset/flow/input.hpp"

namespace openset::cli {

namespace {

namespace fs = std::filesystem;

/// The folder would be removed with all that is in it.
void refuse_foreign_files(const fs::path& folder, const std::string& record) {
    std::set<fs::path> ours{(folder / record).lexically_normal()};
    const auto table = flow::scan_table(folder / record);
    while (const auto input = table->next()) ours.insert(fs::path(input->path).lexically_normal());
    std::error_code ignored; // who replaces the folder says why it cannot
    for (fs::recursive_directory_iterator entry(folder, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
        if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) continue;
        if (ours.contains(entry->path().lexically_normal())) continue;
        throw Error(ErrorKind::usage,
                    "-o " + folder.string() + ": holds " + entry->path().string() + ", which its " + record +
                        " does not list and --force would remove; move that file away, or choose another name");
    }
}

} // namespace

void check_output_folder(const std::string& output, const std::string& record, bool force) {
    if (output.empty() || output == "-")
        throw Error(ErrorKind::usage, "-o " + output + ": no name of a folder, expected one");
    if (!check_place_for_output_folder(output, record)) return;
    if (force) return refuse_foreign_files(output, record);
    throw Error(ErrorKind::usage, "-o " + output + ": exists; choose another name, or add --force to replace it");
}

} // namespace openset::cli
