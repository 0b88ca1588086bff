#pragma once

#include <filesystem>

/// Telling files apart by their content.
namespace openset::inspect {

struct Wanted {
    bool json = false;
    bool all_labels = false; ///< text: every class or verdict, however many
};

enum class Kind {
    network, ///< and whatever is nothing else: opening it says what is wrong
    store,
    partial_store, ///< a store that a run fills, or was filling
    array,
    rows,
    scores,
    fitted,
    operating_point,
    calibration,
    run_record,
    score_run,
    training,   ///< the record beside a network that was trained
    checkpoint, ///< of a training
    sweep,
};

/// Behind "expected" in messages: all that inspect knows.
inline constexpr const char* known_kinds =
    "a network (TorchScript archive), an activation store, an array (.npy), a "
    "fitted detector, scores, a table of openset sweep, an operating point, a calibration, rows, a "
    "run record, or the record or a checkpoint of a training";

/// By content, whatever the name; a partial store alone is told by its ending.
/// Throws Error(not_found); Error(usage) for a pipeline config and for JSON of another kind.
Kind kind_of(const std::filesystem::path& path);

} // namespace openset::inspect
