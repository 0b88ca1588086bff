#include "openset/flow/runner.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "flow/ordered_delivery.hpp"
#include "flow/picture_preparer.hpp"
#include "flow/seconds_since.hpp"
#include "flow/stage_work.hpp"
#include "openset/base/error.hpp"

namespace openset::flow {

/// The threads of a run and the queues between them.
class Runner::Run {
public:
    Run(const std::vector<image::PreprocessSpec>& preprocess, InputSource& inputs, const RunnerOptions& options,
        const Cancellation& cancellation, int head_start)
        : inputs_(inputs), options_(options), cancellation_(cancellation), head_start_(head_start),
          preprocess_(preprocess), preparer_(preprocess, options_), waiting_(preprocess.size()),
          delivery_(options.any_order), decoding_(options.jobs) {
        guarded([&] { start(options_.jobs, &Run::decode_loop); });
    }

    ~Run() {
        if (threads_.empty()) return;
        const std::scoped_lock lock(mutex_);
        stop();
    }

    RunStatistics finish(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks,
                         const Receiver& receive) {
        if (preprocess_of(networks) != preprocess_)
            throw Error(ErrorKind::internal, "the networks' preprocessing is not that which pictures are prepared by");
        StageWork work(pipeline, networks, options_, preparer_);
        {
            std::unique_lock lock(mutex_);
            for (const StageNetwork& stage : networks) statistics_.stages.push_back({stage.stage});
            work_ = &work;
            receive_ = &receive;
            room_.notify_all();
            deliver(lock); // what could not be read so far
        }
        guarded([&] { start(options_.threads, &Run::inference_loop); });
        threads_.clear();
        if (error_) std::rethrow_exception(error_);
        for (std::size_t stage = 0; stage < waiting_.size(); ++stage) {
            statistics_.stages[stage].batch_found = work.batch_sizes().found(stage);
            statistics_.stages[stage].batch_outgrown = work.batch_sizes().outgrown(stage);
        }
        statistics_.warnings_not_shown = preparer_.warnings_not_shown();
        return statistics_;
    }

private:
    void start(int count, void (Run::*loop)()) {
        try {
            for (int i = 0; i < count; ++i) threads_.emplace_back([this, loop] { guarded([&] { (this->*loop)(); }); });
        } catch (const std::system_error& error) {
            throw Error(ErrorKind::internal, "cannot start " + std::to_string(options_.jobs + options_.threads) +
                                                 " threads: " + error.what() + "; lower -j or --threads");
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
        ready_.notify_all();
    }

    // ---- decode

    void decode_loop() {
        while (auto input = next_input()) {
            const double before = thread_seconds();
            Item item = preparer_.prepare(input->number, std::move(input->input), std::move(input->content));
            const double cpu_seconds = thread_seconds() - before;
            std::unique_lock lock(mutex_);
            statistics_.decode_seconds += item.decode_seconds;
            statistics_.decode_wait_seconds += item.wait_seconds;
            statistics_.resize_seconds += item.resize_seconds;
            statistics_.prepare_cpu_seconds += cpu_seconds;
            waiting_bytes_ += item.bytes + kept_bytes(item.input);
            if (item.row.failure) item.next_stage = waiting_.size();
            queue(std::move(item));
            deliver(lock);
        }
        const std::scoped_lock lock(mutex_);
        --decoding_;
        ready_.notify_all();
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
            const auto start = Clock::now();
            room_.wait(lock, [this] { return stopped_ || has_room() || cancellation_.requested(); });
            statistics_.decode_wait_seconds += seconds_since(start);
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
                    result->content = preparer_.admit(result->input);
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

    bool has_room() const {
        const std::int64_t window =
            work_ == nullptr ? head_start_
                             : std::max<std::int64_t>(least_window, std::int64_t{work_->batch_sizes().largest()} *
                                                                            (std::ssize(waiting_) + options_.threads) +
                                                                        options_.jobs);
        return started_ - delivery_.delivered() < window && waiting_bytes_ < options_.waiting_bytes;
    }

    // ---- inference

    struct StageBatch {
        std::size_t stage = 0;
        std::vector<Item> items;
    };

    void inference_loop() {
        while (auto batch = next_batch()) {
            std::vector<RunStatistics::Stage> done(waiting_.size());
            work_->work(batch->stage, batch->items, done);
            std::unique_lock lock(mutex_);
            for (std::size_t stage = 0; stage < done.size(); ++stage) statistics_.stages[stage].add(done[stage]);
            for (Item& item : batch->items) queue(std::move(item));
            deliver(lock);
            --inferring_;
            ready_.notify_all();
        }
    }

    std::optional<StageBatch> next_batch() {
        std::unique_lock lock(mutex_);
        while (true) {
            std::optional<std::size_t> stage;
            const auto start = Clock::now();
            ready_.wait(lock, [&] {
                drop_what_is_not_begun();
                stage = choose_stage();
                return stopped_ || stage || (decoding_ == 0 && inferring_ == 0);
            });
            statistics_.inference_wait_seconds += seconds_since(start);
            if (stopped_ || !stage) {
                ready_.notify_all();
                return std::nullopt;
            }
            ++inferring_;
            StageBatch batch{*stage, take_batch(*stage)};
            drop_late(batch.items);
            if (!batch.items.empty()) return batch;
            deliver(lock);
            --inferring_;
            ready_.notify_all();
        }
    }

    /// Pictures that have waited too long for their first network.
    void drop_late(std::vector<Item>& items) {
        const auto now = Clock::now();
        std::erase_if(items, [&](Item& item) {
            if (item.next_stage > 0 || !item.input.latest_start || now <= *item.input.latest_start) return false;
            fail(item, std::nullopt, late, "its turn did not come in time");
            item.next_stage = waiting_.size();
            queue(std::move(item));
            return true;
        });
    }

    /// On cancellation no further picture goes to a network, but for those before one that did: rows have an order.
    void drop_what_is_not_begun() {
        if (options_.any_order || !cancellation_.requested()) return;
        if (std::erase_if(waiting_.front(), [this](const Item& item) { return item.number >= begun_; }) > 0)
            room_.notify_all();
    }

    std::optional<std::size_t> choose_stage() const {
        std::optional<std::size_t> earliest;
        for (std::size_t stage = waiting_.size(); stage-- > 0;) {
            // Whoever takes rows as they come waits for this one: it is not held back until its batch is full.
            if (options_.any_order && !waiting_[stage].empty()) return stage;
            if (std::ssize(waiting_[stage]) >= work_->batch_sizes().of(stage)) return stage;
            if (!waiting_[stage].empty()) earliest = stage;
        }
        return earliest;
    }

    /// Takes the first picture that waits and those behind it that have its size.
    std::vector<Item> take_batch(std::size_t stage) {
        auto& waiting = waiting_[stage];
        const std::size_t preparation = preparer_.preparation_of(stage);
        const auto same_size = [&](const Item& item) {
            const image::Picture& first = waiting.front().prepared[preparation];
            const image::Picture& picture = item.prepared[preparation];
            return picture.width == first.width && picture.height == first.height;
        };
        auto limit = std::min<std::ptrdiff_t>(work_->batch_sizes().of(stage), std::ssize(waiting));
        // The last pictures are shared out: no thread works alone while the others have nothing left to do. Half of a thread's
        // part at a time, as pictures that pass make more work for later stages.
        if (decoding_ == 0 && options_.threads > 1) {
            const int parts = 2 * options_.threads;
            limit = std::min(limit, (std::ssize(waiting) + parts - 1) / parts);
        }
        // Other devices choose, and may compile, their kernels anew for each size of batch: 20 to 80 ms for a ResNet-18 on
        // an H100. So they meet few sizes.
        if (!options_.on_cpu && limit < work_->batch_sizes().of(stage))
            limit = static_cast<std::ptrdiff_t>(std::bit_floor(static_cast<std::size_t>(limit)));
        auto end = waiting.begin();
        while (end - waiting.begin() < limit && same_size(*end)) ++end;
        std::vector<Item> items(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
        waiting.erase(waiting.begin(), end);
        if (stage == 0) {
            for (const Item& item : items) begun_ = std::max(begun_, item.number + 1);
        }
        return items;
    }

    // ---- both

    /// To the stage that the item waits for, or to the rows.
    void queue(Item item) {
        if (item.next_stage < waiting_.size()) {
            waiting_[item.next_stage].push_back(std::move(item));
            ready_.notify_one();
        } else {
            waiting_bytes_ -= item.bytes;
            delivery_.file(std::move(item));
        }
    }

    void deliver(std::unique_lock<std::mutex>& lock) {
        if (stopped_ || receive_ == nullptr) return;
        delivery_.deliver(lock, *receive_, [this](const OrderedDelivery::Delivered& result) {
            statistics_.deliver_seconds += result.seconds;
            waiting_bytes_ -= result.bytes;
            room_.notify_one();
            if (result.error && !error_) error_ = result.error;
            if (!result.go_on) stop();
            return !stopped_;
        });
        room_.notify_all();
    }

    InputSource& inputs_;
    const RunnerOptions options_;
    const Cancellation& cancellation_;
    const std::int64_t head_start_;
    const std::vector<image::PreprocessSpec> preprocess_; ///< by stage
    PicturePreparer preparer_;

    std::mutex inputs_mutex_; ///< guards inputs_, numbered_, exhausted_
    std::int64_t numbered_ = 0;
    bool exhausted_ = false;

    std::mutex mutex_; ///< guards everything below but the threads
    std::condition_variable room_, ready_;
    StageWork* work_ = nullptr;             ///< once there are networks
    const Receiver* receive_ = nullptr;     ///< from then on too
    std::vector<std::deque<Item>> waiting_; ///< by stage
    OrderedDelivery delivery_;
    RunStatistics statistics_;
    std::int64_t started_ = 0;
    std::int64_t begun_ = 0;         ///< behind the last input that went to a network
    std::int64_t waiting_bytes_ = 0; ///< of the prepared pictures that have no row yet, and of kept contents
    int decoding_, inferring_ = 0;
    bool stopped_ = false;
    std::exception_ptr error_;

    std::vector<std::jthread> threads_; ///< last: they end before what they use
};

void RunStatistics::Stage::add(const Stage& more) {
    pictures += more.pictures;
    passed += more.passed;
    passes += more.passes;
    normalise_seconds += more.normalise_seconds;
    forward_seconds += more.forward_seconds;
    judge_seconds += more.judge_seconds;
}

std::vector<std::size_t> trunk_of(const std::vector<StageNetwork>& networks) {
    std::vector<std::size_t> result;
    for (const StageNetwork& network : networks) {
        const std::string trunk = network.network->trunk();
        const auto first = std::ranges::find_if(networks, [&](const StageNetwork& other) {
            return &other == &network || (!trunk.empty() && other.network->head() != nullptr &&
                                          other.network->trunk() == trunk && other.preprocess == network.preprocess);
        });
        result.push_back(static_cast<std::size_t>(first - networks.begin()));
    }
    return result;
}

std::vector<image::PreprocessSpec> preprocess_of(const std::vector<StageNetwork>& networks) {
    std::vector<image::PreprocessSpec> result;
    for (const StageNetwork& stage : networks) result.push_back(stage.preprocess);
    return result;
}

RunStatistics run(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks, InputSource& inputs,
                  const Receiver& receive, const RunnerOptions& options, const Cancellation& cancellation) {
    return Runner(preprocess_of(networks), inputs, options, cancellation, 0).finish(pipeline, networks, receive);
}

Runner::Runner(const std::vector<image::PreprocessSpec>& preprocess, InputSource& inputs, const RunnerOptions& options,
               const Cancellation& cancellation, int head_start) {
    assert(!preprocess.empty() && options.batch > 0 && options.jobs > 0 && options.threads > 0);
    run_ = std::make_unique<Run>(preprocess, inputs, options, cancellation, head_start);
}

Runner::~Runner() = default;

RunStatistics Runner::finish(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks,
                             const Receiver& receive) {
    return run_->finish(pipeline, networks, receive);
}

} // namespace openset::flow
