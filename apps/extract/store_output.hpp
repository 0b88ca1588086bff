#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/progress.hpp"
#include "extract/options.hpp"
#include "openset/flow/extraction.hpp"
#include "openset/io/run_record.hpp"

namespace openset::extract {

/// Finds the classes of pictures, as the options say where they stand.
class Labelling {
public:
    Labelling(const Options& options, const std::vector<std::string>& labels);

    /// Empty where nothing tells it.
    std::string class_of(const flow::Input& input) const;

    /// What the run record says of it.
    io::StoreRecord record() const;

    flow::ClassNames names;

private:
    bool from_folders_;
    std::vector<std::string> folders_; ///< that were named
    std::string csv_, files_sha256_;
};

/// Throws Error(usage, output) where the store cannot be written: something else has its name, a store or what an
/// interrupted run left stands there and no flag says what is to become of it.
void check_place(const Options& options);

/// What a whole store of the same run holds already, where --resume finds one and nothing to go on with. Takes from `source`
/// an input for each picture.
/// Throws Error(usage) where the pictures are not these inputs or were run in another way.
std::optional<io::KeptSamples> whole_already(const Options& options, const io::RunRecord& record,
                                             const Labelling& labelling, flow::InputSource& source);

/// The rows' way into the store, with what is counted on it.
class StoreOutput {
public:
    /// record  of the run as far as it is known; it is written into the partial store at once
    /// source  where the run takes up an interrupted one, it is left at the first input that the store does not have
    /// Throws Error(usage) where that cannot be: the pictures are not these inputs or were run in another way.
    StoreOutput(const Options& options, const flow::LoadedStage& classifier, Labelling& labelling,
                const io::RunRecord& record, flow::InputSource& source);

    /// total  of the inputs, where it is known
    void show_progress(std::optional<std::int64_t> total);

    /// False: no more rows are wanted.
    bool receive(const flow::Delivery& delivery);

    /// Hands on what was written. A complete run's store takes its name.
    void finish(const io::RunRecord& record);

    const io::RowCounts& counts() const { return counts_; }
    /// Of the interrupted run.
    std::int64_t kept() const { return writer_.kept().total(); }
    const std::string& first_failure() const { return first_failure_; }

private:
    io::StoreWriter open(const io::RunRecord& record, flow::InputSource& source);

    const Options& options_;
    const flow::LoadedStage& classifier_;
    Labelling& labelling_;
    io::RowCounts counts_;
    io::StoreWriter writer_;
    std::optional<cli::Progress> progress_;
    std::string first_failure_;
};

} // namespace openset::extract
