#include "cli/text_file.hpp"

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"

namespace openset::cli {

std::string read_text_file(const std::string& path) {
    try {
        const auto bytes = read_file(path);
        return {bytes.begin(), bytes.end()};
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, path + ": " + error.what());
    }
}

} // namespace openset::cli
