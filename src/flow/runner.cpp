#include "openset/flow/runner.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/flow/decode_memory.hpp"

namespace openset::flow {
namespace {

/// What the classifier's network returned for one picture.
struct KeptActivations {
    KeptActivations() = default;
    explicit KeptActivations(const io::Activations& one_row)
        : logits(copied(one_row.logits)), features(copied(one_row.features)) {
        for (const auto& [name, rows] : one_row.extras) extras.emplace(name, copied(rows));
    }

    static std::vector<float> copied(const io::FloatRows& rows) { return {rows.values, rows.values + rows.columns}; }

    std::vector<float> logits, features;
    std::map<std::string, std::vector<float>> extras;

    io::Activations view() const {
        const auto row = [](const std::vector<float>& values) {
            return io::FloatRows{1, std::ssize(values), values.data()};
        };
        if (logits.empty()) return {};
        io::Activations activations{1, row(logits), row(features), {}};
        for (const auto& [name, values] : extras) activations.extras.emplace(name, row(values));
        return activations;
    }
};

/// A picture on its way through the stages.
struct Item {
    std::int64_t number = 0;
    Input input; ///< its bytes are gone once decoded, unless they are to be kept
    io::Row row;
    KeptActivations activations;
    image::Size decoded;
    std::vector<image::Picture> prepared; ///< one for each distinct resize and crop
    std::int64_t bytes = 0;               ///< of the prepared pictures
    bool decided = false;                 ///< with all_stages a verdict may stand before the last stage
};

void fail(io::Row& row, std::optional<cascade::Stage> stage, std::string kind, std::string message) {
    row.verdict = {io::Outcome::failed, "failed", stage, std::nullopt};
    row.failure = io::Failure{std::move(kind), std::move(message)};
}

void store_figures(io::Row& row, io::GateFigures figures) { row.gate = std::move(figures); }
void store_figures(io::Row& row, io::SpeciesFigures figures) { row.species = std::move(figures); }
void store_figures(io::Row& row, io::ClassifierFigures figures) { row.classifier = std::move(figures); }

const cascade::StageLabels& labels_of(const cascade::Pipeline& pipeline, cascade::Stage stage) {
    switch (stage) {
    case cascade::Stage::gate: return pipeline.gate->labels;
    case cascade::Stage::species: return pipeline.species->labels;
    case cascade::Stage::classifier:
    case cascade::Stage::unknown: break; // judges what the classifier names
    }
    return pipeline.classifier.labels;
}

/// What the network said of one picture. The logits are those that were scored: of a single logit, both.
io::Activations one_row(const cascade::StageScores& scores, const model::Outputs& outputs, int row) {
    const auto view = [](std::span<const float> values) { return io::FloatRows{1, std::ssize(values), values.data()}; };
    io::Activations activations{1, view(scores.logits), {}, {}};
    if (outputs.features.columns > 0) activations.features = view(outputs.features.row(row));
    for (const auto& [name, matrix] : outputs.extras) activations.extras.emplace(name, view(matrix.row(row)));
    return activations;
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

bool all_finite(std::span<const float> values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

class Run {
public:
    Run(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks, InputSource& inputs,
        const Receiver& receive, const RunnerOptions& options, const Cancellation& cancellation)
        : pipeline_(pipeline), networks_(networks), inputs_(inputs), receive_(receive), options_(options),
          cancellation_(cancellation), waiting_(networks.size()), batch_limit_(networks.size()),
          window_(std::int64_t{options.batch} * (std::ssize(networks) + options.threads) + options.jobs),
          decoding_(options.jobs), memory_(options.decode_memory) {
        for (auto& limit : batch_limit_) limit = options.batch;
        for (const StageNetwork& stage : networks) {
            const auto same = std::ranges::find_if(preparations_, [&](const image::PreprocessSpec& known) {
                return image::same_geometry(known, stage.preprocess);
            });
            preparation_of_.push_back(static_cast<std::size_t>(same - preparations_.begin()));
            if (same == preparations_.end()) preparations_.push_back(stage.preprocess);
            statistics_.stages.push_back({stage.stage});
        }
    }

    RunStatistics operator()() {
        {
            std::vector<std::jthread> threads;
            guarded([&] { start(threads); });
        }
        if (error_) std::rethrow_exception(error_);
        statistics_.warnings_not_shown = std::max<std::int64_t>(0, warnings_ - most_warnings_shown);
        return statistics_;
    }

private:
    void start(std::vector<std::jthread>& threads) {
        const int count = options_.jobs + options_.threads;
        try {
            for (int i = 0; i < options_.jobs; ++i)
                threads.emplace_back([this] { guarded([this] { decode_loop(); }); });
            for (int i = 0; i < options_.threads; ++i)
                threads.emplace_back([this] { guarded([this] { inference_loop(); }); });
        } catch (const std::system_error& error) {
            throw Error(ErrorKind::internal, "cannot start " + std::to_string(count) + " threads: " + error.what() +
                                                 "; lower -j or --threads");
        }
    }

    /// Ends the whole run with the first exception of any thread.
    template <typename Loop>
    void guarded(Loop loop) {
        try {
            loop();
        } catch (...) {
            const std::scoped_lock lock(mutex_);
            if (!error_) error_ = std::current_exception();
            stop();
        }
    }

    void stop() {
        stopped_ = true;
        inputs_.stop(); // a decode thread may be waiting for a pipe
        room_.notify_all();
        work_.notify_all();
    }

    // ---- decode

    void decode_loop() {
        while (auto input = next_input()) {
            const auto start = Clock::now();
            Item item = prepare(*input);
            input->content = {};
            const double seconds = seconds_since(start);
            std::unique_lock lock(mutex_);
            statistics_.prepare_seconds += seconds;
            waiting_bytes_ += kept_bytes(item.input);
            if (item.row.failure) {
                finish(lock, std::move(item));
            } else {
                waiting_bytes_ += item.bytes;
                waiting_.front().push_back(std::move(item));
                work_.notify_one();
            }
        }
        const std::scoped_lock lock(mutex_);
        --decoding_;
        work_.notify_all();
    }

    /// An input with its place in the order and its part of the memory for contents.
    struct AdmittedInput {
        std::int64_t number;
        Input input;
        MemoryBudget::Lease content;
    };

    std::optional<AdmittedInput> next_input() {
        {
            std::unique_lock lock(mutex_);
            room_.wait(lock, [this] {
                return stopped_ || (started_ - delivered_ < window_ && waiting_bytes_ < options_.waiting_bytes);
            });
            if (stopped_) return std::nullopt;
            ++started_;
        }
        std::optional<AdmittedInput> result;
        {
            // Apart from the main lock: a list on standard input may keep us waiting.
            const std::scoped_lock lock(inputs_mutex_);
            if (!exhausted_ && !cancellation_.requested()) {
                if (auto input = inputs_.next()) {
                    result = AdmittedInput{numbered_++, std::move(*input), {}};
                    // Under this lock, so that at most one content is in memory that has not been admitted.
                    if (result->input.bytes) result->content = memory_.admit_content(std::ssize(*result->input.bytes));
                }
            }
            exhausted_ = exhausted_ || !result;
        }
        if (!result) {
            const std::scoped_lock lock(mutex_);
            --started_;
            room_.notify_all();
        }
        return result;
    }

    Item prepare(AdmittedInput& admitted) {
        Item item;
        item.number = admitted.number;
        item.input = std::move(admitted.input);
        item.row.path = item.input.path;
        if (item.input.failure) {
            fail(item.row, std::nullopt, item.input.failure->kind, item.input.failure->message);
            return item;
        }
        try {
            std::vector<std::uint8_t> bytes;
            if (!item.input.bytes) {
                bytes = memory_.read(item.row.path, admitted.content);
            } else if (!options_.keep_bytes) {
                bytes = std::move(*item.input.bytes);
                item.input.bytes.reset();
            }
            prepare(item, item.input.bytes ? *item.input.bytes : bytes);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::usage || error.kind() == ErrorKind::internal)
                throw; // not the picture's fault
            fail(item.row, std::nullopt, std::string(to_string(error.kind())), error.what());
        } catch (const std::bad_alloc&) {
            fail(item.row, std::nullopt, std::string(to_string(ErrorKind::too_large)),
                 "not enough memory to decode the picture; run fewer decode jobs (-j) or lower --max-pixels");
        }
        return item;
    }

    MemoryBudget::Lease admit_pixels(const image::DecodeCost& cost) {
        std::int64_t resizing = 0;
        for (const auto& spec : preparations_) {
            // The picture may yet be turned.
            resizing += std::max(image::resize_crop_bytes({cost.height, cost.width}, spec),
                                 image::resize_crop_bytes({cost.width, cost.height}, spec));
        }
        return memory_.admit_pixels(cost, resizing);
    }

    void prepare(Item& item, std::span<const std::uint8_t> bytes) {
        MemoryBudget::Lease pixels;
        image::DecodeOptions options = options_.decode;
        options.before_allocation = [&](const image::DecodeCost& cost) { pixels = admit_pixels(cost); };
        const auto decoded = image::decode(bytes, options);
        for (const std::string& warning : decoded.warnings) {
            const bool shown = ++warnings_ <= most_warnings_shown;
            (shown ? log_warning : log_info)(item.row.path + ": " + warning);
        }
        item.decoded = {decoded.picture.height, decoded.picture.width};
        for (const auto& spec : preparations_) {
            item.prepared.push_back(image::resize_crop(decoded.picture, spec));
            item.bytes += std::ssize(item.prepared.back().rgb);
        }
    }

    // ---- inference

    struct StageBatch {
        std::size_t stage = 0;
        std::vector<Item> items;
    };

    void inference_loop() {
        while (auto batch = next_batch()) {
            const auto start = Clock::now();
            infer(batch->stage, batch->items);
            const double seconds = seconds_since(start);
            std::unique_lock lock(mutex_);
            RunStatistics::Stage& statistics = statistics_.stages[batch->stage];
            statistics.pictures += std::ssize(batch->items);
            ++statistics.batches;
            statistics.seconds += seconds;
            log_debug(std::string(to_string(networks_[batch->stage].stage)) + ": " +
                      std::to_string(batch->items.size()) + " pictures in " + std::to_string(1000 * seconds) + " ms");
            hand_on(lock, std::move(*batch));
            --inferring_;
            work_.notify_all();
        }
    }

    std::optional<StageBatch> next_batch() {
        std::unique_lock lock(mutex_);
        std::optional<std::size_t> stage;
        work_.wait(lock, [&] {
            stage = choose_stage();
            return stopped_ || stage || (decoding_ == 0 && inferring_ == 0);
        });
        if (stopped_ || !stage) {
            work_.notify_all();
            return std::nullopt;
        }
        ++inferring_;
        return StageBatch{*stage, take_batch(*stage)};
    }

    std::optional<std::size_t> choose_stage() const {
        std::optional<std::size_t> earliest;
        for (std::size_t stage = waiting_.size(); stage-- > 0;) {
            if (std::ssize(waiting_[stage]) >= batch_limit_[stage]) return stage;
            if (!waiting_[stage].empty()) earliest = stage;
        }
        return earliest;
    }

    /// Takes the first picture that waits and those behind it that have its size.
    std::vector<Item> take_batch(std::size_t stage) {
        auto& queue = waiting_[stage];
        const std::size_t preparation = preparation_of_[stage];
        const auto same_size = [&](const Item& item) {
            const image::Picture& first = queue.front().prepared[preparation];
            const image::Picture& picture = item.prepared[preparation];
            return picture.width == first.width && picture.height == first.height;
        };
        const auto limit = std::min<std::ptrdiff_t>(batch_limit_[stage], std::ssize(queue));
        auto end = queue.begin();
        while (end - queue.begin() < limit && same_size(*end)) ++end;
        std::vector<Item> items(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
        queue.erase(queue.begin(), end);
        return items;
    }

    void infer(std::size_t stage, std::span<Item> items) {
        try {
            forward(stage, items);
        } catch (const std::bad_alloc&) {
            infer_in_halves(stage, items, "out of memory");
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::out_of_memory) {
                infer_in_halves(stage, items, error.what());
            } else if (error.kind() != ErrorKind::model) {
                throw;
            } else if (items.size() == 1) {
                fail_at(stage, items.front(), error.what());
            } else {
                for (std::size_t i = 0; i < items.size(); ++i) infer(stage, items.subspan(i, 1));
            }
        }
    }

    void infer_in_halves(std::size_t stage, std::span<Item> items, const std::string& message) {
        if (items.size() == 1) {
            fail_at(stage, items.front(), message + " for a single picture");
            return;
        }
        const std::size_t half = items.size() / 2;
        lower_batch_limit(stage, static_cast<int>(half));
        infer(stage, items.first(half));
        infer(stage, items.subspan(half));
    }

    void lower_batch_limit(std::size_t stage, int limit) {
        int current = batch_limit_[stage];
        while (limit < current && !batch_limit_[stage].compare_exchange_weak(current, limit)) {
        }
        if (limit < current) {
            log_warning(std::string(to_string(networks_[stage].stage)) + ": out of memory with a batch of " +
                        std::to_string(current) + ", going on with " + std::to_string(limit));
        }
    }

    void fail_at(std::size_t stage, Item& item, const std::string& message) const {
        if (item.decided) {
            log_warning(item.row.path + ": " + std::string(to_string(networks_[stage].stage)) + ": " + message);
        } else {
            fail(item.row, networks_[stage].stage, std::string(to_string(ErrorKind::model)), message);
        }
    }

    void forward(std::size_t stage, std::span<Item> items) {
        const StageNetwork& stage_network = networks_[stage];
        const std::size_t preparation = preparation_of_[stage];
        std::vector<const image::Picture*> pictures;
        for (const Item& item : items) pictures.push_back(&item.prepared[preparation]);
        const model::Outputs outputs = stage_network.network->run_pictures(pictures, stage_network.preprocess);
        const model::Matrix logits = model::logits(*stage_network.network, outputs);
        const bool is_classifier = stage_network.stage == cascade::Stage::classifier;
        const bool keep = options_.keep_activations && is_classifier;
        const bool looked_at = keep || (is_classifier && pipeline_.unknown);
        for (std::size_t i = 0; i < items.size(); ++i) {
            const auto row = static_cast<int>(i);
            bool finite = all_finite(logits.row(row)) && all_finite(outputs.features.row(row));
            if (looked_at) { // the further tensors too
                finite = finite && std::ranges::all_of(outputs.extras, [row](const auto& extra) {
                             return all_finite(extra.second.row(row));
                         });
            }
            if (!finite) {
                fail_at(stage, items[i], "the network returned NaN or infinity for this picture");
                continue;
            }
            const auto scores = cascade::score(labels_of(pipeline_, stage_network.stage), logits.row(row));
            const io::Activations activations = one_row(scores, outputs, row);
            if (keep) items[i].activations = KeptActivations(activations);
            decide(stage, items[i], scores, activations);
        }
    }

    void decide(std::size_t stage, Item& item, const cascade::StageScores& scores,
                const io::Activations& activations) const {
        const cascade::Stage which = networks_[stage].stage;
        auto decision = cascade::decide(pipeline_, which, scores, options_.top);
        std::visit([&item](auto& figures) { store_figures(item.row, std::move(figures)); }, decision.figures);
        if (which == cascade::Stage::classifier && pipeline_.unknown) judge(item, scores, activations, decision);
        if (decision.verdict && !item.decided) {
            item.row.verdict = std::move(*decision.verdict);
            item.decided = true;
        }
        if (options_.observe) {
            options_.observe(
                {which, item.decoded, item.prepared[preparation_of_[stage]], scores, activations, item.row});
        }
    }

    /// The detector has its say where the classifier names the picture, or where every stage is asked.
    void judge(Item& item, const cascade::StageScores& scores, const io::Activations& activations,
               cascade::StageDecision& decision) const {
        const bool named = decision.verdict->outcome == io::Outcome::known;
        if (!named && !options_.all_stages) return;
        detect::require_needs(*pipeline_.unknown->detector, activations, "the classifier's activations");
        auto judged = cascade::decide_unknown(*pipeline_.unknown, activations, 0, scores, *decision.verdict);
        item.row.unknown = std::move(judged.figures);
        if (named) decision.verdict = std::move(judged.verdict);
    }

    void hand_on(std::unique_lock<std::mutex>& lock, StageBatch batch) {
        const bool last_stage = batch.stage + 1 == waiting_.size();
        for (Item& item : batch.items) {
            const bool ends = item.row.failure || last_stage || (item.decided && !options_.all_stages);
            if (ends) {
                waiting_bytes_ -= item.bytes;
                finish(lock, std::move(item));
            } else {
                waiting_[batch.stage + 1].push_back(std::move(item));
            }
        }
    }

    // ---- rows, in order

    /// Contents wait until their row is delivered.
    static std::int64_t kept_bytes(const Input& input) { return input.bytes ? std::ssize(*input.bytes) : 0; }

    struct Finished {
        io::Row row;
        Input input;
        KeptActivations activations;
    };

    /// Files the row and delivers all that are next in order. One thread delivers at a time, without the lock.
    void finish(std::unique_lock<std::mutex>& lock, Item item) {
        finished_.emplace(item.number,
                          Finished{std::move(item.row), std::move(item.input), std::move(item.activations)});
        if (delivering_) return;
        delivering_ = true;
        while (!stopped_ && !finished_.empty() && finished_.begin()->first == delivered_) {
            const Finished next = std::move(finished_.begin()->second);
            finished_.erase(finished_.begin());
            lock.unlock();
            bool go_on = false;
            std::exception_ptr error;
            try {
                go_on = receive_({next.row, next.input, next.activations.view()});
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            waiting_bytes_ -= kept_bytes(next.input);
            ++delivered_;
            room_.notify_one();
            if (error && !error_) error_ = error;
            if (!go_on) stop();
        }
        delivering_ = false;
        room_.notify_all();
    }

    const cascade::Pipeline& pipeline_;
    const std::vector<StageNetwork>& networks_;
    InputSource& inputs_;
    const Receiver& receive_;
    const RunnerOptions& options_;
    const Cancellation& cancellation_;
    std::vector<image::PreprocessSpec> preparations_;
    std::vector<std::size_t> preparation_of_; ///< by stage: index into preparations_

    std::mutex inputs_mutex_; ///< guards inputs_, numbered_, exhausted_
    std::int64_t numbered_ = 0;
    bool exhausted_ = false;

    std::mutex mutex_; ///< guards everything below
    std::condition_variable room_, work_;
    std::vector<std::deque<Item>> waiting_;     ///< by stage
    std::vector<std::atomic<int>> batch_limit_; ///< by stage; atomic: lowered in the middle of a forward pass
    std::map<std::int64_t, Finished> finished_; ///< not yet delivered, by number
    RunStatistics statistics_;
    std::int64_t window_;
    std::int64_t started_ = 0, delivered_ = 0;
    std::int64_t waiting_bytes_ = 0; ///< of the prepared pictures that have no row yet
    int decoding_, inferring_ = 0;
    bool delivering_ = false, stopped_ = false;
    std::exception_ptr error_;

    DecodeMemory memory_;
    static constexpr std::int64_t most_warnings_shown = 5;
    std::atomic<std::int64_t> warnings_ = 0;
};

} // namespace

RunStatistics run(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks, InputSource& inputs,
                  const Receiver& receive, const RunnerOptions& options, const Cancellation& cancellation) {
    assert(!networks.empty() && options.batch > 0 && options.jobs > 0 && options.threads > 0);
    return Run(pipeline, networks, inputs, receive, options, cancellation)();
}

} // namespace openset::flow
