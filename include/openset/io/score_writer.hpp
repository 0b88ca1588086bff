#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "openset/base/byte_sink.hpp"

namespace openset::io {

/// `path,label,predicted,confidence` and then a column a method (larger = more unknown), perhaps probabilities and
/// W-scores. Numbers in the shortest form that reads back to the same value, infinities as inf and -inf.
class ScoreWriter {
public:
    /// The writer keeps a reference to the sink and writes the header at once.
    /// columns  names of what follows the first four
    ScoreWriter(ByteSink& sink, const std::vector<std::string>& columns);

    /// label, predicted  names; empty for none
    /// confidence        the largest softmax or sigmoid
    /// values            [columns]
    void write(std::string_view path, std::string_view label, std::string_view predicted, double confidence,
               std::span<const double> values);

private:
    ByteSink& sink_;
    std::size_t columns_;
    std::string line_;
};

} // namespace openset::io
