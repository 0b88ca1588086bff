#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "openset/io/activations.hpp"

namespace openset::io {

/// What made a store: its `meta.json` (format openset-store/1). A store without one, written by NumPy, has labels called
/// 0..K-1 and nothing else.
struct StoreMeta {
    std::string model_name;
    std::string model_sha256; ///< hexadecimal; empty: not told
    std::vector<std::string> labels;
    std::string activation = "softmax"; ///< or sigmoid
    std::string preprocess_json;        ///< as in a ModelInfo; empty: not told
    std::string head;                   ///< name of the last Linear; empty: not told
    std::string precision;              ///< fp32, bf16, fp16 or int8; empty: not told
    std::string engine;                 ///< torchscript or onednn; empty: not told
    bool fast_decode = false;           ///< JPEG pictures were decoded smaller where that was enough
    std::int64_t rows = 0, failed = 0;  ///< pictures with and without a place in the arrays
};

std::string to_json(const StoreMeta& meta);

/// name  of the document in messages. Throws Error(corrupt) with everything that is wrong with it.
StoreMeta parse_store_meta(std::string_view json, const std::string& name);

/// An activation store, a folder of arrays that NumPy opens too (interface: logits.npy, labels.npy, features.npy...),
/// opened for reading. Arrays are mapped, not read: opening takes no time, and for_each_block gives back what it has
/// passed.
class ActivationStore {
public:
    /// Throws Error(not_found, unreadable, corrupt): every array is held against its file's size and against the others
    /// (rows, classes, features), labels against the number of classes.
    explicit ActivationStore(std::filesystem::path folder);
    ActivationStore(ActivationStore&&) noexcept;
    ActivationStore& operator=(ActivationStore&&) noexcept;
    ~ActivationStore();

    const std::filesystem::path& folder() const;
    const StoreMeta& meta() const;
    bool has_meta() const; ///< false: written by NumPy, without meta.json
    std::int64_t rows() const;
    std::int64_t classes() const;
    std::int64_t features() const;                             ///< columns of features.npy; 0: there is none
    std::vector<std::string> extra_names() const;              ///< ascending
    std::int64_t extra_columns(const std::string& name) const; ///< 0: there is no such tensor

    /// [rows]; -1: a class that the model does not know, or no label at all.
    std::span<const std::int64_t> labels() const;

    /// The head: [classes, features] and [classes]; empty where the store has none.
    FloatRows head_weight() const;
    std::span<const float> head_bias() const;

    /// Rows `first` to `first + count`, as views into the mapped files.
    Activations block(std::int64_t first, std::int64_t count) const;
    Activations all() const { return block(0, rows()); }

    /// Calls `receive` with block after block, in order, and lets go of the pages of those before: memory does not grow
    /// with the rows. first  the number of the block's first row
    void for_each_block(const std::function<void(std::int64_t first, const Activations& block)>& receive,
                        std::int64_t rows_a_block = 4096) const;

    /// Gives the memory of the rows before `end` back to the system; they are read again when they are looked at again.
    void let_go(std::int64_t end) const;

    /// For row after row of the arrays its path and label as samples.csv has them (any bytes); where there is no
    /// samples.csv, the row's number and the name of its label.
    /// Throws Error(corrupt) where samples.csv does not fit the arrays.
    void for_each_sample(
        const std::function<void(std::int64_t row, const std::string& path, const std::string& label)>& receive) const;

    /// The same for stores of the same pictures, labels and network, wherever they lie: the SHA-256 of meta.json,
    /// labels.npy and samples.csv, and of logits.npy where there is no samples.csv. Hexadecimal.
    std::string identity() const;

    /// Throws Error(corrupt) that names the first row and array with a NaN or an infinity; none: all is finite.
    void check_finite() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace openset::io
