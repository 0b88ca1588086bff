#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "flow/runner_item.hpp"
#include "openset/flow/decode_memory.hpp"

namespace openset::flow {

/// The decode side of a run: inputs -> pictures as the networks' preprocessing has them. Every thread may call.
class PicturePreparer {
public:
    /// preprocess  by stage
    PicturePreparer(const std::vector<image::PreprocessSpec>& preprocess, const RunnerOptions& options);

    /// Which of an item's prepared pictures a stage sees: one serves all stages of the same resize and crop.
    std::size_t preparation_of(std::size_t stage) const { return preparation_of_[stage]; }

    /// Waits until there is room for the input's bytes, where it comes with any.
    MemoryBudget::Lease admit(const Input& input);

    /// Reads, decodes, resizes and crops; what is wrong with the picture makes its row a failed one.
    /// content  what admit() gave
    Item prepare(std::int64_t number, Input input, MemoryBudget::Lease content);

    /// Of pictures: the first few are logged as warnings, the rest as info.
    std::int64_t warnings_not_shown() const;

private:
    void prepare(Item& item, std::span<const std::uint8_t> bytes);
    MemoryBudget::Lease admit_pixels(const image::DecodeCost& cost);
    int divisor(int width, int height) const;

    const RunnerOptions& options_;
    std::vector<image::PreprocessSpec> preparations_;
    std::vector<std::size_t> preparation_of_; ///< by stage: index into preparations_
    DecodeMemory memory_;
    std::atomic<std::int64_t> warnings_ = 0;
};

} // namespace openset::flow
