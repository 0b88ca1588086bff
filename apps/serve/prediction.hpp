#pragma once

#include <string>

#include "openset/cascade/pipeline.hpp"
#include "openset/io/row.hpp"

namespace openset::serve {

/// The server's answer for a row that has not failed: `filename`, `contenttype`, `pred`, `conf` and `level` as the reference
/// gives them (level 0: the gate rejected it, `pred` UNKNOWN; 1: the species filter did, `pred` is its label; 2: classified, or
/// UNKNOWN where the classifier or the detector behind it rejected it; `conf`: the probability of that stage's likeliest label in
/// percent, one digit), the names of the pipeline's stages, and the whole row.
std::string to_json(const io::Row& row, const cascade::Pipeline& pipeline, const std::string& filename,
                    const std::string& content_type);

/// The same of a failed row: `detail` and the row.
std::string failure_to_json(const io::Row& row);

/// {"detail": "..."}; text that is not UTF-8 is mended.
std::string error_json(const std::string& detail);

/// The HTTP status of a failed row: 413 for too-large, 415 for what is no picture, 500 for a network's failure, else 422.
int status_of(const io::Failure& failure);

} // namespace openset::serve
