#include "pictures/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/io/run_record.hpp"

namespace openset::pictures {
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
        auto input = source_->next();
        while (input && is_left_out(input->path)) input = source_->next();
        return input;
    }

    std::optional<std::string> skip() override {
        auto path = source_->skip();
        while (path && is_left_out(*path)) path = source_->skip();
        return path;
    }

    void stop() noexcept override { source_->stop(); }

private:
    bool is_left_out(const std::filesystem::path& path) const {
        return std::ranges::any_of(files_, [&path](const std::filesystem::path& file) {
            return file.filename() == path.filename() && is_same_file(file, path);
        });
    }

    std::unique_ptr<flow::InputSource> source_;
    std::vector<std::filesystem::path> files_;
};

bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder) {
    std::error_code ignored; // what cannot be resolved is told by who opens it
    const auto inner = std::filesystem::weakly_canonical(std::filesystem::absolute(file, ignored), ignored);
    const auto outer = std::filesystem::canonical(folder, ignored);
    return !outer.empty() && std::filesystem::is_directory(outer, ignored) &&
           std::ranges::mismatch(outer, inner).in1 == outer.end();
}

} // namespace

io::Shard parse_shard(const std::string& text) {
    io::Shard shard;
    const char* const end = text.data() + text.size();
    const auto index = std::from_chars(text.data(), end, shard.index);
    const auto count = index.ptr != end ? std::from_chars(index.ptr + 1, end, shard.count) : index;
    const bool is_fraction =
        index.ec == std::errc() && index.ptr != end && *index.ptr == '/' && count.ec == std::errc() && count.ptr == end;
    if (!is_fraction || shard.index < 0 || shard.index >= shard.count) {
        throw Error(ErrorKind::usage, "--shard " + text +
                                          ": expected I/N with I from 0 to N - 1: 0/4, 1/4, 2/4, 3/4 "
                                          "are the four quarters");
    }
    return shard;
}

Inputs::Inputs(InputFlags flags) : flags_(std::move(flags)) {
    const auto refuse = [](const std::string& message) { throw Error(ErrorKind::usage, message); };
    if (flags_.stream) return;
    if (!flags_.shard.empty()) shard_ = parse_shard(flags_.shard);
    if (!flags_.files_from.empty()) list_flag_ = {"--files-from", flags_.files_from, '\n'};
    if (!flags_.files_from0.empty()) {
        if (list_flag_) refuse("--files-from0 together with --files-from: expected one list");
        list_flag_ = {"--files-from0", flags_.files_from0, '\0'};
    }
    if (!flags_.csv.empty()) {
        if (!flags_.paths.empty() || list_flag_)
            refuse("--csv together with " + (list_flag_ ? list_flag_->name : "PATH") +
                   ": expected one of them; the table names the pictures");
        return;
    }
    if (flags_.paths.empty() && !list_flag_) {
        refuse("found no pictures, expected files, folders or tar archives, - for a picture or an archive on standard "
               "input, or --files-from FILE");
    }
    if (!flags_.paths.empty() && list_flag_)
        refuse(list_flag_->name + " together with PATH: expected one of them; put the paths into the file");
    if (std::ranges::count(flags_.paths, "-") > 1)
        refuse("- is named more than once, expected once: standard input cannot be read again");
    if (!list_flag_) return;
    try {
        list_ = open_list();
    } catch (const Error& error) {
        const std::string named = list_flag_->name + " " + list_flag_->file + ": ";
        std::error_code ignored;
        if (std::filesystem::is_directory(list_flag_->file, ignored)) {
            refuse(named + "is a folder, expected a list of names; as PATH, without the flag, its pictures are "
                           "classified");
        }
        refuse(named + error.what());
    }
}

void Inputs::leave_out(const std::string& output) {
    if (output == "-") return;
    if (const auto folder = folder_around(output); folder && shard_) {
        throw Error(ErrorKind::usage, "-o " + output + " together with --shard: would lie among the inputs in " +
                                          *folder +
                                          " and change which belong to the other parts; choose another folder");
    }
    const auto partial = partial_path(output);
    const std::filesystem::path aside = partial.string() + ".old";
    for (const auto& rows : {std::filesystem::path(output), partial, aside}) {
        left_out_.push_back(rows);
        left_out_.push_back(io::run_record_path(rows));
    }
}

bool Inputs::names(const std::string& file) const {
    const auto is_file = [&file](const std::string& name) { return is_same_file(name, file); };
    return std::ranges::any_of(flags_.paths, is_file) || (list_flag_ && is_file(list_flag_->file)) ||
           (!flags_.csv.empty() && is_file(flags_.csv));
}

std::unique_ptr<flow::InputSource> Inputs::open(const Cancellation& cancellation, std::int64_t max_bytes) {
    const flow::ScanOptions options{.cancellation = &cancellation, .max_bytes = static_cast<std::uint64_t>(max_bytes)};
    if (flags_.stream) {
        return flow::stream_names(flow::NameList(standard_input(), "the paths on standard input"), options);
    }
    return taken_part_of(whole(options, std::move(list_)));
}

std::optional<std::int64_t> Inputs::count(const Cancellation& cancellation) const {
    std::error_code ignored;
    if (flags_.stream || std::ranges::find(flags_.paths, "-") != flags_.paths.end()) return std::nullopt;
    if (list_flag_ && (list_flag_->file == "-" || !std::filesystem::is_regular_file(list_flag_->file, ignored)))
        return std::nullopt;
    const flow::ScanOptions options{.cancellation = &cancellation};
    const auto source = taken_part_of(whole(options, list_flag_ ? open_list() : nullptr));
    std::int64_t total = 0;
    while (const auto input = source->next()) {
        if (input->bytes) return std::nullopt; // out of an archive, which would have to be read to its end
        ++total;
    }
    if (cancellation.requested()) return std::nullopt; // not to the end
    return total;
}

std::vector<std::string> Inputs::as_given() const {
    std::vector<std::string> given = flags_.paths;
    if (flags_.stream) given = {"--stream"};
    if (list_flag_) given = {list_flag_->name + " " + list_flag_->file};
    if (!flags_.csv.empty()) given = {"--csv " + flags_.csv};
    return given;
}

std::optional<std::string> Inputs::folder_around(const std::string& file) const {
    const auto folder =
        std::ranges::find_if(flags_.paths, [&](const std::string& path) { return lies_in(file, path); });
    return folder == flags_.paths.end() ? std::nullopt : std::optional(*folder);
}

std::vector<std::string> Inputs::missing() const {
    std::vector<std::string> names;
    std::ranges::copy_if(flags_.paths, std::back_inserter(names), [](const std::string& path) {
        std::error_code problem; // what cannot be looked at may be there
        return path != "-" &&
               std::filesystem::symlink_status(path, problem).type() == std::filesystem::file_type::not_found;
    });
    return names;
}

std::unique_ptr<ByteSource> Inputs::open_list() const {
    return list_flag_->file == "-" ? standard_input() : open_any_file(list_flag_->file);
}

flow::NameList Inputs::name_list(std::unique_ptr<ByteSource> bytes) const {
    const std::string place = list_flag_->file == "-" ? "on standard input" : list_flag_->file;
    return {std::move(bytes), "the list " + place, list_flag_->separator};
}

std::unique_ptr<flow::InputSource> Inputs::whole(const flow::ScanOptions& options,
                                                 std::unique_ptr<ByteSource> list) const {
    if (!flags_.csv.empty()) return flow::scan_table(flags_.csv, options);
    return list_flag_ ? flow::scan_list(name_list(std::move(list)), options) : flow::scan(flags_.paths, options);
}

std::unique_ptr<flow::InputSource> Inputs::taken_part_of(std::unique_ptr<flow::InputSource> all) const {
    if (shard_) all = flow::take_shard(std::move(all), *shard_);
    return std::make_unique<Without>(std::move(all), left_out_);
}

} // namespace openset::pictures
