#include "openset/io/store_writer.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>
#include <map>
#include <utility>

#include "base/folder.hpp"
#include "base/growing_file.hpp"
#include "io/checked_json.hpp"
#include "io/samples.hpp"
#include "io/store_files.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/io/npy.hpp"

namespace openset::io {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// At most so much work is lost with a killed process.
constexpr auto flush_interval = std::chrono::milliseconds(100);

bool is_there(const fs::path& path) {
    std::error_code ignored; // what cannot be looked at is told by who opens it
    return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

/// Whether a store may hold a file of this name, or one that is being written.
bool belongs_to_a_store(const fs::path& file) {
    fs::path name = file.filename();
    if (name.extension() == ".partial") name = name.stem();
    return name.extension() == ".npy" || name == meta_file || name == samples_file || name == run_file;
}

/// In no order.
std::vector<fs::path> files_of(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem))
        files.push_back(entry->path());
    if (problem) throw Error(ErrorKind::output, folder.string() + ": cannot be listed: " + problem.message());
    return files;
}

/// The first entry of a folder that no store has; empty where there is none.
std::string foreign_entry(const fs::path& folder) {
    std::error_code ignored; // what cannot be looked at is foreign
    for (const fs::path& file : files_of(folder)) {
        if (!fs::is_regular_file(file, ignored) || !belongs_to_a_store(file)) return file.filename().string();
    }
    return "";
}

void check_is_store(const fs::path& folder) {
    const std::string foreign = foreign_entry(folder);
    if (foreign.empty()) return;
    throw Error(ErrorKind::output, folder.string() + ": holds " + foreign +
                                       ", which is no part of a store, and would be removed; choose another name");
}

/// file  as a tensor's name gives it: `<name>.npy`
bool can_be_a_name(const std::string& file) {
    return !file.starts_with('.') && file.find_first_of(std::string_view("/\0", 2)) == std::string::npos &&
           file != labels_file && file != head_weight_file && file != head_bias_file;
}

/// An array of rows that grows; its header tells the number of rows once they are all there.
class GrowingArray {
public:
    /// kept_rows  that stand in the file already; 0: the file is begun anew
    GrowingArray(const fs::path& path, NpyType type, std::optional<std::int64_t> columns, std::int64_t kept_rows)
        : type_(type), columns_(columns), rows_(kept_rows),
          file_(path, kept_rows == 0 ? 0 : header().size() + static_cast<std::uint64_t>(kept_rows) * row_bytes()) {
        if (kept_rows == 0) file_.append(npy_header(type_, shape(0)));
    }

    std::int64_t columns() const { return columns_.value_or(1); }

    template <typename Value>
    void append(std::span<const Value> row) {
        assert(npy_type<Value>() == type_ && std::ssize(row) == columns());
        file_.append({reinterpret_cast<const char*>(row.data()), row.size_bytes()});
        ++rows_;
    }

    void flush() { file_.flush(); }

    void finish() {
        file_.flush();
        file_.replace_beginning(header());
        file_.sync();
    }

private:
    std::vector<std::int64_t> shape(std::int64_t rows) const {
        return columns_ ? std::vector<std::int64_t>{rows, *columns_} : std::vector<std::int64_t>{rows};
    }
    std::string header() const { return npy_header(type_, shape(rows_)); }
    std::uint64_t row_bytes() const { return bytes_of(type_) * static_cast<std::uint64_t>(columns()); }

    NpyType type_;
    std::optional<std::int64_t> columns_; ///< none: an array of one axis
    std::int64_t rows_;
    GrowingFile file_;
};

/// An array that an interrupted run left: its columns, and how many of its rows are whole.
struct PartialArray {
    NpyType type = NpyType::float32;
    std::optional<std::int64_t> columns;
    std::int64_t whole_rows = 0;
};

PartialArray look_at(const fs::path& file) {
    const NpyType type = file.filename() == labels_file ? NpyType::int64 : NpyType::float32;
    const std::size_t axes = type == NpyType::int64 ? 1 : 2;
    const std::uint64_t size = fs::file_size(file);
    const auto source = open_regular_file(file);
    std::vector<std::uint8_t> start(max_npy_header_bytes);
    start.resize(read_fully(*source, start, Cancellation()).value_or(0));
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    if (text.size() < npy_header(type, std::vector<std::int64_t>(axes, 0)).size())
        return {type, std::nullopt, 0}; // no row was written
    const NpyHeader header = parse_npy_header(text, type, file.string());
    if (header.shape.size() != axes || header.bytes != npy_header(type, header.shape).size()) {
        throw Error(ErrorKind::corrupt,
                    file.string() + ": was not written by this run; run with --force to begin anew");
    }
    PartialArray array{type, axes == 2 ? std::optional(header.shape[1]) : std::nullopt, 0};
    const std::uint64_t row_bytes = bytes_of(type) * static_cast<std::uint64_t>(array.columns.value_or(1));
    if (row_bytes > 0) array.whole_rows = static_cast<std::int64_t>((size - header.bytes) / row_bytes);
    return array;
}

using PartialArrays = std::map<std::string, PartialArray>; ///< by file name

/// The arrays that grow by rows, as an interrupted run left them.
PartialArrays partial_arrays(const fs::path& folder) {
    PartialArrays arrays;
    for (const fs::path& file : files_of(folder)) {
        const std::string name = file.filename().string();
        if (file.extension() != ".npy" || name == head_weight_file || name == head_bias_file) continue;
        arrays.emplace(name, look_at(file));
    }
    return arrays;
}

/// The rows that are whole in all arrays.
std::int64_t whole_rows(const PartialArrays& arrays) {
    // A row is written when the files of all its arrays have been made: where these two are missing there is none.
    if (!arrays.contains(logits_file) || !arrays.contains(labels_file)) return 0;
    std::int64_t rows = std::numeric_limits<std::int64_t>::max();
    for (const auto& [name, array] : arrays) rows = std::min(rows, array.whole_rows);
    return rows;
}

/// What of samples.csv stays when an interrupted run is gone on with.
struct WholeSamples {
    KeptSamples counts;
    std::uint64_t bytes = 0; ///< of the table, up to its last record that stays
};

/// Hands out the pictures that come before the first row that is not whole.
WholeSamples whole_samples(const fs::path& partial, std::int64_t rows,
                           const std::function<void(const StoreSample&)>& receive) {
    SampleReader reader(partial / samples_file);
    WholeSamples stay{{}, reader.whole_bytes()};
    while (const auto sample = reader.next()) {
        if (sample->row && *sample->row >= rows) break;
        receive({sample->path, sample->label, sample->error});
        ++(sample->row ? stay.counts.rows : stay.counts.failed);
        stay.bytes = reader.whole_bytes();
    }
    return stay;
}

void remove_files(const fs::path& folder, const std::function<bool(const fs::path&)>& is_meant) {
    std::error_code problem;
    for (const fs::path& file : files_of(folder)) {
        if (is_meant(file)) fs::remove(file, problem);
        if (problem) throw Error(ErrorKind::output, file.string() + ": cannot be removed: " + problem.message());
    }
}

void remove_store(const fs::path& folder) {
    remove_files(folder, belongs_to_a_store);
    std::error_code problem;
    if (!fs::remove(folder, problem))
        throw Error(ErrorKind::output, folder.string() + ": cannot be removed: " + problem.message());
}

} // namespace

struct StoreWriter::State {
    State(fs::path folder_, const std::function<void(const StoreSample&)>* keep)
        : folder(without_slash(std::move(folder_))), partial(partial_store(folder)), lock(make_and_lock()) {
        keep != nullptr ? take_up(*keep) : begin_anew();
    }

    Descriptor make_and_lock() const {
        check_place_for_store(folder);
        std::error_code problem;
        fs::create_directory(partial, problem);
        if (problem) throw Error(ErrorKind::output, partial.string() + ": cannot be made: " + problem.message());
        Descriptor locked = lock_folder(partial);
        check_is_store(partial);
        return locked;
    }

    void begin_anew() {
        remove_files(partial, belongs_to_a_store);
        samples.emplace(partial / samples_file, 0);
        samples->append(samples_header());
    }

    void take_up(const std::function<void(const StoreSample&)>& keep) {
        if (!is_there(partial / samples_file)) return begin_anew();
        const PartialArrays left = partial_arrays(partial);
        const WholeSamples stays = whole_samples(partial, whole_rows(left), keep);
        kept = stays.counts;
        counts = kept;
        samples.emplace(partial / samples_file, stays.bytes);
        if (stays.bytes == 0) samples->append(samples_header());
        if (kept.rows == 0) return; // the arrays are begun anew with their first row
        for (const auto& [name, array] : left)
            arrays.emplace(name, GrowingArray(partial / name, array.type, array.columns, kept.rows));
    }

    /// All files of a row, before any of it is written: a row that is whole in those that are there is whole.
    void make_arrays(const std::map<std::string, FloatRows>& row) {
        remove_files(partial, [](const fs::path& file) { return file.extension() == ".npy"; });
        arrays.emplace(labels_file, GrowingArray(partial / labels_file, NpyType::int64, std::nullopt, 0));
        for (const auto& [file, values] : row) {
            if (!can_be_a_name(file)) {
                throw Error(ErrorKind::model, "the network returns a tensor called " + in_quotes(file) +
                                                  ", which cannot be the name of a file, expected another");
            }
            arrays.emplace(file, GrowingArray(partial / file, NpyType::float32, values.columns, 0));
        }
        for (auto& [name, array] : arrays) array.flush();
    }

    /// The arrays of a row, by file name.
    static std::map<std::string, FloatRows> by_file(const Activations& row) {
        std::map<std::string, FloatRows> files = {{logits_file, row.logits}};
        if (!row.features.empty()) files.emplace(features_file, row.features);
        for (const auto& [name, values] : row.extras) {
            if (!values.empty()) files.emplace(name + ".npy", values);
        }
        return files;
    }

    /// Before any of the row is written.
    void check_fits(const std::string& path, const std::map<std::string, FloatRows>& row) const {
        for (const auto& [file, array] : arrays) {
            const auto values = row.find(file);
            const std::int64_t found = values == row.end() ? 0 : values->second.columns;
            if (file == labels_file || found == array.columns()) continue;
            throw Error(ErrorKind::model, path + ": the network gave " + std::to_string(found) + " values for " + file +
                                              ", expected " + std::to_string(array.columns()) +
                                              " as in the rows before");
        }
        if (row.size() + 1 == arrays.size()) return;
        throw Error(ErrorKind::model, path + ": the network gave other tensors than for the pictures before, expected "
                                             "the same for each");
    }

    void flush() {
        for (auto& [name, array] : arrays) array.flush();
        samples->flush();
        last_flush = Clock::now();
    }

    void flush_now_and_then() {
        if (Clock::now() - last_flush >= flush_interval) flush();
    }

    fs::path folder, partial;
    Descriptor lock;
    std::optional<GrowingFile> samples;
    std::map<std::string, GrowingArray> arrays; ///< by file name; empty before the first row
    KeptSamples kept, counts;
    Clock::time_point last_flush = Clock::now();
};

StoreWriter::StoreWriter(fs::path folder) : state_(std::make_unique<State>(std::move(folder), nullptr)) {}
StoreWriter::StoreWriter(fs::path folder, const std::function<void(const StoreSample&)>& keep)
    : state_(std::make_unique<State>(std::move(folder), &keep)) {}
StoreWriter::StoreWriter(StoreWriter&&) noexcept = default;
StoreWriter::~StoreWriter() = default;

const KeptSamples& StoreWriter::kept() const { return state_->kept; }

void StoreWriter::write(const StoreSample& sample, std::int64_t label, const Activations& activations) {
    assert(activations.rows == 1 && sample.error.empty() && !sample.path.empty());
    State& state = *state_;
    const auto row = State::by_file(activations);
    if (state.arrays.empty()) state.make_arrays(row);
    state.check_fits(sample.path, row);
    for (const auto& [file, values] : row) state.arrays.at(file).append(values.row(0));
    state.arrays.at(labels_file).append(std::span<const std::int64_t>(&label, 1));
    state.samples->append(to_csv_record({sample.path, sample.label, "", state.counts.rows++}));
    state.flush_now_and_then();
}

void StoreWriter::write_failed(const StoreSample& sample) {
    assert(!sample.error.empty() && !sample.path.empty());
    state_->samples->append(to_csv_record({sample.path, sample.label, sample.error, std::nullopt}));
    ++state_->counts.failed;
    state_->flush_now_and_then();
}

void StoreWriter::flush() { state_->flush(); }

void StoreWriter::write_run(std::string_view json) { write_file_atomically(state_->partial / run_file, json); }

void StoreWriter::finish(StoreMeta meta, const std::optional<StoreHead>& head) {
    State& state = *state_;
    const auto classes = std::ssize(meta.labels);
    if (state.arrays.empty()) {
        const Activations widths{0, {0, classes, nullptr}, {0, head ? head->features : 0, nullptr}, {}};
        state.make_arrays(State::by_file(widths));
    }
    for (auto& [name, array] : state.arrays) array.finish();
    state.samples->sync();
    if (head) {
        write_npy<float>(state.partial / head_weight_file, head->weight, {classes, head->features});
        write_npy<float>(state.partial / head_bias_file, head->bias, {classes});
    }
    meta.rows = state.counts.rows;
    meta.failed = state.counts.failed;
    write_file_atomically(state.partial / meta_file, to_json(meta));
    sync_folder(state.partial);
    if (is_there(state.folder)) check_is_store(state.folder);
    replace_folder(state.partial, state.folder, remove_store);
    sync_folder(fs::absolute(state.folder).parent_path());
}

KeptSamples for_each_picture(const fs::path& store, const std::function<void(const StoreSample&)>& receive) {
    SampleReader reader(store / samples_file);
    while (const auto sample = reader.next()) receive({sample->path, sample->label, sample->error});
    reader.check_whole();
    return {reader.counts().rows, reader.counts().failed};
}

KeptSamples for_each_kept_picture(const fs::path& partial, const std::function<void(const StoreSample&)>& receive) {
    if (!is_there(partial / samples_file)) return {};
    return whole_samples(partial, whole_rows(partial_arrays(partial)), receive).counts;
}

fs::path partial_store(const fs::path& folder) { return partial_path(without_slash(folder)); }

void check_place_for_store(const fs::path& folder) {
    check_place_for_folder(folder);
    if (is_there(folder)) check_is_store(folder);
}

} // namespace openset::io
