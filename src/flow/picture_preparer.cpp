#include "flow/picture_preparer.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "flow/seconds_since.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"

namespace openset::flow {
namespace {

constexpr std::int64_t most_warnings_shown = 5;

} // namespace

PicturePreparer::PicturePreparer(const std::vector<image::PreprocessSpec>& preprocess, const RunnerOptions& options)
    : options_(options), memory_(options.decode_memory) {
    for (const image::PreprocessSpec& spec : preprocess) {
        const auto same = std::ranges::find_if(
            preparations_, [&](const image::PreprocessSpec& known) { return image::same_geometry(known, spec); });
        preparation_of_.push_back(static_cast<std::size_t>(same - preparations_.begin()));
        if (same == preparations_.end()) preparations_.push_back(spec);
    }
}

MemoryBudget::Lease PicturePreparer::admit(const Input& input) {
    if (!input.bytes) return {};
    return memory_.admit_content(std::ssize(*input.bytes));
}

Item PicturePreparer::prepare(std::int64_t number, Input input, MemoryBudget::Lease content) {
    Item item;
    item.number = number;
    item.input = std::move(input);
    item.row.path = item.input.path;
    if (item.input.failure) {
        fail(item, std::nullopt, item.input.failure->kind, item.input.failure->message);
        return item;
    }
    try {
        const auto start = Clock::now();
        std::vector<std::uint8_t> bytes;
        double read_wait_seconds = 0;
        if (!item.input.bytes) {
            bytes = memory_.read(item.row.path, content);
            read_wait_seconds = content.waited_seconds();
        } else if (!options_.keep_bytes) {
            bytes = std::move(*item.input.bytes);
            item.input.bytes.reset();
        }
        item.wait_seconds = content.waited_seconds();
        item.decode_seconds = seconds_since(start) - read_wait_seconds;
        prepare(item, item.input.bytes ? *item.input.bytes : bytes);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::usage || error.kind() == ErrorKind::internal) throw; // not the picture's fault
        fail(item, std::nullopt, std::string(to_string(error.kind())), error.what());
    } catch (const std::bad_alloc&) {
        fail(item, std::nullopt, std::string(to_string(ErrorKind::too_large)),
             "not enough memory to decode the picture; run fewer decode jobs (-j) or lower --max-pixels");
    }
    return item;
}

void PicturePreparer::prepare(Item& item, std::span<const std::uint8_t> bytes) {
    auto start = Clock::now();
    MemoryBudget::Lease pixels;
    image::DecodeOptions options = options_.decode;
    options.before_allocation = [&](const image::DecodeCost& cost) { pixels = admit_pixels(cost); };
    if (options_.fast_decode) options.jpeg_divisor = [this](int width, int height) { return divisor(width, height); };
    const auto decoded = image::decode(bytes, options);
    for (const std::string& warning : decoded.warnings) {
        const bool shown = ++warnings_ <= most_warnings_shown;
        (shown ? log_warning : log_info)(item.row.path + ": " + warning);
    }
    item.decoded = {decoded.picture.height, decoded.picture.width};
    item.divisor = decoded.divisor;
    item.wait_seconds += pixels.waited_seconds();
    item.decode_seconds += seconds_since(start) - pixels.waited_seconds();
    start = Clock::now();
    for (const auto& spec : preparations_) {
        item.prepared.push_back(image::resize_crop(decoded.picture, spec));
        item.bytes += std::ssize(item.prepared.back().rgb);
    }
    item.resize_seconds = seconds_since(start);
}

int PicturePreparer::divisor(int width, int height) const {
    int largest = 8;
    for (const auto& spec : preparations_) {
        largest = std::min({largest, image::decode_divisor({height, width}, spec),
                            image::decode_divisor({width, height}, spec)}); // the picture may yet be turned
    }
    return largest;
}

MemoryBudget::Lease PicturePreparer::admit_pixels(const image::DecodeCost& cost) {
    std::int64_t resizing = 0;
    for (const auto& spec : preparations_) {
        // The picture may yet be turned.
        resizing += std::max(image::resize_crop_bytes({cost.height, cost.width}, spec),
                             image::resize_crop_bytes({cost.width, cost.height}, spec));
    }
    return memory_.admit_pixels(cost, resizing);
}

std::int64_t PicturePreparer::warnings_not_shown() const {
    return std::max<std::int64_t>(0, warnings_ - most_warnings_shown);
}

} // namespace openset::flow
