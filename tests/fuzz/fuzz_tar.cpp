// Tar archives: reading and skipping see the same members, and no member is larger than the archive.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "openset/flow/input.hpp"

namespace {

using namespace openset;

class Memory : public ByteSource {
public:
    explicit Memory(std::span<const std::uint8_t> bytes) : unread_(bytes) {}
    std::optional<std::size_t> read(std::span<std::uint8_t> room, const Cancellation&) override {
        const std::size_t count = std::min({room.size(), unread_.size(), std::size_t{1000}});
        std::copy_n(unread_.begin(), count, room.begin());
        unread_ = unread_.subspan(count);
        return count;
    }

private:
    std::span<const std::uint8_t> unread_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span bytes(data, size);
    const flow::ScanOptions options{.max_bytes = 1 << 16};
    std::vector<std::string> read, skipped;
    const auto reading = flow::scan_tar(std::make_unique<Memory>(bytes), "t.tar", options);
    while (const auto input = reading->next()) {
        if (input->bytes.has_value() == input->failure.has_value()) std::abort();
        if (input->bytes && input->bytes->size() > options.max_bytes) std::abort();
        if (input->path != "t.tar" && !input->path.starts_with("t.tar//")) std::abort();
        read.push_back(input->path);
    }
    const auto skipping = flow::scan_tar(std::make_unique<Memory>(bytes), "t.tar", options);
    while (auto path = skipping->skip()) skipped.push_back(std::move(*path));
    if (read != skipped) std::abort();
    return 0;
}
