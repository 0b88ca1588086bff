#include "cli/output_file.hpp"

#include <filesystem>
#include <fstream>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"

namespace openset::cli {

namespace fs = std::filesystem;

namespace {

/// Whether both names are of one file, which need not be there yet.
bool same_file(const fs::path& one, const fs::path& other) {
    std::error_code ignored; // what cannot be looked at is told by whoever opens it
    if (fs::equivalent(one, other, ignored)) return true;
    return fs::weakly_canonical(fs::absolute(one), ignored) == fs::weakly_canonical(fs::absolute(other), ignored);
}

} // namespace

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

void refuse_replacing(const std::string& output, bool force, const std::string& flag) {
    std::error_code ignored; // who writes there says what is wrong
    if (force || !is_kept_file(output) || !fs::exists(output, ignored)) return;
    throw Error(ErrorKind::usage, (flag.empty() ? "" : flag + " ") + output +
                                      ": exists; choose another name, or add --force to replace it");
}

void keep_apart(const std::vector<FlagFile>& outputs, const std::vector<FlagFile>& inputs) {
    std::vector<FlagFile> taken = inputs;
    for (const FlagFile& output : outputs) {
        if (output.file.empty() || !is_kept_file(output.file)) continue;
        for (const FlagFile& other : taken) {
            if (other.file.empty() || other.file == "-" || !same_file(output.file, other.file)) continue;
            throw Error(ErrorKind::usage, output.flag + " " + output.file + ": is the file of " + other.flag +
                                              ", which it would replace; choose another name");
        }
        taken.push_back(output);
    }
}

} // namespace openset::cli
