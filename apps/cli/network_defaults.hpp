#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "openset/model/network_file.hpp"

/// What users say of networks that do not say it themselves: --labels and --preprocess.
namespace openset::cli {

/// --preprocess, as the word it was given.
CLI::Option* add_preprocess_option(CLI::App& app, std::string& word);

/// Empty where the flag was not given.
std::optional<image::PreprocessSpec> preprocess_named(const std::string& word);

/// Label names, one a line. Throws Error(usage) where the file cannot be read, has no line or an empty one.
std::vector<std::string> read_label_file(const std::string& path);

/// Both flags for a command that looks at one network.
struct NetworkDefaults {
    std::string label_file, preprocess;

    void add_options(CLI::App& app);
    model::InfoDefaults read() const;
};

} // namespace openset::cli
