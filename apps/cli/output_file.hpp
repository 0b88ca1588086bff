#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace openset::cli {

/// Whether the output is a file that takes its name when it is whole: not so standard output (`-`), a device, a pipe.
bool is_kept_file(const std::string& output);

/// To be called before the work is done. Throws Error(usage) where the output's folder is missing, where a folder has its
/// name, or where a file has it that is not empty and that no run has written.
/// what     such a file holds, for the message: "scores"
/// is_ours  tells by a file's first bytes, 64 at most
/// flag     that named the output, for the message
void check_output(const std::string& output, const std::string& what,
                  const std::function<bool(std::string_view head)>& is_ours, const std::string& flag = "-o");

/// To be called before the work is done. Throws Error(usage) where something stands there already although nobody said that
/// it may be replaced.
/// force  whether --force was given
/// flag   that named the output, for the message; empty: it follows from another output
void refuse_replacing(const std::string& output, bool force, const std::string& flag = "-o");

/// A file that a flag names.
struct FlagFile {
    std::string flag, file; ///< file: empty where the flag is not given; `-` is no file
};

/// To be called before the work is done. Throws Error(usage) where an output would replace an input, or another output.
void keep_apart(const std::vector<FlagFile>& outputs, const std::vector<FlagFile>& inputs);

} // namespace openset::cli
