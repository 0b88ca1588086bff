#include "infer/inputs.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <utility>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"

namespace openset::infer {
namespace {

bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
    std::error_code ignored; // what is not there is not the same
    return std::filesystem::equivalent(a, b, ignored);
}

/// A source without some files of known names.
class Without : public flow::InputSource {
public:
    Without(std::unique_ptr<flow::InputSource> source, const std::vector<std::filesystem::path>& files)
        : source_(std::move(source)), files_(files) {}

    std::optional<flow::Input> next() override {
        while (auto input = source_->next()) {
            const std::filesystem::path path = input->path;
            const bool left_out = std::ranges::any_of(files_, [&path](const std::filesystem::path& file) {
                return file.filename() == path.filename() && is_same_file(file, path);
            });
            if (!left_out) return input;
        }
        return std::nullopt;
    }

private:
    std::unique_ptr<flow::InputSource> source_;
    std::vector<std::filesystem::path> files_;
};

} // namespace

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

void Inputs::leave_out(const std::string& output) {
    if (output != "-") left_out_ = {output, partial_path(output), output + ".run.json"};
}

bool Inputs::names(const std::string& file) const {
    const auto is_file = [&file](const std::string& name) { return is_same_file(name, file); };
    return std::ranges::any_of(paths_, is_file) || (!files_from_.empty() && is_file(files_from_));
}

std::unique_ptr<flow::InputSource> Inputs::open() {
    auto source = files_from_.empty() ? flow::scan(paths_) : flow::scan_list(files_from_ == "-" ? std::cin : list_);
    return std::make_unique<Without>(std::move(source), left_out_);
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
    Without source(listed ? flow::scan_list(list) : flow::scan(paths_), left_out_);
    std::int64_t total = 0;
    while (!cancellation.requested() && source.next()) ++total;
    return total;
}

std::vector<std::string> Inputs::as_given() const {
    return files_from_.empty() ? paths_ : std::vector{"--files-from " + files_from_};
}

} // namespace openset::infer
