#include "openset/flow/extraction.hpp"

#include <algorithm>
#include <utility>

#include "model/preprocess_json.hpp"
#include "openset/base/printable.hpp"
#include "openset/base/spelling.hpp"

namespace openset::flow {

io::StoreMeta store_meta(const LoadedStage& classifier) {
    const model::ModelInfo& info = classifier.network->info();
    io::StoreMeta meta;
    meta.model_name = info.name;
    meta.model_sha256 = classifier.file.sha256;
    meta.labels = info.labels;
    meta.activation = info.activation == model::Activation::sigmoid ? "sigmoid" : "softmax";
    meta.preprocess_json = model::preprocess_to_json(classifier.preprocess).dump();
    meta.head = info.head;
    meta.precision = classifier.network->precision();
    meta.engine = "torchscript";
    return meta;
}

std::optional<io::StoreHead> store_head(const LoadedStage& classifier) {
    const model::Head* head = classifier.network->head();
    if (head == nullptr) return std::nullopt;
    io::StoreHead result{head->features(), head->weight(), head->bias()};
    const bool single_logit = head->classes() == 1 && classifier.network->info().labels.size() == 2;
    if (single_logit) {
        result.weight.insert(result.weight.begin(), static_cast<std::size_t>(head->features()), 0.0F);
        result.bias.insert(result.bias.begin(), 0.0F);
    }
    return result;
}

ClassNames::ClassNames(std::vector<std::string> labels) : labels_(std::move(labels)) {
    for (std::size_t id = 0; id < labels_.size(); ++id) ids_.emplace(labels_[id], static_cast<std::int64_t>(id));
}

std::int64_t ClassNames::id_of(const std::string& name) {
    if (name.empty()) return -1;
    const auto known = ids_.find(name);
    if (known != ids_.end()) return known->second;
    ++unknown_[name];
    return -1;
}

std::vector<std::string> ClassNames::unknown() const {
    constexpr std::size_t most_told = 10;
    std::vector<std::pair<std::string, std::int64_t>> names(unknown_.begin(), unknown_.end());
    std::ranges::stable_sort(names, std::greater(), [](const auto& entry) { return entry.second; });
    std::vector<std::string> sentences;
    const auto pictures = [](std::int64_t count) {
        return std::to_string(count) + (count == 1 ? " picture" : " pictures");
    };
    for (std::size_t i = 0; i < std::min(names.size(), most_told); ++i) {
        sentences.push_back("class " + printable(names[i].first) + ", " + pictures(names[i].second) +
                            ": the network has no such label, so they are stored with label -1" +
                            did_you_mean(names[i].first, labels_));
    }
    std::int64_t others = 0;
    for (std::size_t i = most_told; i < names.size(); ++i) others += names[i].second;
    if (others > 0) {
        sentences.push_back(std::to_string(names.size() - most_told) + " more classes, " + pictures(others) +
                            ", are no labels of the network either");
    }
    return sentences;
}

} // namespace openset::flow
