#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "openset/flow/loaded_pipeline.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/store_writer.hpp"

/// From a pipeline's classifier to an activation store.
namespace openset::flow {

/// What a store says of the network that fills it; the counts are for who writes it.
io::StoreMeta store_meta(const LoadedStage& classifier);

/// The network's last Linear; none where the network is not cut in front of one. A single logit z over two labels stands in
/// stores as the logits 0 and z, and its head as a row of zeros before the row of z.
std::optional<io::StoreHead> store_head(const LoadedStage& classifier);

/// Class names as folders and tables have them -> the labels of a network.
class ClassNames {
public:
    /// labels  of the network; of two that are called the same the first counts
    explicit ClassNames(std::vector<std::string> labels);

    /// The id of the label; -1 for a name that is no label, which is counted, and for an empty name, which is not.
    std::int64_t id_of(const std::string& name);

    /// A sentence for each name that is no label, the most frequent first, with its count and a did-you-mean; at most 10,
    /// and one about the others.
    std::vector<std::string> unknown() const;

private:
    std::vector<std::string> labels_;
    std::map<std::string, std::int64_t> ids_, unknown_; ///< id, count by name
};

} // namespace openset::flow
