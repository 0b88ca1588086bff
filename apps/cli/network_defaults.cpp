#include "cli/network_defaults.hpp"

#include <sstream>

#include "cli/command.hpp"
#include "cli/text_file.hpp"
#include "openset/base/error.hpp"

namespace openset::cli {

CLI::Option* add_preprocess_option(CLI::App& app, std::string& word) {
    return app
        .add_option("--preprocess", word,
                    "imagenet: for a network that does not say its preprocessing, ImageNet's is the right one")
        ->type_name("NAME")
        ->check(one_of({"imagenet"}))
        ->group(more_options);
}

std::optional<image::PreprocessSpec> preprocess_named(const std::string& word) {
    if (word.empty()) return std::nullopt;
    return model::imagenet_preprocess();
}

std::vector<std::string> read_label_file(const std::string& path) {
    std::vector<std::string> labels;
    std::istringstream lines(read_text_file(path, "label names, one a line"));
    for (std::string line; std::getline(lines, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty())
            throw Error(ErrorKind::usage, path + ": line " + std::to_string(labels.size() + 1) +
                                              " is empty, expected a label; take the line out");
        labels.push_back(line);
    }
    if (labels.empty()) throw Error(ErrorKind::usage, path + ": is empty, expected labels, one a line");
    return labels;
}

void NetworkDefaults::add_options(CLI::App& app) {
    app.add_option("--labels", label_file, "label names, one a line, for a network that carries none")
        ->type_name("FILE")
        ->group(more_options);
    add_preprocess_option(app, preprocess);
}

model::InfoDefaults NetworkDefaults::read() const {
    return {label_file.empty() ? std::vector<std::string>{} : read_label_file(label_file),
            preprocess_named(preprocess)};
}

} // namespace openset::cli
