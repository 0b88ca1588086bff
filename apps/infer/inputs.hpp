#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/flow/input.hpp"

namespace openset::infer {

/// The inputs that the flags name. A list is opened at once, so that a wrong name is told before networks are loaded,
/// and read once: it may be a pipe.
class Inputs {
public:
    /// Throws Error(usage) unless one of the two is given, and where the list cannot be opened.
    Inputs(std::vector<std::string> paths, std::string files_from);

    /// The run's own output, its partial file and its record are no inputs where they lie among the pictures.
    /// output  `-` is standard output
    void leave_out(const std::string& output);

    /// Whether the output would replace something that the flags name as an input.
    bool names(const std::string& file) const;

    /// To be called once.
    std::unique_ptr<flow::InputSource> open();

    /// To be called when the source has ended. Throws Error(unreadable) for a list on standard input that broke off;
    /// other streams know it themselves, std::cin does not.
    void check_whole() const;

    /// How many there are; nullopt where only reading them would tell.
    std::optional<std::int64_t> count(const Cancellation& cancellation) const;

    std::vector<std::string> as_given() const;

private:
    std::vector<std::string> paths_;
    std::string files_from_;
    std::ifstream list_;
    std::vector<std::filesystem::path> left_out_;
};

} // namespace openset::infer
