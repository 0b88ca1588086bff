#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openset/flow/memory_budget.hpp"
#include "openset/image/decode.hpp"

namespace openset::flow {

/// The memory of the pictures that several threads read and decode at one time: one budget for their files, one for their
/// pixels, each asked once for a picture and always in that order, so that nobody who holds pixels waits for anything.
class DecodeMemory {
public:
    /// bytes  of each budget
    explicit DecodeMemory(std::int64_t bytes) : contents_(bytes), pixels_(bytes) {}

    /// Waits for room for a content that is in memory already; one larger than the budget has it for itself.
    MemoryBudget::Lease admit_content(std::int64_t bytes);

    /// A file, read when there is room for it. content  is made to hold that room
    /// Throws Error(too_large) for one larger than the budget, and as read_file does.
    std::vector<std::uint8_t> read(const std::string& path, MemoryBudget::Lease& content);

    /// Waits for room to decode a picture and then to work on it; for DecodeOptions::before_allocation.
    /// working  bytes that the work takes at its peak, beside the decoded picture
    /// Throws Error(too_large) where that is more than the budget.
    MemoryBudget::Lease admit_pixels(const image::DecodeCost& cost, std::int64_t working);

private:
    MemoryBudget contents_, pixels_;
};

} // namespace openset::flow
