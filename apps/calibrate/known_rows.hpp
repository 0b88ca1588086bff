#pragma once

#include <filesystem>
#include <string>

#include "openset/cascade/chain_calibration.hpp"

namespace openset::calibrate {

/// Known pictures with a score at every stage that can reject them.
struct KnownRows {
    std::filesystem::path file;
    cascade::ChainRows chain;
    std::int64_t failed = 0; ///< pictures without scores, which are no rows here
};

struct KnownRequest {
    std::string file;                ///< rows of infer, or a score file
    std::string method;              ///< score file: its column; empty: the only one
    std::string gate_score = "mass"; ///< or rank
};

/// Reads rows of infer with the run record beside them, whose config says what the stages are and accept, or one column of a
/// score file as the stage unknown. Says on the log what is left out or doubtful.
/// Throws as scores::read_stage(); Error(usage): no record; a chain that rejects nothing; rows that an earlier stage
/// rejected, so that a later one has no score for them.
KnownRows read_known(const KnownRequest& request);

/// Throws Error(usage) where the second file's stages are others, or were made by others.
void require_same_chain(const KnownRows& one, const KnownRows& other);

} // namespace openset::calibrate
