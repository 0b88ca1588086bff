// openset merge -o ALL PART...: row files or stores that --shard made -> the one of a single run. No LibTorch in here.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sys/resource.h>

#include "cli/command.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/merge.hpp"
#include "openset/io/store_writer.hpp"

using namespace openset;

namespace {

struct MergeOptions {
    std::vector<std::string> parts;
    std::string output = "-";
    bool force = false, dry_run = false;
};

/// Where rows go that are only checked.
class Nowhere : public ByteSink {
public:
    void write(std::string_view) override {}
    void flush() override {}
    void commit() override {}
};

/// Every part is open at a time, and shells allow 1024 open files unless asked.
void allow_many_open_files() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit); // what is not allowed is told when a part cannot be opened
}

void refuse_to_replace_a_part(const std::string& output, const std::vector<io::Part>& parts) {
    const auto is_output = [&output](const std::filesystem::path& file) {
        std::error_code ignored; // what is not there cannot be replaced
        return std::filesystem::equivalent(file, output, ignored);
    };
    for (const io::Part& part : parts) {
        if (is_output(part.file) || is_output(io::run_record_path(part.file)))
            throw Error(ErrorKind::usage, "-o " + output + ": would replace a part; choose another name");
    }
}

void warn_of_an_ending_that_promises_another_format(const std::string& output, io::RowFormat format) {
    std::error_code ignored; // what is not there will be a file
    const bool is_file = std::filesystem::is_regular_file(output, ignored) || !std::filesystem::exists(output, ignored);
    if (output == "-" || !is_file || io::ending_fits(output, format)) return;
    log_warning("-o " + output + ": the rows are " + std::string(to_string(format)) +
                " as in the parts, although the name ends in " + std::filesystem::path(output).extension().string() +
                "; choose another name");
}

void write_whole(const std::string& output, const std::vector<io::Part>& parts, io::RunRecord& record) {
    const auto sink = open_atomic_file(output);
    try {
        record = io::merge(parts, *sink);
    } catch (...) {
        // Nothing continues half a merge; and only who holds the sink may take the file away.
        std::error_code ignored;
        std::filesystem::remove(partial_path(output), ignored);
        throw;
    }
    sink->commit();
    // No record beside a device or a pipe.
    if (std::filesystem::is_regular_file(output))
        write_file_atomically(io::run_record_path(output), io::to_json(record));
}

/// Before the parts are read.
void check_place_of_store(const MergeOptions& options) {
    if (options.output == "-")
        throw Error(ErrorKind::usage, "the parts are stores, whose whole is a folder; name it with -o DIR");
    io::check_place_for_store(options.output);
    std::error_code ignored; // who writes there says what is wrong
    const bool stands_there =
        std::filesystem::is_directory(options.output, ignored) && !std::filesystem::is_empty(options.output, ignored);
    if (stands_there && !options.force) {
        throw Error(ErrorKind::usage,
                    "-o " + options.output + ": exists; choose another name, or add --force to replace it");
    }
}

io::RunRecord merge_stores(const MergeOptions& options, const std::vector<io::Part>& parts) {
    if (options.dry_run) return io::merge_stores(parts, std::nullopt);
    try {
        return io::merge_stores(parts, options.output);
    } catch (const Error& error) {
        // Nothing continues half a merge; but what another run is writing is not ours.
        std::error_code ignored;
        if (error.kind() != ErrorKind::output) std::filesystem::remove_all(io::partial_store(options.output), ignored);
        throw;
    }
}

io::RunRecord run(const MergeOptions& options, const std::vector<io::Part>& parts) {
    if (parts.front().record.store) return merge_stores(options, parts);
    io::RunRecord record;
    if (options.dry_run) {
        Nowhere nowhere;
        return io::merge(parts, nowhere);
    }
    if (options.output != "-") {
        write_whole(options.output, parts, record);
        return record;
    }
    const auto sink = open_standard_output();
    record = io::merge(parts, *sink);
    sink->commit();
    return record;
}

std::string summary(const io::RunRecord& record) {
    const io::RowCounts& counts = record.counts;
    if (record.store) {
        return std::to_string(record.parts.size()) + " parts, " + std::to_string(counts.total()) +
               " pictures: " + std::to_string(counts.known) + " rows, " + std::to_string(counts.failed) + " failed";
    }
    return std::to_string(record.parts.size()) + " parts, " + std::to_string(counts.total()) +
           " rows: " + std::to_string(counts.known) + " known, " + std::to_string(counts.unknown) + " unknown, " +
           std::to_string(counts.failed) + " failed";
}

} // namespace

int main(int argc, char** argv) {
    MergeOptions options;
    cli::Command command("openset merge",
                         "Joins the row files that infer --shard made on many machines, or the stores of extract "
                         "--shard, into the one that a single run would have written, byte for byte. The parts' run "
                         "records lie beside them, or in them.",
                         {{"openset merge -o all.jsonl part-*.jsonl", "in any order; says what is missing"},
                          {"openset merge --dry-run part-*.jsonl", "do they fit together?"}});
    cli::add_names(command.app(), "PART", options.parts,
                   "row files, jsonl or csv, each with its .run.json beside it; or stores");
    command.app()
        .add_option("-o,--output", options.output,
                    "file for the rows, or folder for the store, whole or not at all; - is standard output")
        ->type_name("PATH");
    command.app().add_flag("--force", options.force, "replace a store that stands there");
    command.app().add_flag("--dry-run", options.dry_run, "read and check the parts, and stop");
    return command.main(argc, argv, [&] {
        allow_many_open_files();
        const auto parts = io::read_parts({options.parts.begin(), options.parts.end()});
        if (options.output != "-") refuse_to_replace_a_part(options.output, parts);
        if (parts.front().record.store) {
            if (!options.dry_run) check_place_of_store(options);
        } else {
            if (options.output != "-") check_place_for_file(options.output);
            warn_of_an_ending_that_promises_another_format(options.output, parts.front().record.format);
        }
        for (const std::string& doubt : io::doubts(parts)) log_warning(doubt);
        const io::RunRecord record = run(options, parts);
        if (options.dry_run) {
            std::cout << summary(record) << "; nothing was written\n";
        } else {
            log_notice(summary(record));
        }
        return static_cast<int>(cli::exit_done);
    });
}
