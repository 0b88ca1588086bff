#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "openset/detect/openmax.hpp"

namespace openset::detect {

/// Keeps the distances of a class that make its tail, of any number that pass: the largest, or the last.
class TailCollector {
public:
    TailCollector(TailRows rows, std::int64_t size) : rows_(rows), size_(static_cast<std::size_t>(size)) {}

    void add(double distance) {
        if (values_.size() < size_) {
            values_.push_back(distance);
            if (rows_ == TailRows::largest) std::ranges::push_heap(values_, std::greater<>());
        } else if (rows_ == TailRows::last) {
            values_[oldest_] = distance;
            oldest_ = (oldest_ + 1) % size_;
        } else if (distance > values_.front()) { // the smallest that is kept
            std::ranges::pop_heap(values_, std::greater<>());
            values_.back() = distance;
            std::ranges::push_heap(values_, std::greater<>());
        }
    }

    /// Descending for TailRows::largest, in the order of the rows for TailRows::last.
    std::vector<double> take() {
        if (rows_ == TailRows::largest) std::ranges::sort(values_, std::greater<>());
        if (rows_ == TailRows::last)
            std::rotate(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(oldest_), values_.end());
        return std::move(values_);
    }

private:
    TailRows rows_;
    std::size_t size_;
    std::vector<double> values_; ///< a heap with the smallest in front, or a ring
    std::size_t oldest_ = 0;     ///< of the ring
};

} // namespace openset::detect
