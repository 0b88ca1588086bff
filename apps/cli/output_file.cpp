#include "cli/output_file.hpp"

#include <filesystem>
#include <fstream>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"

namespace openset::cli {

namespace fs = std::filesystem;

bool is_kept_file(const std::string& output) {
    std::error_code ignored; // what is not there will be a file
    return output != "-" && (fs::is_regular_file(output, ignored) || !fs::exists(output, ignored));
}

void check_output(const std::string& output, const std::string& what,
                  const std::function<bool(std::string_view head)>& is_ours, const std::string& flag) {
    if (output == "-") return;
    check_place_for_file(output);
    std::ifstream stream(output, std::ios::binary);
    if (!is_kept_file(output) || !stream) return;
    std::string head(64, '\0');
    stream.read(head.data(), std::ssize(head));
    head.resize(static_cast<std::size_t>(stream.gcount()));
    if (!head.empty() && !is_ours(head)) {
        throw Error(ErrorKind::usage, flag + " " + output + ": exists and holds no " + what +
                                          "; choose another name, or remove it first");
    }
}

} // namespace openset::cli
