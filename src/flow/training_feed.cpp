#include "openset/flow/training_feed.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/random.hpp"
#include "openset/flow/decode_memory.hpp"
#include "openset/image/fixed_size.hpp"

namespace openset::flow {
namespace {

using SharedPicture = std::shared_ptr<const image::Picture>;

/// The size that the preprocessing gives every picture.
image::Size one_size(const image::PreprocessSpec& preprocess) {
    if (const auto size = image::fixed_size(preprocess)) return *size;
    const char* mode = preprocess.resize.mode == image::ResizeMode::none ? "none" : "shorter-side";
    throw Error(ErrorKind::usage, std::string("preprocessing with resize ") + mode +
                                      " and no crop leaves pictures in sizes of their own, expected one size for all "
                                      "pictures of a batch: a crop, or resize squash");
}

void check_list(const std::vector<LabelledPicture>& pictures) {
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    if (pictures.empty() || pictures.size() > most) {
        throw Error(ErrorKind::usage,
                    "found " + std::to_string(pictures.size()) + " pictures to learn from, expected 1 to 2147483647");
    }
    const auto negative = std::ranges::find_if(pictures, [](const auto& picture) { return picture.label < 0; });
    if (negative == pictures.end()) return;
    throw Error(ErrorKind::usage, negative->path + " has the label " + std::to_string(negative->label) +
                                      ", expected the number of a class, from 0");
}

void check_options(const TrainingFeedOptions& options) {
    const auto check = [](const char* name, int value) {
        if (value >= 1) return;
        throw Error(ErrorKind::usage,
                    std::string(name) + " of a training feed is " + std::to_string(value) + ", expected at least 1");
    };
    check("the batch", options.batch);
    check("the number of jobs", options.jobs);
    check("the number of batches ahead", options.batches_ahead);
}

/// The augmentation with its crop leading to what the preprocessing leads to.
draw::Augmentation completed(draw::Augmentation augmentation, const image::PreprocessSpec& preprocess,
                             image::Size size) {
    if (augmentation.crop) {
        augmentation.crop->size = size;
        augmentation.crop->interpolation = preprocess.resize.interpolation;
        augmentation.crop->order = preprocess.resize.order;
    }
    draw::check(augmentation);
    return augmentation;
}

/// The pictures of each label, by number.
std::map<std::int64_t, std::vector<std::uint32_t>> by_class(const std::vector<LabelledPicture>& pictures) {
    std::map<std::int64_t, std::vector<std::uint32_t>> classes;
    for (std::size_t i = 0; i < pictures.size(); ++i)
        classes[pictures[i].label].push_back(static_cast<std::uint32_t>(i));
    return classes;
}

std::size_t largest_class(const std::vector<LabelledPicture>& pictures) {
    std::size_t largest = 0;
    for (const auto& [label, members] : by_class(pictures)) largest = std::max(largest, members.size());
    return largest;
}

std::vector<std::uint32_t> order_of(const std::vector<LabelledPicture>& pictures, Order order, Random random) {
    std::vector<std::uint32_t> numbers;
    if (order == Order::balanced) {
        const std::size_t wanted = largest_class(pictures);
        for (auto& [label, members] : by_class(pictures)) {
            for (std::size_t have = 0; have < wanted;) {
                random.shuffle(members); // which ones come once more is another matter in each epoch
                const std::size_t more = std::min(members.size(), wanted - have);
                numbers.insert(numbers.end(), members.begin(), members.begin() + static_cast<std::ptrdiff_t>(more));
                have += more;
            }
        }
    } else {
        numbers.resize(pictures.size());
        for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i);
    }
    if (order != Order::given) random.shuffle(numbers);
    return numbers;
}

} // namespace

struct TrainingFeed::State {
    State(std::vector<LabelledPicture> list, TrainingFeedOptions given)
        : pictures(std::move(list)), options(std::move(given)), size(one_size(options.preprocess)),
          augmentation(completed(options.augmentation, options.preprocess, size)), memory(options.decode_memory),
          kept(pictures.size()) {
        check_list(pictures);
        check_options(options);
        positions = std::ssize(pictures);
        if (options.order == Order::balanced) {
            positions = static_cast<std::int64_t>(by_class(pictures).size() * largest_class(pictures));
            if (positions > std::numeric_limits<std::int32_t>::max()) {
                throw Error(ErrorKind::usage, "balanced, an epoch has " + std::to_string(positions) +
                                                  " pictures, expected at most 2147483647");
            }
        }
        batches = (positions + options.batch - 1) / options.batch;
    }

    ~State() {
        const std::scoped_lock lock(mutex);
        stopped = true;
        work.notify_all();
    } // and the threads are joined, the last member being the first to go

    /// Pictures that come together. Batch b of an epoch has the positions from b n / batches on.
    struct PendingBatch {
        std::vector<SharedPicture> prepared; ///< by position, null where it failed
        std::vector<std::int64_t> labels;
        std::size_t missing = 0; ///< not prepared yet
        TrainingBatch result;    ///< once ready
        bool ready = false;
    };

    /// Threads that are still at an epoch that was dropped hold on to it, and nobody looks at what they make.
    struct Epoch {
        std::uint64_t seed = 0;
        std::vector<std::uint32_t> order; ///< numbers of pictures
        std::int64_t begun = 0;           ///< positions that a thread has taken
        std::int64_t first_pending = 0;   ///< number of the batch in front
        std::deque<std::shared_ptr<PendingBatch>> pending;
        std::int64_t delivered = 0; ///< pictures
    };

    /// A picture to be made.
    struct Job {
        std::shared_ptr<Epoch> epoch;
        std::shared_ptr<PendingBatch> batch;
        std::int64_t position = 0;
        std::size_t place = 0; ///< in the batch
        std::uint32_t number = 0;
    };

    std::int64_t begin_of(std::int64_t batch) const { return batch * positions / batches; }

    void start(std::uint32_t number) {
        auto next = std::make_shared<Epoch>();
        next->seed = Random(options.seed, number).bits();
        next->order = order_of(pictures, options.order, Random(next->seed));
        const std::scoped_lock lock(mutex);
        epoch = std::move(next);
        start_threads();
        work.notify_all();
    }

    void start_threads() {
        try {
            while (std::ssize(threads) < options.jobs) {
                threads.emplace_back([this] { work_loop(); });
            }
        } catch (const std::system_error& refusal) {
            if (threads.empty()) {
                throw Error(ErrorKind::internal, std::string("cannot start a thread that decodes: ") + refusal.what());
            }
        }
    }

    // ---- the threads

    void work_loop() {
        while (auto job = next_job()) {
            try {
                finish(*job, prepare(*job));
            } catch (...) {
                const std::scoped_lock lock(mutex);
                if (!error) error = std::current_exception();
                done.notify_all();
                return;
            }
        }
    }

    /// Waits for room; nullopt at the end of everything.
    std::optional<Job> next_job() {
        std::unique_lock lock(mutex);
        work.wait(lock, [this] { return stopped || cancelled() || error || has_room(); });
        if (stopped || cancelled() || error) {
            done.notify_all();
            return std::nullopt;
        }
        Job job{epoch, nullptr, epoch->begun++};
        const std::int64_t last = epoch->first_pending + std::ssize(epoch->pending);
        if (job.position == begin_of(last)) {
            epoch->pending.push_back(std::make_shared<PendingBatch>());
            PendingBatch& batch = *epoch->pending.back();
            batch.missing = static_cast<std::size_t>(begin_of(last + 1) - begin_of(last));
            batch.prepared.resize(batch.missing);
            batch.labels.resize(batch.missing);
        }
        job.batch = epoch->pending.back();
        job.place =
            static_cast<std::size_t>(job.position - begin_of(epoch->first_pending + std::ssize(epoch->pending) - 1));
        job.number = epoch->order[static_cast<std::size_t>(job.position)];
        return job;
    }

    bool cancelled() const { return options.cancellation != nullptr && options.cancellation->requested(); }

    bool has_room() const {
        if (!epoch || epoch->begun == positions) return false;
        const std::int64_t most = std::min(batches, epoch->first_pending + options.batches_ahead);
        return epoch->begun < begin_of(most);
    }

    /// Null where it failed, now or before.
    SharedPicture prepare(const Job& job) {
        SharedPicture picture;
        {
            const std::scoped_lock lock(mutex);
            if (failed.contains(job.number)) return nullptr;
            picture = kept[job.number];
        }
        try {
            MemoryBudget::Lease pixels;
            if (!picture) picture = keep(job.number, read(job.number, pixels));
            return changed(std::move(picture), job);
        } catch (const Error& problem) {
            if (problem.kind() == ErrorKind::usage || problem.kind() == ErrorKind::internal)
                throw; // not the picture's fault
            note_failure(job.number, {std::string(to_string(problem.kind())), problem.what()});
        } catch (const std::bad_alloc&) {
            note_failure(job.number, {std::string(to_string(ErrorKind::too_large)),
                                      "not enough memory to decode the picture; run fewer decode jobs (-j)"});
        }
        return nullptr;
    }

    /// What of a picture is the same in all epochs. pixels  is made to hold the memory that it takes
    SharedPicture read(std::uint32_t number, MemoryBudget::Lease& pixels) {
        MemoryBudget::Lease content;
        const auto bytes = memory.read(pictures[number].path, content);
        image::DecodeOptions decode_options = options.decode;
        decode_options.before_allocation = [&](const image::DecodeCost& cost) {
            pixels = memory.admit_pixels(cost, working_bytes(cost));
        };
        auto decoded = image::decode(bytes, decode_options);
        for (const std::string& warning : decoded.warnings) log_info(pictures[number].path + ": " + warning);
        if (augmentation.crop) return std::make_shared<image::Picture>(std::move(decoded.picture));
        return std::make_shared<image::Picture>(image::resize_crop(decoded.picture, options.preprocess));
    }

    std::int64_t working_bytes(const image::DecodeCost& cost) const {
        const auto resizing = [&](image::Size from) {
            if (!augmentation.crop) return image::resize_crop_bytes(from, options.preprocess);
            image::PreprocessSpec to_size = options.preprocess;
            to_size.resize.mode = image::ResizeMode::squash;
            to_size.resize.squash = size;
            to_size.crop.reset();
            return image::resize_crop_bytes(from, to_size) + std::int64_t{3} * from.width * from.height; // and the crop
        };
        // The picture may yet be turned.
        return std::max(resizing({cost.height, cost.width}), resizing({cost.width, cost.height}));
    }

    SharedPicture keep(std::uint32_t number, SharedPicture picture) {
        const std::scoped_lock lock(mutex);
        const std::int64_t bytes = std::ssize(picture->rgb);
        if (!kept[number] && bytes <= options.keep_memory - kept_bytes) {
            kept[number] = picture;
            kept_bytes += bytes;
        }
        return picture;
    }

    SharedPicture changed(SharedPicture picture, const Job& job) const {
        if (augmentation == draw::Augmentation{}) return picture;
        Random random(job.epoch->seed, static_cast<std::uint32_t>(job.position) + 1); // the order has 0
        return std::make_shared<image::Picture>(draw::augmented(*picture, augmentation, random));
    }

    void note_failure(std::uint32_t number, io::Failure failure) {
        const std::scoped_lock lock(mutex);
        const auto [place, is_new] = failed.emplace(number, std::move(failure));
        if (!is_new) return;
        log_warning(pictures[number].path + ": " + place->second.message + "; left out");
    }

    /// Whoever prepares the last picture of a batch puts the batch together.
    void finish(const Job& job, SharedPicture picture) {
        PendingBatch& batch = *job.batch;
        {
            const std::scoped_lock lock(mutex);
            batch.prepared[job.place] = std::move(picture);
            batch.labels[job.place] = pictures[job.number].label;
            if (--batch.missing > 0) return;
        }
        batch.result = assembled(batch);
        batch.prepared.clear();
        const std::scoped_lock lock(mutex);
        batch.ready = true;
        done.notify_all();
    }

    TrainingBatch assembled(const PendingBatch& batch) const {
        const auto present =
            std::ranges::count_if(batch.prepared, [](const auto& picture) { return picture != nullptr; });
        const std::size_t values = 3 * static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
        TrainingBatch result;
        result.pictures = {static_cast<int>(present), size.height, size.width, {}};
        result.pictures.data.resize(static_cast<std::size_t>(present) * values);
        std::span<float> free = result.pictures.data;
        for (std::size_t i = 0; i < batch.prepared.size(); ++i) {
            if (!batch.prepared[i]) continue;
            image::normalise(*batch.prepared[i], options.preprocess, free.first(values));
            free = free.subspan(values);
            result.labels.push_back(batch.labels[i]);
        }
        return result;
    }

    // ---- whoever asks

    std::optional<TrainingBatch> next() {
        std::unique_lock lock(mutex);
        while (epoch && epoch->first_pending < batches) {
            done.wait(lock, [this] {
                return error || cancelled() || (!epoch->pending.empty() && epoch->pending.front()->ready);
            });
            if (error) std::rethrow_exception(error);
            if (cancelled()) return std::nullopt;
            const auto batch = std::move(epoch->pending.front());
            epoch->pending.pop_front();
            ++epoch->first_pending;
            work.notify_all();
            epoch->delivered += batch->result.pictures.count;
            if (batch->result.pictures.count > 0) return std::move(batch->result);
        }
        if (epoch && epoch->delivered == 0) {
            const auto& [number, failure] = *failed.begin();
            throw Error(ErrorKind::usage, "none of the " + std::to_string(pictures.size()) +
                                              " pictures to learn from could be decoded; the first, " +
                                              pictures[number].path + ": " + failure.message);
        }
        return std::nullopt;
    }

    const std::vector<LabelledPicture> pictures;
    const TrainingFeedOptions options;
    const image::Size size;
    const draw::Augmentation augmentation;
    std::int64_t positions = 0, batches = 0; ///< of an epoch

    DecodeMemory memory;

    std::mutex mutex;                   ///< of all that follows
    std::condition_variable work, done; ///< there is room for a picture; a batch is ready
    std::shared_ptr<Epoch> epoch;
    std::vector<SharedPicture> kept; ///< by number
    std::int64_t kept_bytes = 0;
    std::map<std::uint32_t, io::Failure> failed; ///< by number
    std::exception_ptr error;
    bool stopped = false;
    std::vector<std::jthread> threads;
};

TrainingFeed::TrainingFeed(std::vector<LabelledPicture> pictures, TrainingFeedOptions options)
    : state_(std::make_unique<State>(std::move(pictures), std::move(options))) {}

TrainingFeed::~TrainingFeed() = default;

void TrainingFeed::start(std::uint32_t epoch) { state_->start(epoch); }

std::optional<TrainingBatch> TrainingFeed::next() { return state_->next(); }

std::int64_t TrainingFeed::pictures_per_epoch() const { return state_->positions; }

std::int64_t TrainingFeed::batches_per_epoch() const { return state_->batches; }

image::Size TrainingFeed::picture_size() const { return state_->size; }

std::vector<FailedPicture> TrainingFeed::failed() const {
    const std::scoped_lock lock(state_->mutex);
    std::vector<FailedPicture> result;
    for (const auto& [number, failure] : state_->failed) result.push_back({state_->pictures[number].path, failure});
    return result;
}

} // namespace openset::flow
