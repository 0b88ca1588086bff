#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "openset/base/byte_source.hpp"
#include "openset/base/error.hpp"

/// Bytes in memory, a few at a time, and perhaps a read error after them.
class MemorySource : public openset::ByteSource {
public:
    explicit MemorySource(std::string bytes, std::string error_after = "")
        : bytes_(std::move(bytes)), error_after_(std::move(error_after)) {}

    std::optional<std::size_t> read(std::span<std::uint8_t> room, const openset::Cancellation& cancellation) override {
        if (cancellation.requested()) return std::nullopt;
        if (given_ == bytes_.size() && !error_after_.empty())
            throw openset::Error(openset::ErrorKind::unreadable, error_after_);
        const std::size_t count = std::min({room.size(), bytes_.size() - given_, std::size_t{1000}});
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(given_), count, room.begin());
        given_ += count;
        return count;
    }

private:
    std::string bytes_, error_after_;
    std::size_t given_ = 0;
};

inline std::unique_ptr<openset::ByteSource> in_memory(std::string bytes, std::string error_after = "") {
    return std::make_unique<MemorySource>(std::move(bytes), std::move(error_after));
}
