#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/io/activation_store.hpp"
#include "openset/io/activations.hpp"

/// Filling an activation store row by row, so that a killed run can be gone on with.
namespace openset::io {

/// The last Linear of the network that fills a store: logits = W f + b.
struct StoreHead {
    std::int64_t features = 0;
    std::vector<float> weight; ///< [classes, features]
    std::vector<float> bias;   ///< [classes]
};

/// A picture of a store, as samples.csv tells it.
struct StoreSample {
    std::string path;  ///< any bytes, not empty
    std::string label; ///< a label of the network, or a class that it does not know; empty: none
    std::string error; ///< why the picture has no row; empty where it has one
};

/// What of an interrupted run stays.
struct KeptSamples {
    std::int64_t rows = 0, failed = 0;
    std::int64_t total() const { return rows + failed; }
};

/// Writes a store into `<folder>.partial`, which takes its name in finish(). The partial folder is locked while the writer
/// lives. Every method throws Error(output) where something cannot be written.
class StoreWriter {
public:
    /// Begins anew: what stands in `<folder>.partial` is emptied. Throws Error(output), with the folder untouched, where
    /// another run is writing it.
    explicit StoreWriter(std::filesystem::path folder);

    /// Goes on with `<folder>.partial`, where there is one: every file is cut back to the last row that is whole in all of
    /// them, and the pictures that stay are handed to `keep` one by one, in order. What `keep` throws is passed on, and
    /// nothing was cut. Throws Error(usage) where the files are not those of an interrupted run.
    StoreWriter(std::filesystem::path folder, const std::function<void(const StoreSample&)>& keep);

    StoreWriter(StoreWriter&&) noexcept;
    ~StoreWriter();

    const KeptSamples& kept() const;

    /// label        among the network's labels, -1 for none
    /// activations  one row; all rows have features and extras of one width. Throws Error(model) where this one has not
    void write(const StoreSample& sample, std::int64_t label, const Activations& activations);

    void write_failed(const StoreSample& sample);

    /// Hands what was written to the operating system: a killed process does not lose it.
    void flush();

    /// Writes `<folder>.partial/run.json`, what is known of the run so far.
    void write_run(std::string_view json);

    /// Everything was written: meta.json and the head join the rows, everything is synced, and the folder takes its name;
    /// a store of that name is replaced and removed. The writer is of no more use.
    /// meta  its counts are filled in; its labels say how many columns the logits of a store without rows have
    /// head  where the network has one
    void finish(StoreMeta meta, const std::optional<StoreHead>& head);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Hands out the pictures of a whole store in order, those that failed too. Throws Error(corrupt, not_found, unreadable)
/// where samples.csv is not there, or no such table.
KeptSamples for_each_picture(const std::filesystem::path& store,
                             const std::function<void(const StoreSample&)>& receive);

/// Hands out the pictures of `<folder>.partial` that a run which goes on with it would keep. Only looks: nothing is locked,
/// cut or written. Throws Error(corrupt, unreadable) where the files are not those of an interrupted run.
/// partial  the folder itself, as partial_store() names it
KeptSamples for_each_kept_picture(const std::filesystem::path& partial,
                                  const std::function<void(const StoreSample&)>& receive);

/// The folder that a run fills, beside its final name: `<folder>.partial`. A slash at the end of the name is left out.
std::filesystem::path partial_store(const std::filesystem::path& folder);

/// Throws Error(output) where the folder's place is missing, or where something has its name that is no store: a file, or a
/// folder that holds what no store holds. A folder that is empty will do.
void check_place_for_store(const std::filesystem::path& folder);

} // namespace openset::io
