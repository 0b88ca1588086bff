#include "report/pictures.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/flow/input.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/encode.hpp"
#include "openset/image/preprocess.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/number_text.hpp"

namespace openset::report {
namespace {

namespace fs = std::filesystem;

constexpr int side = 160;         ///< pixels of a thumbnail
constexpr std::size_t tiles = 16; ///< of a sheet
constexpr std::int64_t max_pixels = 100'000'000;

/// The file's bytes; of a member of an archive, `photos.tar//a.jpg`, the archive is read up to it.
std::vector<std::uint8_t> bytes_of(const fs::path& path) {
    std::error_code ignored; // reading says why
    const std::string name = path.string();
    const auto bar = name.find("//");
    if (bar == std::string::npos || fs::exists(path, ignored) || !fs::is_regular_file(name.substr(0, bar), ignored))
        return read_file(path);
    const auto members = flow::scan({name.substr(0, bar)});
    while (auto member = members->next())
        if (member->path == name && member->bytes) return std::move(*member->bytes);
    throw Error(ErrorKind::not_found, name + ": is not in the archive, expected the one that the rows were made of");
}

/// The middle of the picture, a square; what is longer is cut off.
std::string thumbnail(const fs::path& path) {
    image::PreprocessSpec spec;
    spec.resize.mode = image::ResizeMode::shorter_side;
    spec.resize.shorter_side = side;
    spec.crop = image::Size{side, side};
    image::DecodeOptions options;
    options.max_pixels = max_pixels;
    options.exif_orientation = image::ExifOrientation::apply; // for people
    options.jpeg_divisor = [&](int width, int height) { return image::decode_divisor({height, width}, spec); };
    const auto jpeg = image::encode_jpeg(image::resize_crop(image::decode(bytes_of(path), options).picture, spec), 82);
    return {jpeg.begin(), jpeg.end()};
}

std::string why(const Error& error) {
    return error.kind() == ErrorKind::not_found ? "the file is not there any more"
                                                : "could not be shown: " + std::string(error.what());
}

std::string number(double value) { return charts::formatted("%.3g", value); }

std::string name_of_stage(const std::string& stage) {
    return stage == "unknown"      ? "the detector"
           : stage == "species"    ? "the species filter"
           : stage == "classifier" ? "the classifier: too unsure"
                                   : "the " + stage;
}

/// What is written below a picture.
std::vector<std::string> lines_of(const Judged& one) {
    std::vector<std::string> lines;
    lines.push_back(one.accepted ? one.verdict : "rejected by " + name_of_stage(one.decided_by));
    if (!one.accepted && !one.named.empty() && (!one.truth || one.named != *one.truth))
        lines.push_back("looked like " + one.named);
    if (one.truth && !one.right())
        lines.push_back("is " + (one.truth_is_known || !one.truth->empty() ? *one.truth : "of no known class"));
    if (!one.saw.empty()) lines.push_back(one.saw);
    if (one.score) lines.push_back("score " + number(*one.score));
    if (one.confidence) lines.push_back("confidence " + percent(*one.confidence));
    return lines;
}

Tile tile_of(const Judged& one, const fs::path& root) {
    Tile tile{one.path, {}, {}, lines_of(one)};
    try {
        tile.jpeg = thumbnail(root / one.path);
    } catch (const Error& error) {
        tile.missing = why(error);
    }
    return tile;
}

constexpr const char* csv_head = "path,truth,verdict,decided_by,likeliest,score,threshold,confidence\r\n";

std::string csv_line(const Judged& one) {
    const auto figure = [](const std::optional<double>& value) { return value ? io::shortest(*value) : ""; };
    return io::csv_field(one.path) + "," + io::csv_field(one.truth.value_or("")) + "," + io::csv_field(one.verdict) +
           "," + one.decided_by + "," + io::csv_field(one.named) + "," + figure(one.score) + "," +
           figure(one.threshold) + "," + figure(one.confidence) + "\r\n";
}

struct Choice {
    const char *name, *title, *caption;
    std::function<bool(const Judged&)> takes;
    std::function<double(const Judged&)> rank; ///< the largest come first
    bool counted = true;                       ///< how many there are means something
};

/// Of two pictures with as much, the earlier comes first.
Sheet sheet_of(const Choice& choice, const std::vector<Judged>& pictures, const fs::path& root) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < pictures.size(); ++i)
        if (choice.takes(pictures[i])) chosen.push_back(i);
    const std::size_t shown = std::min(chosen.size(), tiles);
    std::ranges::stable_sort(chosen, std::greater<>(), [&](std::size_t i) { return choice.rank(pictures[i]); });
    Sheet sheet{choice.name, choice.title, choice.caption, {}, csv_head};
    for (std::size_t i = 0; i < (choice.counted ? chosen.size() : shown); ++i)
        sheet.csv += csv_line(pictures[chosen[i]]);
    if (shown < chosen.size() && choice.counted)
        sheet.caption += " " + grouped(std::ssize(chosen)) + " in all, the first " + std::to_string(shown) +
                         " are here; the CSV has all.";
    for (std::size_t i = 0; i < shown; ++i) sheet.tiles.push_back(tile_of(pictures[chosen[i]], root));
    return sheet;
}

/// How surely it was accepted: the smallest score, or the largest confidence.
double acceptance(const Judged& one) { return one.score ? -*one.score : one.confidence.value_or(0); }

/// How surely: how far beyond the threshold; what another stage stopped comes behind what a detector did, by how sure
/// that stage was, 0 to 1.
double rejection(const Judged& one) {
    if (one.decided_by == "unknown" && one.score) return 1e6 + *one.score - one.threshold.value_or(0);
    return one.doubt.value_or(1 - one.confidence.value_or(1));
}

double nearness(const Judged& one) { return -std::abs(*one.score - *one.threshold); }

} // namespace

std::vector<Part> contact_sheets(const std::vector<Judged>& pictures, const fs::path& root) {
    const std::vector<Choice> choices = {
        {"accepted-unknown", "Unknown, and given a name", "What should have been rejected; most surely accepted first.",
         [](const Judged& one) { return one.truth && !one.truth_is_known && one.accepted; }, acceptance},
        {"rejected-known", "Known, and rejected",
         "What should have been given its name; furthest beyond the detector's threshold first, then what other stages "
         "stopped, most surely first.",
         [](const Judged& one) { return one.truth && one.truth_is_known && !one.accepted; }, rejection},
        {"misnamed-known", "Known, and given another's name", "The classifier's own mistakes; most surely wrong first.",
         [](const Judged& one) { return one.truth && one.truth_is_known && one.accepted && !one.right(); }, acceptance},
        {"borderline", "On the border", "The pictures whose scores lie nearest to the threshold, on either side.",
         [](const Judged& one) { return one.score && one.threshold && std::isfinite(*one.score - *one.threshold); },
         nearness, false},
        {"rejected", "Rejected most surely",
         "Furthest beyond the detector's threshold first, then what other stages stopped, most surely first.",
         [](const Judged& one) { return !one.truth && !one.accepted; }, rejection},
        {"accepted-least", "Accepted least surely", "What has a name, but only just.",
         [](const Judged& one) { return !one.truth && one.accepted; },
         [](const Judged& one) { return -acceptance(one); }, false},
    };
    std::vector<Part> sheets;
    for (const Choice& choice : choices) {
        Sheet sheet = sheet_of(choice, pictures, root);
        if (!sheet.tiles.empty()) sheets.emplace_back(std::move(sheet));
    }
    return sheets;
}

} // namespace openset::report
