#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "openset/io/activation_store.hpp"

namespace openset::io {

/// A float64 array of a fitted detector, row-major.
struct FittedArray {
    std::vector<std::int64_t> shape;
    std::vector<double> values; ///< finite
};

/// The same in float32: rows of a store, and its head, which have no more digits.
struct FittedFloats {
    std::vector<std::int64_t> shape;
    std::vector<float> values; ///< finite
};

/// A fitted detector as it lies on disk (format openset-fitted/1): what every method has in common, with the method's own
/// parts as JSON texts.
///
/// Arrays of up to 4096 values stand in the JSON under `state`; larger ones lie beside it, in `FITTED.d/<name>-<hash>.npy`,
/// named in the JSON with their hash, so that a fitted file is replaced as a whole.
struct FittedFile {
    std::string method;
    std::string params_json = "{}";       ///< what was asked for, in full
    std::string model_name, model_sha256; ///< of the network that filled the store; empty: not told
    std::vector<std::string> labels;      ///< [classes]
    std::string activation = "softmax";   ///< or sigmoid
    std::string preprocess_json;          ///< empty: not told
    std::string precision, engine;        ///< of the store; empty: not told
    bool fast_decode = false;             ///< of the store
    std::string fitted_on;                ///< identity of the store (ActivationStore); empty: not told
    std::string state_json = "{}";        ///< small things; arrays stand in `arrays`
    std::map<std::string, FittedArray> arrays;
    std::map<std::string, FittedFloats> float_arrays; ///< no name stands in both
    std::string diagnostics_json = "{}"; ///< for people; nothing is computed from it

    // Set by read_fitted():
    std::string sha256{};             ///< of the JSON file, which names the arrays by their hashes
    std::string name = "fitted file"; ///< in messages: its path
};

/// A file in which nothing stands yet but what it tells of the activations that it is fitted on; without labels.
FittedFile fitted_file_for(const StoreMeta& store);

/// Throws Error(not_found, unreadable, corrupt) with everything that is wrong with the file: unknown keys, arrays that
/// are missing or have another hash.
FittedFile read_fitted(const std::filesystem::path& path);

/// Writes the arrays beside it first, then the file itself, atomically; arrays that only an older version of the file
/// named are removed last. Throws Error(output).
void write_fitted(const std::filesystem::path& path, const FittedFile& fitted);

/// What of the network and its use is not as it was when the detector was fitted: a clause each, such as `was fitted on
/// activations of another network (...)`; empty where nothing differs. What one of the two does not tell is passed over:
/// hashes, preprocessing and precision that are empty, labels that are the numbers of a store without a meta.json.
/// Engines are no mismatch: in one precision their activations agree to a few units in the last place.
std::vector<std::string> mismatches(const FittedFile& fitted, const StoreMeta& now);

} // namespace openset::io
