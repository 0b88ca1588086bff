#include "pictures/resume.hpp"

#include "cli/signals.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"

namespace openset::pictures {

void check_same_way(const std::filesystem::path& rows_or_store, const io::RunRecord& now) {
    const auto then = io::read_run_record(rows_or_store);
    if (!then) {
        throw Error(ErrorKind::usage, rows_or_store.string() + ": " +
                                          io::run_record_path(rows_or_store).filename().string() +
                                          " is not beside it, so nothing says what made the rows; run without --resume "
                                          "to begin anew");
    }
    std::string problems;
    for (const std::string& difference : io::differences(*then, now))
        problems += (problems.empty() ? "" : "; ") + difference;
    if (!problems.empty()) {
        throw Error(ErrorKind::usage, rows_or_store.string() + ": was made in another way: " + problems +
                                          "; run as then, or without --resume to begin anew");
    }
    for (const std::string& difference : io::differences_in_last_digits(*then, now))
        log_warning(rows_or_store.string() + ": " + difference + "; last digits of later rows may differ");
}

std::optional<std::string> next_path(flow::InputSource& source) {
    auto path = source.skip();
    if (!path && cli::caught_signal() != 0) throw cli::Interrupted();
    return path;
}

} // namespace openset::pictures
