#include "scores/columns.hpp"

#include <filesystem>
#include <set>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/detect/training_rows.hpp"
#include "openset/io/fitted_file.hpp"

namespace openset::scores {
namespace {

/// The fitted files of a folder, in the order of the methods.
std::vector<std::string> files_in(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code ignored; // what is there and cannot be read says why
    for (const detect::Method& method : detect::methods()) {
        const auto file = std::filesystem::path(folder) / (method.name + ".json");
        if (std::filesystem::exists(file, ignored)) files.push_back(file.string());
    }
    if (files.empty()) {
        throw Error(ErrorKind::usage, "--fitted " + folder +
                                          ": holds no fitted detector that is called as its method (knn.json), "
                                          "expected the folder that openset fit --method all writes");
    }
    return files;
}

void add_fitted(const std::string& flag, const io::ActivationStore& store, bool allow_mismatch,
                std::vector<Column>& columns) {
    const auto equals = flag.find('=');
    std::error_code ignored; // reading says why
    const bool named = equals != std::string::npos && !std::filesystem::exists(flag, ignored);
    const std::string file = named ? flag.substr(equals + 1) : flag;
    if (!named && std::filesystem::is_directory(file, ignored)) {
        for (const std::string& each : files_in(file))
            columns.push_back(fitted_column(std::nullopt, io::read_fitted(each), each, store, allow_mismatch));
    } else {
        columns.push_back(fitted_column(named ? std::optional(flag.substr(0, equals)) : std::nullopt,
                                        io::read_fitted(file), file, store, allow_mismatch));
    }
}

std::vector<std::string> methods_to_make(const WantedColumns& wanted, const io::ActivationStore& store) {
    if (wanted.methods == std::vector<std::string>{"all"}) return suitable_methods(store);
    if (!wanted.methods.empty()) return wanted.methods;
    std::vector<std::string> names = {"msp", "max-logit"};
    if (store.meta().activation == "sigmoid") names.emplace_back("sigmoid-max");
    return names;
}

} // namespace

Column fitted_column(const std::optional<std::string>& name, const io::FittedFile& fitted, const std::string& file,
                     const io::ActivationStore& store, bool allow_mismatch) {
    std::string problems;
    for (const std::string& mismatch : io::mismatches(fitted, store.meta())) {
        const std::string sentence = file + ": " + mismatch;
        if (allow_mismatch)
            log_warning(sentence);
        else
            problems += (problems.empty() ? "" : "\n") + sentence + "; fit on the same, or run with --allow-mismatch";
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
    Column column;
    column.detector = detect::load_detector(fitted);
    column.name = name.value_or(std::string(column.detector->method()));
    column.record = {fitted.method, file, fitted.sha256, fitted.fitted_on};
    detect::require_needs(*column.detector, store.block(0, 0), store.folder().string());
    return column;
}

Column unfitted_column(const std::string& name, const io::ActivationStore& store) {
    const detect::Method& method = detect::method_named(name);
    if (!method.make)
        throw Error(ErrorKind::usage, "--method " + name + ": has to be fitted; openset fit STORE --method " + name +
                                          " -o F.json, then --fitted F.json");
    if (method.needs.sigmoid && store.meta().activation != "sigmoid")
        log_warning(name + ": the network is a softmax network, whose logits have no zero; its sigmoids mean little");
    if (method.needs.softmax && store.meta().activation == "sigmoid")
        log_warning(name + ": the network has a sigmoid for each label; a softmax of its logits means little");
    Column column{name, method.make(store.classes(), {}), {name, "", "", ""}};
    detect::require_needs(*column.detector, store.block(0, 0), store.folder().string());
    return column;
}

std::vector<std::string> suitable_methods(const io::ActivationStore& store) {
    std::vector<std::string> names;
    const detect::TrainingRows rows = detect::training_rows(store);
    for (const detect::Method& method : detect::methods()) {
        if (!method.make) continue;
        if (const auto missing = detect::what_is_missing(method, rows))
            log_notice(method.name + " is left out: it " + *missing);
        else
            names.push_back(method.name);
    }
    return names;
}

std::string unfitted_methods() {
    std::string names;
    for (const detect::Method& method : detect::methods()) {
        if (method.make) names += (names.empty() ? "" : ", ") + method.name;
    }
    return names;
}

void check_names(const std::vector<Column>& columns) {
    const std::set<std::string> taken = {"path", "label", "predicted", "confidence"};
    std::set<std::string> names;
    for (const Column& column : columns) {
        const std::string& name = column.name;
        if (name.empty() || taken.contains(name) || name.starts_with("p:") || name.starts_with("w:")) {
            throw Error(ErrorKind::usage, "--fitted " + name + "=" + column.record.fitted_file +
                                              ": found a name that another column may have, expected one that is "
                                              "neither empty nor path, label, predicted or confidence, and does not "
                                              "begin with p: or w:, as the columns of probabilities and W-scores do");
        }
        if (!names.insert(name).second) {
            throw Error(ErrorKind::usage, "two columns are called " + name +
                                              ", expected a name for each; give one with --fitted NAME=FILE");
        }
    }
}

std::vector<Column> columns_of(const WantedColumns& wanted, const io::ActivationStore& store) {
    std::vector<Column> columns;
    for (const std::string& flag : wanted.fitted) add_fitted(flag, store, wanted.allow_mismatch, columns);
    for (const std::string& method : methods_to_make(wanted, store)) columns.push_back(unfitted_column(method, store));
    check_names(columns);
    return columns;
}

} // namespace openset::scores
