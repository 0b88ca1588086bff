#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/flow/input.hpp"

namespace openset::pictures {

/// Which pictures a command is about: what commands that run networks over pictures have in common.

/// What the flags say about inputs; empty where they were not given.
struct InputFlags {
    std::vector<std::string> paths = {};
    std::string files_from = {};  ///< a file with a name a line, or - for standard input
    std::string files_from0 = {}; ///< the same with NUL between the names
    std::string shard = {};       ///< I/N: every N-th input, beginning with number I
    std::string csv = {};         ///< a table of pictures and their classes
    bool stream = false;          ///< instead of all others: a path a line on standard input, each one input

    bool names_none() const {
        return paths.empty() && files_from.empty() && files_from0.empty() && csv.empty() && !stream;
    }
};

/// Throws Error(usage).
io::Shard parse_shard(const std::string& text);

/// The inputs that the flags name. A list is opened at once, so that a wrong name is told before networks are loaded,
/// and read once: it may be a pipe.
class Inputs {
public:
    /// Throws Error(usage) where the flags name no inputs or do not go together, and where a list cannot be opened; a
    /// table is opened, and wrong, when the inputs are.
    explicit Inputs(InputFlags flags);

    /// The run's own output, its partial file and its record are no inputs where they lie among the pictures.
    /// output  `-` is standard output
    /// Throws Error(usage) where a part of the inputs is asked for and the output would be among them: it would move the
    /// positions by which the parts are told.
    void leave_out(const std::string& output);

    /// Whether the output would replace something that the flags name as an input.
    bool names(const std::string& file) const;

    /// To be called once. The cancellation ends a wait for standard input and must outlive the source, whose next()
    /// throws Error(unreadable) where a list breaks off.
    /// max_bytes  of one picture that is no file
    std::unique_ptr<flow::InputSource> open(const Cancellation& cancellation, std::int64_t max_bytes);

    /// How many there are; nullopt where only reading them would tell (a pipe, an archive).
    std::optional<std::int64_t> count(const Cancellation& cancellation) const;

    std::vector<std::string> as_given() const;

    /// The folder of the command line in which a file lies or would lie.
    std::optional<std::string> folder_around(const std::string& file) const;

    /// Those of the names on the command line at which there is nothing.
    std::vector<std::string> missing() const;

private:
    struct ListFlag {
        std::string name, file;
        char separator;
    };

    std::unique_ptr<ByteSource> open_list() const;
    flow::NameList name_list(std::unique_ptr<ByteSource> bytes) const;
    std::unique_ptr<flow::InputSource> whole(const flow::ScanOptions& options, std::unique_ptr<ByteSource> list) const;
    std::unique_ptr<flow::InputSource> taken_part_of(std::unique_ptr<flow::InputSource> all) const;

    InputFlags flags_;
    std::optional<ListFlag> list_flag_; ///< the one of the two that was given
    std::optional<io::Shard> shard_;
    std::unique_ptr<ByteSource> list_;
    std::vector<std::filesystem::path> left_out_;
};

} // namespace openset::pictures
