#include "quantize/pictures.hpp"

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "openset/flow/class_folder.hpp"

namespace openset::quantize {

std::vector<Picture> pictures_in(const pictures::InputFlags& flags, const Cancellation& cancellation) {
    pictures::Inputs inputs(flags);
    if (!inputs.missing().empty())
        throw Error(ErrorKind::usage,
                    inputs.missing().front() + ": found nothing there, expected a folder of pictures");
    const auto source = inputs.open(cancellation, std::int64_t{1} << 30);
    std::vector<Picture> pictures;
    while (const auto input = source->next()) {
        if (input->bytes)
            throw Error(ErrorKind::usage,
                        input->path +
                            ": lies in an archive, expected files; unpack it, pictures are taken out of order");
        pictures.push_back({input->path, flags.csv.empty() ? flow::class_folder(input->path, flags.paths)
                                                           : input->label.value_or("")});
    }
    if (pictures.empty())
        throw Error(ErrorKind::usage, inputs.as_given().front() + ": holds no pictures, expected one or more");
    return pictures;
}

Split split(const std::vector<Picture>& pictures, std::int64_t count, std::uint64_t seed) {
    if (std::ssize(pictures) <= count) return {pictures, {}};
    Split parts;
    Random random(seed);
    const std::int64_t all = std::ssize(pictures);
    std::int64_t position = 0;
    for (std::int64_t stretch = 0; stretch < count; ++stretch) {
        const std::int64_t begin = stretch * all / count, end = (stretch + 1) * all / count;
        const std::int64_t chosen = begin + random.below(static_cast<std::uint32_t>(end - begin));
        for (; position < end; ++position)
            (position == chosen ? parts.calibration : parts.rest)
                .push_back(pictures[static_cast<std::size_t>(position)]);
    }
    return parts;
}

} // namespace openset::quantize
