#include "cli/text_file.hpp"

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/missing_file.hpp"

namespace openset::cli {

std::string read_text_file(const std::string& path, const std::string& what) {
    try {
        const auto bytes = read_file(path);
        return {bytes.begin(), bytes.end()};
    } catch (const Error& error) {
        const bool is_missing = error.kind() == ErrorKind::not_found;
        throw Error(ErrorKind::usage, path + ": " + (is_missing ? no_such_file(path, what) : error.what()));
    }
}

} // namespace openset::cli
