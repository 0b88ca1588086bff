#include "report/labels.hpp"

#include <algorithm>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/fitted_file.hpp"
#include "openset/io/run_record.hpp"
#include "openset/model/network_file.hpp"

namespace openset::report {
namespace {

/// Empty where the file is gone, or is not the one that ran.
std::vector<std::string> labels_of(const io::NetworkRecord& network) {
    try {
        model::NetworkFile file = model::open_network_file(network.path);
        if (file.sha256 == network.sha256) return file.info.labels;
        log_info(network.path + ": is not the network that made the rows, so its labels are not taken");
    } catch (const Error& error) {
        log_info(std::string(error.what()) + "; the classifier's labels are taken from elsewhere");
    }
    return {};
}

} // namespace

Labels labels_behind(const std::filesystem::path& rows, const std::filesystem::path& fitted) {
    const auto record = io::read_run_record(rows);
    const io::NetworkRecord* classifier = nullptr;
    if (record) {
        const auto found = std::ranges::find(record->networks, "classifier", &io::NetworkRecord::stage);
        if (found != record->networks.end()) classifier = &*found;
    }
    if (classifier != nullptr)
        if (auto names = labels_of(*classifier); !names.empty()) return {std::move(names), "its network"};
    if (fitted.empty()) return {};
    io::FittedFile file = io::read_fitted(fitted);
    const bool of_another =
        classifier != nullptr && !file.model_sha256.empty() && file.model_sha256 != classifier->sha256;
    if (of_another || file.labels.empty()) return {};
    return {std::move(file.labels), fitted.string()};
}

} // namespace openset::report
