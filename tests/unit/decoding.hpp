#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/image/decode.hpp"

/// What tests of decoders say of a file.
namespace openset::image {

struct Failure {
    std::string kind = "decoded";
    std::string message;
};

inline Failure failure_of(const std::vector<std::uint8_t>& file, const DecodeOptions& options = {}) {
    try {
        decode(file, options);
        return {};
    } catch (const Error& error) {
        return {std::string(to_string(error.kind())), error.what()};
    }
}

inline std::string kind_of_failure(const std::vector<std::uint8_t>& file, const DecodeOptions& options = {}) {
    return failure_of(file, options).kind;
}

inline std::vector<std::uint8_t> first_bytes(const std::vector<std::uint8_t>& file, std::size_t count) {
    return {file.begin(), file.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// Samples that compress badly, so that a cut anywhere loses pixels.
inline std::vector<std::uint8_t> noise(std::size_t count) {
    std::vector<std::uint8_t> samples(count);
    std::uint32_t state = 1;
    for (auto& sample : samples) {
        state = state * 1664525U + 1013904223U;
        sample = static_cast<std::uint8_t>(state >> 24);
    }
    return samples;
}

/// The pixels of a picture by the red samples alone, for pictures in grey or told apart by red.
inline std::vector<int> reds(const Picture& picture) {
    std::vector<int> reds;
    for (std::size_t i = 0; i < picture.rgb.size(); i += 3) reds.push_back(picture.rgb[i]);
    return reds;
}

} // namespace openset::image
