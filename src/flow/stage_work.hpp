#pragma once

#include <span>
#include <string>
#include <vector>

#include "flow/batch_sizes.hpp"
#include "flow/picture_preparer.hpp"
#include "flow/runner_item.hpp"

namespace openset::flow {

/// The inference side of a run: pictures through a stage's network, its head, the rules and the detector, and on through
/// every further head whose trunk has seen them already. Every thread may call.
class StageWork {
public:
    /// All that is given must outlive this.
    StageWork(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks,
              const RunnerOptions& options, const PicturePreparer& preparer);

    /// Takes the items, which wait for this stage and are of one size, as far as they come without another network's
    /// forward pass: next_stage says where each has to wait then.
    /// statistics  by stage; what was done is added
    void work(std::size_t stage, std::span<Item> items, std::vector<RunStatistics::Stage>& statistics);

    const BatchSizes& batch_sizes() const { return batch_sizes_; }

private:
    using Statistics = std::vector<RunStatistics::Stage>;

    void infer(std::size_t stage, std::span<Item> items, Statistics& statistics);
    void infer_in_halves(std::size_t stage, std::span<Item> items, const std::string& message, Statistics& statistics);
    model::Outputs forward(std::size_t stage, std::span<Item> items, Statistics& statistics);
    void judge_all(std::size_t stage, std::span<Item> items, const model::Outputs& outputs,
                   Statistics& statistics) const;
    void judge_or_fail(std::size_t stage, Item& item, const model::Outputs& outputs) const;
    void judge(std::size_t stage, Item& item, const model::Outputs& outputs) const;
    void decide(std::size_t stage, Item& item, const cascade::StageScores& scores,
                const io::Activations& activations) const;
    void decide_unknown(Item& item, const cascade::StageScores& scores, const io::Activations& activations,
                        cascade::StageDecision& decision) const;
    void fail_at(std::size_t stage, Item& item, const std::string& message) const;
    std::size_t stage_after(std::size_t stage, const Item& item) const;
    bool looks_at_extras(std::size_t stage) const;

    const cascade::Pipeline& pipeline_;
    const std::vector<StageNetwork>& networks_;
    const RunnerOptions& options_;
    const PicturePreparer& preparer_;
    std::vector<std::size_t> trunk_of_;      ///< by stage: the first stage of its trunk
    std::vector<std::size_t> last_on_trunk_; ///< by trunk: the last stage with a head on it
    BatchSizes batch_sizes_;
};

} // namespace openset::flow
