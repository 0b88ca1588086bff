#include "openset/io/merge.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>

#include "io/samples.hpp"
#include "io/store_files.hpp"
#include "openset/base/error.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/row_reader.hpp"
#include "openset/io/store_writer.hpp"

namespace openset::io {
namespace {

using Problems = std::vector<std::string>;

void throw_if_any(const Problems& problems) {
    if (problems.empty()) return;
    std::string message;
    for (const std::string& problem : problems) message += (message.empty() ? "" : "\n") + problem;
    throw Error(ErrorKind::usage, message);
}

/// What stands against a file as a part, whatever the others are; empty where nothing does.
std::string objection(const std::filesystem::path& file, const std::optional<RunRecord>& record) {
    const std::string name = file.string() + ": ";
    if (std::filesystem::is_directory(file)) {
        if (!record) {
            return name + "holds no run.json, so nothing says which shard it is; parts are stores that extract --shard "
                          "wrote, or row files that infer --shard wrote";
        }
    } else if (!std::filesystem::is_regular_file(file)) {
        return name + "no such file";
    }
    if (file.string().ends_with(".run.json")) return name + "is a run record, not rows; leave it out";
    if (!record) {
        return name + "no run record beside it (" + run_record_path(file).filename().string() +
               "), so nothing says which shard it is; parts are row files that infer --shard wrote";
    }
    if (!record->complete || file.extension() == ".partial")
        return name + "its run has not ended; finish it with --resume first";
    if (!record->shard) return name + "was made without --shard; there is nothing to join it with";
    if (record->store) return "";
    if (record->format == RowFormat::table) return name + "is a table, for people; make the parts with -f jsonl or csv";
    return "";
}

std::vector<Part> read_records(const std::vector<std::filesystem::path>& files) {
    std::vector<Part> parts;
    Problems problems;
    for (const auto& given : files) {
        const auto file = given.has_filename() ? given : given.parent_path(); // a folder with a slash at its end
        auto record = read_run_record(file);
        const std::string problem = objection(file, record);
        problem.empty() ? void(parts.push_back({file, std::move(*record)})) : problems.push_back(problem);
    }
    throw_if_any(problems);
    return parts;
}

RunRecord without_shard(RunRecord record) {
    record.shard.reset();
    return record;
}

bool is_list(const RunRecord& record) {
    return record.inputs.size() == 1 &&
           (record.inputs.front().starts_with("--files-from") || record.inputs.front().starts_with("--csv "));
}

void check_one_run(const std::vector<Part>& parts) {
    const Part& first = parts.front();
    Problems problems;
    for (const Part& part : parts) {
        const std::string name = part.file.string() + " is of another run than " + first.file.string() + ": ";
        for (const std::string& difference : differences(without_shard(first.record), without_shard(part.record)))
            problems.push_back(name + difference);
        if (part.record.shard->count != first.record.shard->count)
            problems.push_back(name + "--shard was " + to_string(*first.record.shard) + ", now " +
                               to_string(*part.record.shard));
        // The list may have had another name on another machine: doubts() speaks of it.
        if (part.record.inputs != first.record.inputs && !(is_list(part.record) && is_list(first.record)))
            problems.push_back(name + "the inputs are others");
    }
    throw_if_any(problems);
}

/// The shards that no part is; a few are named, so that a thousand are no wall of text.
std::string missing_shards(const std::map<std::int64_t, const Part*>& by_index, std::int64_t count) {
    constexpr int shown = 10;
    const auto missing = count - static_cast<std::int64_t>(by_index.size());
    std::string names;
    int named = 0;
    for (std::int64_t i = 0; i < count && named < shown; ++i) {
        if (by_index.contains(i)) continue;
        names += (named++ == 0 ? "" : ", ") + to_string(Shard{i, count});
    }
    const std::string more = missing > shown ? " and " + std::to_string(missing - shown) + " more" : "";
    return missing == 0 ? "" : (missing == 1 ? "shard " : "shards ") + names + more;
}

/// Where a missing shard's run was broken off beside the other parts: a sentence for each that is found.
Problems unfinished_shards(const std::map<std::int64_t, const Part*>& by_index, const Part& first) {
    Problems problems;
    const auto folder = first.file.has_parent_path() ? first.file.parent_path() : std::filesystem::path(".");
    std::error_code ignored; // it is a hint only
    for (std::filesystem::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
        if (entry->path().extension() != ".partial") continue;
        const auto file = first.file.parent_path() / entry->path().filename();
        try {
            const auto record = read_run_record(file);
            const bool is_missing = record && record->shard && record->shard->count == first.record.shard->count &&
                                    !by_index.contains(record->shard->index);
            if (is_missing && differences(without_shard(first.record), without_shard(*record)).empty())
                problems.push_back(file.string() + ": shard " + to_string(*record->shard) +
                                   ", its run has not ended; finish it with --resume first");
        } catch (const Error&) {
            continue;
        }
    }
    std::ranges::sort(problems);
    return problems;
}

void check_every_shard_once(const std::vector<Part>& parts) {
    std::map<std::int64_t, const Part*> by_index;
    Problems problems;
    for (const Part& part : parts) {
        const auto [other, is_new] = by_index.emplace(part.record.shard->index, &part);
        if (is_new) continue;
        problems.push_back(other->second->file.string() + " and " + part.file.string() + " are both shard " +
                           to_string(*part.record.shard));
    }
    const std::string missing = missing_shards(by_index, parts.front().record.shard->count);
    if (!missing.empty()) {
        problems.push_back("missing: " + missing);
        std::ranges::copy(unfinished_shards(by_index, parts.front()), std::back_inserter(problems));
    }
    throw_if_any(problems);
}

std::int64_t rows_of(const std::vector<Part>& parts) {
    std::int64_t rows = 0;
    for (const Part& part : parts) rows += part.record.counts.total();
    return rows;
}

/// parts  every shard once, in order
void check_lengths(const std::vector<Part>& parts) {
    const std::int64_t rows = rows_of(parts), count = static_cast<std::int64_t>(parts.size());
    Problems problems;
    for (const Part& part : parts) {
        const std::int64_t expected = (rows - part.record.shard->index + count - 1) / count;
        const std::int64_t found = part.record.counts.total();
        if (found == expected) continue;
        problems.push_back(part.file.string() + ": has " + std::to_string(found) + " rows, expected " +
                           std::to_string(expected) + " in shard " + to_string(*part.record.shard) + " of " +
                           std::to_string(rows) + ": the runs did not see the same inputs");
    }
    throw_if_any(problems);
}

/// A part's rows, held against its record.
class PartRows {
public:
    explicit PartRows(const Part& part) : part_(part), rows_(part.file) {
        if (rows_.format() != part.record.format && !is_empty_jsonl())
            refuse("holds " + std::string(to_string(rows_.format())) + ", its record says " +
                   std::string(to_string(part.record.format)));
    }

    const std::string& header() const { return rows_.header(); }

    /// The next row; there has to be one.
    RowRecord next() {
        auto row = rows_.next();
        if (!row) refuse("ends after row " + std::to_string(rows_.rows()) + ", " + counted());
        counts_.add(row->outcome, row->decided_by);
        return std::move(*row);
    }

    /// After the last row.
    void check_end() {
        if (rows_.next()) refuse("has more rows, " + counted());
        if (rows_.torn_bytes() > 0) refuse("ends in a torn row");
        if (counts_ != part_.record.counts) refuse("its rows have other outcomes than its record counts");
    }

private:
    bool is_empty_jsonl() const { return part_.record.format == RowFormat::jsonl && rows_.whole_bytes() == 0; }

    std::string counted() const { return "its record counts " + std::to_string(part_.record.counts.total()); }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorKind::corrupt, part_.file.string() + ": " + what + "; it was changed since it was made");
    }

    const Part& part_;
    RowReader rows_;
    RowCounts counts_;
};

RunRecord record_of_whole(const std::vector<Part>& parts) {
    RunRecord whole = without_shard(parts.front().record);
    whole.counts = {};
    whole.load_seconds = whole.run_seconds = 0;
    for (const Part& part : parts) {
        const RunRecord& record = part.record;
        whole.counts.known += record.counts.known;
        whole.counts.unknown += record.counts.unknown;
        whole.counts.failed += record.counts.failed;
        for (const auto& [stage, count] : record.counts.decided_by) whole.counts.decided_by[stage] += count;
        whole.load_seconds += record.load_seconds;
        whole.run_seconds += record.run_seconds;
        whole.started = std::min(whole.started, record.started);
        const auto rows = record.store ? part.file / logits_file : part.file;
        whole.parts.push_back({part.file.filename().string(), sha256_hex_of_file(rows), record.counts.total()});
    }
    return whole;
}

FloatRows row_of(const FloatRows& all, std::int64_t row) {
    return all.empty() ? FloatRows{} : FloatRows{1, all.columns, all.values + row * all.columns};
}

Activations row_of(const Activations& all, std::int64_t row) {
    Activations one{1, row_of(all.logits, row), row_of(all.features, row), {}};
    for (const auto& [name, values] : all.extras) one.extras.emplace(name, row_of(values, row));
    return one;
}

/// A part's pictures with their rows, held against its record.
class PartPictures {
public:
    explicit PartPictures(const Part& part)
        : part_(part), store_(part.file), all_(store_.all()), samples_(part.file / samples_file) {}

    const ActivationStore& store() const { return store_; }

    /// The next picture; there has to be one.
    Sample next() {
        auto sample = samples_.next();
        if (!sample) refuse("ends after " + std::to_string(total()) + " pictures, " + counted());
        if (sample->row && *sample->row >= store_.rows()) refuse("samples.csv tells of more rows than the arrays have");
        return std::move(*sample);
    }

    std::int64_t label_of(std::int64_t row) const { return store_.labels()[static_cast<std::size_t>(row)]; }

    Activations activations_of(std::int64_t row) const {
        constexpr std::int64_t rows_a_block = 4096;
        if (row % rows_a_block == 0) store_.let_go(row);
        return row_of(all_, row);
    }

    /// After the last picture.
    void check_end() {
        if (samples_.next()) refuse("has more pictures, " + counted());
        samples_.check_whole();
        const RowCounts& counts = part_.record.counts;
        if (samples_.counts().rows != counts.known || samples_.counts().failed != counts.failed ||
            samples_.counts().rows != store_.rows())
            refuse("it has other numbers of rows and failed pictures than its record counts");
    }

private:
    std::int64_t total() const { return samples_.counts().rows + samples_.counts().failed; }

    std::string counted() const { return "its record counts " + std::to_string(part_.record.counts.total()); }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorKind::corrupt, part_.file.string() + ": " + what + "; it was changed since it was made");
    }

    const Part& part_;
    ActivationStore store_;
    Activations all_;
    SampleReader samples_;
};

std::optional<StoreHead> head_of(const ActivationStore& store) {
    const FloatRows weight = store.head_weight();
    if (weight.empty()) return std::nullopt;
    const auto bias = store.head_bias();
    return StoreHead{
        weight.columns, {weight.values, weight.values + weight.rows * weight.columns}, {bias.begin(), bias.end()}};
}

/// What a store says of its network, without the counts.
StoreMeta network_of(const ActivationStore& store) {
    StoreMeta meta = store.meta();
    meta.rows = meta.failed = 0;
    return meta;
}

void check_one_network(const std::vector<std::unique_ptr<PartPictures>>& parts) {
    const ActivationStore& first = parts.front()->store();
    const auto same = [](const std::optional<StoreHead>& a, const std::optional<StoreHead>& b) {
        return a.has_value() == b.has_value() && (!a || (a->weight == b->weight && a->bias == b->bias));
    };
    for (const auto& part : parts) {
        const ActivationStore& store = part->store();
        if (to_json(network_of(store)) == to_json(network_of(first)) && same(head_of(store), head_of(first))) continue;
        throw Error(ErrorKind::corrupt, store.folder().string() + ": its meta.json or its head is not that of " +
                                            first.folder().string() + "; were both made by one version?");
    }
}

/// writer  null: the pictures are only read
void join(const std::vector<std::unique_ptr<PartPictures>>& parts, std::int64_t pictures, StoreWriter* writer) {
    for (std::int64_t i = 0; i < pictures; ++i) {
        PartPictures& part = *parts[static_cast<std::size_t>(i) % parts.size()];
        const Sample sample = part.next();
        if (writer == nullptr) continue;
        if (sample.row) {
            writer->write({sample.path, sample.label, ""}, part.label_of(*sample.row),
                          part.activations_of(*sample.row));
        } else {
            writer->write_failed({sample.path, sample.label, sample.error});
        }
    }
    for (const auto& part : parts) part->check_end();
}

} // namespace

std::vector<Part> read_parts(const std::vector<std::filesystem::path>& files) {
    if (files.empty())
        throw Error(ErrorKind::usage, "found no parts, expected the row files or stores that --shard wrote");
    std::vector<Part> parts = read_records(files);
    check_one_run(parts);
    check_every_shard_once(parts);
    std::ranges::sort(parts, {}, [](const Part& part) { return part.record.shard->index; });
    check_lengths(parts);
    return parts;
}

std::vector<std::string> doubts(const std::vector<Part>& parts) {
    std::vector<std::string> sentences;
    const Part& first = parts.front();
    for (const Part& part : parts) {
        const std::string names = part.file.string() + " beside " + first.file.string() + ": ";
        for (const std::string& difference : differences_in_last_digits(first.record, part.record))
            sentences.push_back(names + difference + "; last digits may not be those of one run");
        if (part.record.inputs != first.record.inputs)
            sentences.push_back(names +
                                "the list of inputs had another name; whether it was the same, nothing here tells");
    }
    return sentences;
}

RunRecord merge(const std::vector<Part>& parts, ByteSink& sink) {
    std::vector<std::unique_ptr<PartRows>> readers;
    for (const Part& part : parts) {
        readers.push_back(std::make_unique<PartRows>(part));
        if (readers.back()->header() != readers.front()->header())
            throw Error(ErrorKind::corrupt, part.file.string() + ": its columns are not those of " +
                                                parts.front().file.string() + "; were both made by one version?");
    }
    sink.write(readers.front()->header());
    const std::int64_t rows = rows_of(parts);
    for (std::int64_t row = 0; row < rows; ++row)
        sink.write(readers[static_cast<std::size_t>(row) % readers.size()]->next().bytes);
    for (const auto& reader : readers) reader->check_end();
    return record_of_whole(parts);
}

RunRecord merge_stores(const std::vector<Part>& parts, const std::optional<std::filesystem::path>& folder) {
    std::vector<std::unique_ptr<PartPictures>> pictures;
    for (const Part& part : parts) pictures.push_back(std::make_unique<PartPictures>(part));
    check_one_network(pictures);
    const RunRecord whole = record_of_whole(parts);
    if (!folder) {
        join(pictures, rows_of(parts), nullptr);
        return whole;
    }
    StoreWriter writer(*folder);
    join(pictures, rows_of(parts), &writer);
    writer.write_run(to_json(whole));
    writer.finish(network_of(pictures.front()->store()), head_of(pictures.front()->store()));
    return whole;
}

} // namespace openset::io
