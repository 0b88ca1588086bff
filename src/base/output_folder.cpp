#include "openset/base/output_folder.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"
#include "base/folder.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"

namespace openset {
namespace {

namespace fs = std::filesystem;

/// Whether there is something in a folder. Throws Error(output) where that is not ours.
bool holds_something(const fs::path& folder, const std::string& record) {
    std::error_code problem;
    if (!fs::exists(folder, problem) || fs::is_empty(folder, problem)) return false;
    if (problem) throw Error(ErrorKind::output, folder.string() + ": cannot be listed: " + problem.message());
    if (fs::is_regular_file(folder / record, problem)) return true;
    throw Error(ErrorKind::output, folder.string() + ": holds files but no " + record +
                                       ", so it was not made by this command; choose another name");
}

void remove_tree(const fs::path& folder) {
    std::error_code problem;
    fs::remove_all(folder, problem);
    if (problem) throw Error(ErrorKind::output, folder.string() + ": cannot be removed: " + problem.message());
}

void remove_content(const fs::path& folder) {
    std::error_code problem;
    std::vector<fs::path> content; // first: what is removed under way may hide what comes after
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem))
        content.push_back(entry->path());
    if (problem) throw Error(ErrorKind::output, folder.string() + ": cannot be listed: " + problem.message());
    for (const fs::path& path : content) remove_tree(path);
}

void make_folder(const fs::path& folder) {
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (problem) throw Error(ErrorKind::output, folder.string() + ": cannot be made: " + problem.message());
}

void write_file(const fs::path& path, std::string_view bytes) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.value() < 0 || write_all(file.value(), bytes) < bytes.size())
        throw Error(ErrorKind::output, path.string() + ": cannot write: " + std::strerror(errno));
}

/// Waits until the disk has all files of the file system: one call, where thousands of files would need one each.
void sync_files_below(const fs::path& folder) {
    const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.value() < 0 || ::syncfs(descriptor.value()) != 0)
        throw Error(ErrorKind::output, folder.string() + ": cannot write: " + std::strerror(errno));
}

} // namespace

struct OutputFolder::State {
    State(const fs::path& folder_, std::string record_)
        : folder(without_slash(folder_)), partial(partial_path(folder)), record(std::move(record_)),
          lock(make_and_lock()) {
        remove_content(partial);
        write_file(partial / record, ""); // what a killed run leaves is ours too
    }

    Descriptor make_and_lock() const {
        check_place_for_output_folder(folder, record);
        make_folder(partial);
        Descriptor locked = lock_folder(partial);
        holds_something(partial, record);
        return locked;
    }

    fs::path folder, partial;
    std::string record;
    Descriptor lock;
    bool committed = false;
};

OutputFolder::OutputFolder(const fs::path& folder, std::string record)
    : state_(std::make_unique<State>(folder, std::move(record))) {}

OutputFolder::~OutputFolder() {
    std::error_code ignored; // the next run says why
    if (!state_->committed) fs::remove_all(state_->partial, ignored);
}

void OutputFolder::write(const fs::path& file, std::span<const std::uint8_t> bytes) {
    const fs::path path = state_->partial / file;
    make_folder(path.parent_path());
    write_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

const fs::path& OutputFolder::partial() const { return state_->partial; }

void OutputFolder::commit(std::string_view record) {
    State& state = *state_;
    write_file(state.partial / state.record, record);
    sync_files_below(state.partial);
    holds_something(state.folder, state.record);
    replace_folder(state.partial, state.folder, remove_tree);
    state.committed = true;
    sync_folder(fs::absolute(state.folder).parent_path());
}

bool check_place_for_output_folder(const fs::path& folder, const std::string& record) {
    check_place_for_folder(folder);
    return holds_something(without_slash(folder), record);
}

} // namespace openset
