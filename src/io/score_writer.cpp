#include "openset/io/score_writer.hpp"

#include <cassert>

#include "io/csv.hpp"
#include "openset/io/number_text.hpp"

namespace openset::io {

ScoreWriter::ScoreWriter(ByteSink& sink, const std::vector<std::string>& columns)
    : sink_(sink), columns_(columns.size()) {
    line_ = "path,label,predicted,confidence";
    for (const std::string& column : columns) line_ += "," + csv_field(column);
    sink_.write(line_ += "\r\n");
}

void ScoreWriter::write(std::string_view path, std::string_view label, std::string_view predicted, double confidence,
                        std::span<const double> values) {
    assert(values.size() == columns_);
    line_ = csv_field(path);
    line_ += "," + csv_field(label) + "," + csv_field(predicted) + "," + shortest(confidence);
    for (const double value : values) line_ += "," + shortest(value);
    sink_.write(line_ += "\r\n");
}

} // namespace openset::io
