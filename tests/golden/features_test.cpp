#include <algorithm>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <sstream>

#include "openset/base/file_bytes.hpp"
#include "openset/image/decode.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "shared_data.hpp"

namespace openset {
namespace {

/// Float32 values of an .npy file of version 1 in C order: what the references are.
std::vector<float> npy_values(const std::filesystem::path& path) {
    const auto bytes = read_file(path);
    const std::size_t start = 10 + bytes.at(8) + 256U * bytes.at(9);
    std::vector<float> values((bytes.size() - start) / sizeof(float));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(start), values.size() * sizeof(float),
                reinterpret_cast<std::uint8_t*>(values.data()));
    return values;
}

/// The first column of a CSV file without quoted fields, header left out.
std::vector<std::string> first_column(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> column;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) column.push_back(line.substr(0, line.find_first_of(",\r")));
    return column;
}

TEST(GoldenFeatures, EveryRowOfTheSampleIsReproduced) {
    const auto data = shared_data() / "data/spaniels";
    OPENSET_NEED_SHARED("data/spaniels/features_sample.npy");
    const auto paths = first_column(data / "features_sample.csv");
    const auto expected = npy_values(data / "features_sample.npy");
    ASSERT_FALSE(paths.empty());
    const std::size_t width = expected.size() / paths.size();

    torch::prepare_process();
    const auto network =
        torch::load_network(model::open_network_file(shared_data() / "models/spaniels7_effnetlite0.pt"));
    ASSERT_NE(network->head(), nullptr);
    const auto& spec = network->info().preprocess;
    double largest = 0;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const auto picture = image::resize_crop(image::decode(read_file(data / paths[i])).picture, spec);
        model::Batch batch{1, picture.height, picture.width, std::vector<float>(picture.rgb.size())};
        image::normalise(picture, spec, batch.data);
        const auto features = network->run(batch).features;
        ASSERT_EQ(static_cast<std::size_t>(features.columns), width);
        double difference = 0;
        for (std::size_t d = 0; d < width; ++d) {
            difference = std::max(difference, std::abs(static_cast<double>(features.values[d]) -
                                                       static_cast<double>(expected[i * width + d])));
        }
        EXPECT_LE(difference, 1e-4) << paths[i];
        largest = std::max(largest, difference);
    }
    std::cout << paths.size() << " rows compared, largest difference in a feature: " << largest << "\n";
}

} // namespace
} // namespace openset
