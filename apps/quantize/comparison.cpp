#include "quantize/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <span>

#include "cli/in_parallel.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/base/thread_clock.hpp"
#include "openset/detect/detector.hpp"
#include "openset/flow/extraction.hpp"
#include "openset/flow/training_feed.hpp"
#include "openset/stats/metrics.hpp"
#include "pictures/side_by_side.hpp"

namespace openset::quantize {
namespace {

/// [rows, labels]; a single logit z over two labels becomes 0 and z.
std::vector<float> logits_of(model::Network& network, const model::Outputs& outputs) {
    model::Matrix logits = model::logits(network, outputs);
    if (logits.columns != 1 || network.info().labels.size() != 2) return std::move(logits.values);
    std::vector<float> both;
    for (const float value : logits.values) {
        both.push_back(0);
        both.push_back(value);
    }
    return both;
}

struct Timed {
    std::vector<float> logits;
    double ms = 0; ///< CPU time
};

Timed run(model::Network& network, const model::Batch& batch) {
    const double start = thread_seconds();
    const model::Outputs outputs = network.run(batch);
    const double ms = 1000 * (thread_seconds() - start);
    return {logits_of(network, outputs), ms / batch.count};
}

std::span<const float> row(const std::vector<float>& logits, std::size_t index, std::size_t columns) {
    return {logits.data() + index * columns, columns};
}

double auroc(const detect::Detector& detector, const std::vector<float>& known, const std::vector<float>& unknown,
             std::size_t columns) {
    const auto scores_of = [&](const std::vector<float>& logits) {
        io::Activations rows;
        rows.rows = std::ssize(logits) / static_cast<std::int64_t>(columns);
        rows.logits = {rows.rows, static_cast<std::int64_t>(columns), logits.data()};
        std::vector<double> scores(static_cast<std::size_t>(rows.rows));
        detector.score(rows, scores);
        return scores;
    };
    const auto known_scores = scores_of(known), unknown_scores = scores_of(unknown);
    stats::OpenSetRows rows;
    rows.known_scores = known_scores;
    rows.unknown_scores = unknown_scores;
    stats::ScoreCounts counts;
    count_scores(stats::RankedRows(rows), {}, counts);
    return stats::auroc(counts).value_or(0);
}

/// Throws for the first of them.
void stop_at_failed(const std::vector<flow::FailedPicture>& failed) {
    if (failed.empty()) return;
    throw Error(ErrorKind::unreadable, printable(failed.front().path) + ": " + failed.front().failure.message +
                                           "; --strict stops at the first picture that fails");
}

} // namespace

std::int64_t for_batches(const Options& options, const std::vector<Picture>& pictures,
                         const image::PreprocessSpec& preprocess,
                         const std::function<void(const model::Batch&, const std::vector<std::int64_t>&)>& work,
                         const Cancellation& cancellation) {
    std::vector<flow::LabelledPicture> list;
    for (const Picture& picture : pictures) list.push_back({picture.path, std::ssize(list)});
    flow::TrainingFeedOptions how;
    how.preprocess = preprocess;
    how.batch = options.runner.batch;
    how.jobs = options.runner.jobs;
    how.decode = options.runner.decode;
    how.decode_memory = options.runner.decode_memory;
    how.keep_memory = 0;
    how.cancellation = &cancellation;
    flow::TrainingFeed feed(std::move(list), how);
    feed.start(0);
    std::mutex mutex;
    const auto next = [&] {
        const std::lock_guard lock(mutex);
        return feed.next();
    };
    const auto batches = static_cast<std::size_t>(feed.batches_per_epoch());
    cli::ProgressMeter progress(cli::progress_style(options.progress, options.quiet, false), feed.pictures_per_epoch());
    const auto done = [&](std::size_t batch) {
        return static_cast<std::int64_t>(batch) * std::ssize(pictures) / static_cast<std::int64_t>(batches);
    };
    cli::in_parallel(
        options.runner.threads, batches,
        [&](std::size_t) {
            if (const auto batch = next()) work(batch->pictures, batch->labels);
            if (options.strict) stop_at_failed(feed.failed());
        },
        [&](std::size_t batch) {
            if (progress.is_due()) progress.show(done(batch), {});
        },
        cancellation);
    if (cli::caught_signal() != 0) throw cli::Interrupted();
    progress.finish(std::ssize(pictures), {});
    return std::ssize(feed.failed());
}

Compared compare(const Options& options, const std::vector<Picture>& pictures, model::Network& before,
                 model::Network& after, const Cancellation& cancellation) {
    Compared all;
    all.columns = before.info().labels.size();
    const std::size_t values = pictures.size() * all.columns;
    std::vector<float> logits_before(values), logits_after(values);
    std::vector<char> read(pictures.size());
    std::mutex mutex;
    std::size_t batches = 0;
    const auto work = [&](const model::Batch& batch, const std::vector<std::int64_t>& positions) {
        bool int8_first = false; // in turn, so that neither always finds the pictures in the cache
        {
            const std::lock_guard lock(mutex);
            int8_first = batches++ % 2 == 1;
        }
        Timed first = run(int8_first ? after : before, batch), second = run(int8_first ? before : after, batch);
        if (int8_first) std::swap(first, second);
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < positions.size(); ++i) {
            const auto position = static_cast<std::size_t>(positions[i]);
            std::ranges::copy(row(first.logits, i, all.columns),
                              logits_before.begin() + static_cast<std::ptrdiff_t>(position * all.columns));
            std::ranges::copy(row(second.logits, i, all.columns),
                              logits_after.begin() + static_cast<std::ptrdiff_t>(position * all.columns));
            read[position] = 1;
        }
        all.before_ms.push_back(first.ms);
        all.after_ms.push_back(second.ms);
    };
    all.failed = for_batches(options, pictures, before.info().preprocess, work, cancellation);
    flow::ClassNames names(before.info().labels);
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        if (read[i] == 0) continue;
        all.labels.push_back(names.id_of(pictures[i].class_name));
        const auto keep = [&](const std::vector<float>& from, std::vector<float>& to) {
            const auto logits = row(from, i, all.columns);
            to.insert(to.end(), logits.begin(), logits.end());
        };
        keep(logits_before, all.before);
        keep(logits_after, all.after);
    }
    return all;
}

Difference difference(const Compared& compared) {
    Difference result;
    result.pictures = compared.pictures();
    std::int64_t same = 0, right_before = 0, right_after = 0;
    for (std::size_t i = 0; i < compared.labels.size(); ++i) {
        const std::int64_t before = pictures::likeliest(row(compared.before, i, compared.columns)),
                           after = pictures::likeliest(row(compared.after, i, compared.columns));
        same += before == after ? 1 : 0;
        if (compared.labels[i] < 0) continue;
        ++result.labelled;
        right_before += before == compared.labels[i] ? 1 : 0;
        right_after += after == compared.labels[i] ? 1 : 0;
    }
    const auto share = [](std::int64_t part, std::int64_t whole) {
        return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(whole, 1));
    };
    result.agreement = share(same, result.pictures);
    if (result.labelled > 0) {
        result.accuracy_before = share(right_before, result.labelled);
        result.accuracy_after = share(right_after, result.labelled);
    }
    double sum = 0;
    for (std::size_t i = 0; i < compared.before.size(); ++i) {
        const double apart = std::abs(static_cast<double>(compared.before[i]) - static_cast<double>(compared.after[i]));
        sum += apart;
        result.largest_logit = std::max(result.largest_logit, apart);
    }
    if (!compared.before.empty()) result.mean_logit = sum / static_cast<double>(compared.before.size());
    result.before_ms = pictures::median(compared.before_ms);
    result.after_ms = pictures::median(compared.after_ms);
    return result;
}

std::vector<Separation> separations(const Compared& known, const Compared& unknown, model::Activation activation) {
    const auto classes = static_cast<std::int64_t>(known.columns);
    std::vector<std::unique_ptr<detect::Detector>> detectors;
    detectors.push_back(activation == model::Activation::sigmoid ? detect::make_sigmoid_max(classes)
                                                                 : detect::make_msp(classes));
    detectors.push_back(detect::make_max_logit(classes));
    std::vector<Separation> all;
    for (const auto& detector : detectors) {
        all.push_back({std::string(detector->method()), auroc(*detector, known.before, unknown.before, known.columns),
                       auroc(*detector, known.after, unknown.after, known.columns)});
    }
    return all;
}

} // namespace openset::quantize
