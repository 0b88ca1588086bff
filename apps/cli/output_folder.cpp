#include "cli/output_folder.hpp"

#include "openset/base/error.hpp"

namespace openset::cli {

void check_output_folder(const std::string& output, const std::string& record, bool force) {
    if (output.empty() || output == "-")
        throw Error(ErrorKind::usage, "-o " + output + ": no name of a folder, expected one");
    if (!check_place_for_output_folder(output, record) || force) return;
    throw Error(ErrorKind::usage, "-o " + output + ": exists; choose another name, or add --force to replace it");
}

} // namespace openset::cli
