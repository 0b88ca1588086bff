#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/draw/augment.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"
#include "openset/io/row.hpp"
#include "openset/model/network.hpp"

/// Labelled pictures as a network that learns wants them.
namespace openset::flow {

struct LabelledPicture {
    std::string path;
    std::int64_t label = 0; ///< 0 or more
};

/// In which order an epoch has the pictures.
enum class Order {
    given,
    shuffled, ///< anew in each epoch
    balanced, ///< the same, and every class as often as the most frequent one: its pictures in turn, none twice more than another
};

struct TrainingFeedOptions {
    /// Must lead to one size for all pictures: by its crop, or by squashing.
    image::PreprocessSpec preprocess;

    /// Each picture is changed anew in each epoch. A random resized crop takes the place of `preprocess`'s resize and crop,
    /// and leads to the same size with the same interpolation (its own `size`, `interpolation` and `order` are not looked
    /// at). All other changes come after resizing: a blur of 1 pixel is one of the network's pixels.
    draw::Augmentation augmentation = {};

    Order order = Order::given;
    int batch = 32;         ///< most pictures of a batch, at least 1
    std::uint64_t seed = 0; ///< of order and changes

    int jobs = 1;          ///< threads that decode, at least 1
    int batches_ahead = 2; ///< most batches that are made before they are asked for, at least 1

    image::DecodeOptions decode = {}; ///< before_allocation is the feed's own
    /// Most bytes of files, and again of pixels, that are being decoded at one time; a picture that needs more fails.
    std::int64_t decode_memory = std::int64_t{2} << 30;
    /// Pictures stay decoded in memory, first come, up to so many bytes, and are not decoded again in the next epoch.
    std::int64_t keep_memory = std::int64_t{1} << 30;

    const Cancellation* cancellation = nullptr; ///< ends every epoch early; must outlive the feed. Null: none
};

struct TrainingBatch {
    model::Batch pictures;            ///< normalised, never empty
    std::vector<std::int64_t> labels; ///< [pictures.count]
};

struct FailedPicture {
    std::string path;
    io::Failure failure;
};

/// Epochs of batches, made by threads of its own ahead of whoever asks for them.
///
/// The bytes of every batch follow from the list, the options, and the number of the epoch alone: not from `jobs`, nor from
/// the epochs before. Picture i of epoch e is changed by random numbers of (seed, e, i), so that a run that goes on at
/// epoch 7 sees what an uninterrupted one would have seen.
///
/// An epoch of n pictures has ceil(n / batch) batches whose sizes differ by one at most: no picture is left out, and no tiny
/// batch comes last, whose statistics would mislead batch normalisation.
///
/// A picture that cannot be decoded is missing from its batch, told once in the log, and not tried again.
///
/// One thread may use a feed at a time.
class TrainingFeed {
public:
    /// Reads nothing yet. Throws Error(usage) where there are no pictures, a label is negative, an option is out of range,
    /// or `preprocess` leaves the size to the picture.
    TrainingFeed(std::vector<LabelledPicture> pictures, TrainingFeedOptions options);
    TrainingFeed(const TrainingFeed&) = delete;
    TrainingFeed& operator=(const TrainingFeed&) = delete;
    ~TrainingFeed();

    /// Begins this epoch; what was left of another is dropped.
    void start(std::uint32_t epoch);

    /// The next batch of the epoch; nullopt at its end, and soon after a stop was requested.
    /// Throws Error(usage) at the end of an epoch in which no picture at all could be decoded, with the reason of the first.
    std::optional<TrainingBatch> next();

    /// Of one epoch, counting those that cannot be decoded: more than the list where the order is balanced.
    std::int64_t pictures_per_epoch() const;
    std::int64_t batches_per_epoch() const;

    image::Size picture_size() const;

    /// What could not be decoded so far, in the order of the list.
    std::vector<FailedPicture> failed() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace openset::flow
