#include "extract/store_output.hpp"

#include <filesystem>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/flow/class_folder.hpp"
#include "openset/io/resume.hpp"
#include "pictures/resume.hpp"

namespace openset::extract {
namespace {

namespace fs = std::filesystem;

/// Whether a folder of this name is there and holds something.
bool holds_something(const fs::path& folder) {
    std::error_code ignored; // who writes there says what is wrong
    return fs::is_directory(folder, ignored) && !fs::is_empty(folder, ignored);
}

/// Pictures that a store holds, held against the inputs of the run that is to go on with it.
class KeptPictures {
public:
    KeptPictures(fs::path store, const Labelling& labelling, flow::InputSource& source)
        : store_(std::move(store)), labelling_(labelling), source_(source) {}

    void check(const io::StoreSample& sample) {
        io::check_kept_row(store_, ++count_, sample.path, pictures::next_path(source_));
        const std::string label = labelling_.class_of({sample.path, std::nullopt, std::nullopt, sample.label});
        if (label == sample.label) return;
        throw Error(ErrorKind::usage, store_.string() + ": row " + std::to_string(count_) + " has the class \"" +
                                          sample.label + "\", now the folders say \"" + label +
                                          "\"; name them as then, or run with --force to begin anew");
    }

private:
    fs::path store_;
    const Labelling& labelling_;
    flow::InputSource& source_;
    std::int64_t count_ = 0;
};

/// A failed picture's error begins with its kind.
io::RowCounts counts_of(const std::string& error) {
    const bool by_network = error.starts_with(to_string(ErrorKind::model));
    io::RowCounts counts;
    counts.add(error.empty() ? io::Outcome::known : io::Outcome::failed,
               error.empty() || by_network ? "classifier" : "decode");
    return counts;
}

void add(io::RowCounts& counts, const io::RowCounts& more) {
    counts.known += more.known;
    counts.failed += more.failed;
    for (const auto& [stage, count] : more.decided_by) counts.decided_by[stage] += count;
}

} // namespace

Labelling::Labelling(const Options& options, const std::vector<std::string>& labels)
    : names(labels), from_folders_(!options.unlabelled && options.inputs.csv.empty()), folders_(options.inputs.paths),
      csv_(options.inputs.csv), files_sha256_(options.files_sha256) {}

std::string Labelling::class_of(const flow::Input& input) const {
    if (from_folders_) return flow::class_folder(input.path, folders_);
    return csv_.empty() ? "" : input.label.value_or("");
}

io::StoreRecord Labelling::record() const {
    if (!csv_.empty()) return {"csv", sha256_hex_of_file(csv_), files_sha256_};
    return {from_folders_ ? "folders" : "none", "", files_sha256_};
}

void check_place(const Options& options) {
    io::check_place_for_store(options.output);
    const fs::path partial = io::partial_store(options.output);
    if (holds_something(partial) && !options.resume && !options.force) {
        throw Error(ErrorKind::usage, "-o " + options.output + ": " + partial.string() +
                                          " is what an interrupted run left; --resume goes on with it, --force begins "
                                          "anew");
    }
    const bool would_replace = holds_something(options.output) && !options.force;
    if (would_replace && (!options.resume || holds_something(partial))) {
        throw Error(ErrorKind::usage,
                    "-o " + options.output + ": exists; choose another name, or add --force to replace it");
    }
}

std::optional<io::KeptSamples> whole_already(const Options& options, const io::RunRecord& record,
                                             const Labelling& labelling, flow::InputSource& source) {
    if (!options.resume || !holds_something(options.output) || holds_something(io::partial_store(options.output)))
        return std::nullopt;
    pictures::check_same_way(options.output, record);
    KeptPictures kept(options.output, labelling, source);
    const auto counts =
        io::for_each_picture(options.output, [&kept](const io::StoreSample& sample) { kept.check(sample); });
    if (const auto next = pictures::next_path(source)) {
        throw Error(ErrorKind::usage, options.output + ": is whole, with " + std::to_string(counts.total()) +
                                          " pictures, but the inputs now go on with " + *next +
                                          "; run with --force instead of --resume to begin anew");
    }
    return counts;
}

StoreOutput::StoreOutput(const Options& options, const flow::LoadedStage& classifier, Labelling& labelling,
                         const io::RunRecord& record, flow::InputSource& source)
    : options_(options), classifier_(classifier), labelling_(labelling), writer_(open(record, source)) {
    writer_.write_run(to_json(record));
    if (!options_.resume || (options_.own_classes && kept() == 0)) return;
    log_notice(kept() > 0 ? "going on after " + std::to_string(kept()) + " pictures of " +
                                io::partial_store(options_.output).string()
                          : "nothing to resume: beginning " + options_.output);
}

io::StoreWriter StoreOutput::open(const io::RunRecord& record, flow::InputSource& source) {
    if (!options_.resume) return io::StoreWriter(options_.output);
    const fs::path partial = io::partial_store(options_.output);
    KeptPictures kept(partial, labelling_, source);
    bool first = true;
    return {options_.output, [&](const io::StoreSample& sample) {
                // Not before: where nothing was kept, it does not matter how it was made.
                if (std::exchange(first, false)) pictures::check_same_way(partial, record);
                kept.check(sample);
                labelling_.names.id_of(sample.label); // counted, where it is unknown
                if (options_.strict && !sample.error.empty()) {
                    throw Error(ErrorKind::usage, partial.string() + ": holds the failed picture " + sample.path +
                                                      ", and --strict ends a run at the first; leave it out to go on");
                }
                add(counts_, counts_of(sample.error));
            }};
}

void StoreOutput::show_progress(std::optional<std::int64_t> total) {
    progress_.emplace(cli::progress_style(options_.progress, options_.quiet, false), total, kept());
}

bool StoreOutput::receive(const flow::Delivery& delivery) {
    const io::Row& row = delivery.row;
    const std::string label = labelling_.class_of(delivery.input);
    const std::int64_t id = labelling_.names.id_of(label);
    if (row.failure) {
        writer_.write_failed({row.path, label, row.failure->kind + ": " + row.failure->message});
    } else {
        writer_.write({row.path, label, ""}, id, delivery.activations);
    }
    counts_.add(row);
    if (progress_) progress_->update(counts_);
    if (!options_.strict || !row.failure) return true;
    first_failure_ = row.path + ": " + row.failure->kind + ": " + row.failure->message;
    return false;
}

void StoreOutput::finish(const io::RunRecord& record) {
    if (progress_) progress_->finish(counts_);
    writer_.flush();
    writer_.write_run(to_json(record));
    if (!record.complete) return;
    io::StoreMeta meta = flow::store_meta(classifier_);
    meta.fast_decode = record.fast_decode;
    if (record.networks.front().engine == "onednn") meta.engine = "onednn";
    writer_.finish(meta, flow::store_head(classifier_));
}

} // namespace openset::extract
