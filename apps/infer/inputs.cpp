#include "infer/inputs.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <utility>

#include "openset/base/error.hpp"

namespace openset::infer {

Inputs::Inputs(std::vector<std::string> paths, std::string files_from)
    : paths_(std::move(paths)), files_from_(std::move(files_from)) {
    if (paths_.empty() && files_from_.empty()) {
        throw Error(ErrorKind::usage,
                    "no pictures: name files or folders, - for a picture on standard input, or --files-from FILE");
    }
    if (!paths_.empty() && !files_from_.empty()) {
        throw Error(ErrorKind::usage,
                    "--files-from together with PATH: expected one of them; put the paths into the file");
    }
    if (files_from_.empty() || files_from_ == "-") return;
    std::error_code ignored; // opening says why
    if (std::filesystem::is_directory(files_from_, ignored)) {
        throw Error(
            ErrorKind::usage,
            "--files-from " + files_from_ +
                ": is a folder, expected a list of names; as PATH, without the flag, its pictures are classified");
    }
    list_.open(files_from_);
    if (!list_) throw Error(ErrorKind::usage, "--files-from " + files_from_ + ": cannot be opened");
}

std::unique_ptr<flow::InputSource> Inputs::open() {
    if (files_from_.empty()) return flow::scan(paths_);
    return flow::scan_list(files_from_ == "-" ? std::cin : list_);
}

void Inputs::check_whole() const {
    if (files_from_ != "-" || std::ferror(stdin) == 0) return;
    throw Error(ErrorKind::unreadable, "the list on standard input: cannot be read to its end");
}

std::optional<std::int64_t> Inputs::count(const Cancellation& cancellation) const {
    std::error_code ignored;
    const bool listed = !files_from_.empty();
    if (listed && (files_from_ == "-" || !std::filesystem::is_regular_file(files_from_, ignored))) return std::nullopt;
    if (std::ranges::find(paths_, "-") != paths_.end()) return std::nullopt;
    std::ifstream list(files_from_);
    const auto source = listed ? flow::scan_list(list) : flow::scan(paths_);
    std::int64_t total = 0;
    while (!cancellation.requested() && source->next()) ++total;
    return total;
}

std::vector<std::string> Inputs::as_given() const {
    return files_from_.empty() ? paths_ : std::vector{"--files-from " + files_from_};
}

} // namespace openset::infer
