// The files and digests of golden/pixels: decoding and preprocessing, bit for bit what Pillow and torchvision give.

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "openset/base/error.hpp"
#include "openset/base/sha256.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"
#include "shared_data.hpp"

namespace openset::image {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Row = std::map<std::string, std::string>; // by column name

constexpr auto folder = "golden/pixels";

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text + separator);
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

std::vector<Row> read_csv(const std::string& name) {
    std::ifstream stream(shared_data() / folder / name);
    std::string line;
    std::getline(stream, line);
    const auto columns = split(line, ',');
    std::vector<Row> rows;
    while (std::getline(stream, line)) {
        const auto values = split(line, ',');
        if (values.size() != columns.size()) {
            ADD_FAILURE() << name << ": " << values.size() << " values, expected " << columns.size() << ": " << line;
            continue;
        }
        Row row;
        for (std::size_t i = 0; i < columns.size(); ++i) row[columns[i]] = values[i];
        rows.push_back(row);
    }
    return rows;
}

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    EXPECT_TRUE(stream.is_open()) << path;
    return Bytes(std::istreambuf_iterator<char>(stream), {});
}

int to_int(const std::string& text) {
    int number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << '"' << text << '"';
    return number;
}

/// "WxH" or, for both sides, "N".
Size to_size(const std::string& text) {
    const auto sides = split(text, 'x');
    return {to_int(sides.back()), to_int(sides.front())};
}

PreprocessSpec to_spec(const Row& row) {
    PreprocessSpec spec;
    const auto resize = split(row.at("resize"), ':');
    if (resize[0] == "shorter") {
        spec.resize.mode = ResizeMode::shorter_side;
        spec.resize.shorter_side = to_int(resize.at(1));
    } else if (resize[0] == "squash") {
        spec.resize.mode = ResizeMode::squash;
        spec.resize.squash = to_size(resize.at(1));
    } else {
        EXPECT_EQ(resize[0], "none");
    }
    static const std::map<std::string, Interpolation> interpolations{{"bilinear", Interpolation::bilinear},
                                                                     {"bicubic", Interpolation::bicubic},
                                                                     {"nearest", Interpolation::nearest},
                                                                     {"-", Interpolation::bilinear}};
    spec.resize.interpolation = interpolations.at(row.at("interp"));
    if (row.at("crop") != "none") spec.crop = to_size(row.at("crop"));
    return spec;
}

std::string sha256_of_tensor(const Picture& picture, const PreprocessSpec& spec) {
    static_assert(std::endian::native == std::endian::little);
    std::vector<float> tensor(picture.rgb.size());
    normalise(picture, spec, tensor);
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(tensor.data()), tensor.size() * sizeof(float)});
}

using Outcome = std::variant<Picture, Error>;

Outcome try_decode(const Bytes& bytes) {
    try {
        return decode(bytes).picture;
    } catch (const Error& error) {
        return error;
    }
}

TEST(GoldenPixels, EveryPreprocessingRowIsReproducedBitForBit) {
    OPENSET_NEED_SHARED(folder);
    std::map<std::string, Picture> pictures;
    int checked = 0, tensors = 0, order_dependent = 0;
    const std::vector<Row> rows = read_csv("preprocess.csv");
    for (const Row& row : rows) {
        const std::string& file = row.at("file");
        if (!pictures.contains(file)) {
            const Outcome outcome = try_decode(read_file(shared_data() / folder / "images" / file));
            const auto* error = std::get_if<Error>(&outcome);
            EXPECT_EQ(error, nullptr) << file << ": " << error->what();
            pictures[file] = error == nullptr ? std::get<Picture>(outcome) : Picture{1, 1, {0, 0, 0}};
        }
        SCOPED_TRACE("preprocess.csv id " + row.at("id") + ": " + file + ", " + row.at("resize") + ", " +
                     row.at("interp") + ", " + row.at("crop"));
        PreprocessSpec spec = to_spec(row);
        const Picture picture = resize_crop(pictures[file], spec);
        EXPECT_EQ(picture.width, to_int(row.at("out_w")));
        EXPECT_EQ(picture.height, to_int(row.at("out_h")));
        EXPECT_EQ(sha256_hex(picture.rgb), row.at("sha256_rgb")) << "horizontal-first";
        if (!row.at("sha256_f32").empty()) {
            EXPECT_EQ(sha256_of_tensor(picture, spec), row.at("sha256_f32")) << "tensor";
            ++tensors;
        }
        spec.resize.order = PassOrder::pillow13;
        EXPECT_EQ(sha256_hex(resize_crop(pictures[file], spec).rgb), row.at("sha256_rgb_p13")) << "pillow13";
        order_dependent += row.at("sha256_rgb") != row.at("sha256_rgb_p13") ? 1 : 0;
        ++checked;
    }
    std::cout << checked << " rows checked in both pass orders (" << order_dependent << " depend on the order), "
              << tensors << " tensors\n";
    EXPECT_GT(checked, 0);
}

TEST(GoldenPixels, EveryNastyFileHasItsOutcomeItsKindOfFailureAndItsPixels) {
    OPENSET_NEED_SHARED(folder);
    int pictures = 0, failures = 0;
    const std::vector<Row> rows = read_csv("nasty.csv");
    for (const Row& row : rows) {
        const std::string& file = row.at("file");
        const std::string& verdict = row.at("tool");
        SCOPED_TRACE("nasty.csv: " + file + ", " + verdict + " " + row.at("kinds"));
        const Outcome outcome = try_decode(read_file(shared_data() / folder / "nasty" / file));

        if (const auto* picture = std::get_if<Picture>(&outcome)) {
            ++pictures;
            EXPECT_NE(verdict, "failed") << "decoded";
            if (verdict == "failed") continue;
            EXPECT_EQ(picture->width, to_int(row.at("w")));
            EXPECT_EQ(picture->height, to_int(row.at("h")));
            EXPECT_EQ(sha256_hex(picture->rgb), row.at("sha256"));
            continue;
        }
        ++failures;
        const Error& error = std::get<Error>(outcome);
        const std::string_view message = error.what();
        EXPECT_EQ(message.find('\n'), std::string_view::npos) << message;
        EXPECT_NE(verdict, "ok") << message;
        const std::vector<std::string> kinds = split(row.at("kinds"), '|');
        EXPECT_NE(std::ranges::find(kinds, to_string(error.kind())), kinds.end())
            << to_string(error.kind()) << ": " << message;
    }
    std::cout << pictures << " files decoded, " << failures << " refused\n";
    EXPECT_GT(pictures, 0);
    EXPECT_EQ(pictures + failures, std::ssize(rows));
}

} // namespace
} // namespace openset::image
