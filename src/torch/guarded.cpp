#include "torch/guarded.hpp"

#include <algorithm>
#include <array>

namespace openset::torch {

std::string short_message(const std::string& text) {
    std::string_view best;
    std::size_t start = 0;
    while (start < text.size()) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string_view line = std::string_view(text).substr(start, end - start);
        const bool frame = line.find_first_not_of(' ') == std::string_view::npos || line.starts_with(" ") ||
                           line.starts_with("Traceback") || line.starts_with("frame #") ||
                           line.starts_with("The following operation failed");
        if (!frame) best = line;
        start = end + 1;
    }
    constexpr std::string_view prefix = "RuntimeError: ";
    if (best.starts_with(prefix)) best.remove_prefix(prefix.size());
    return best.empty() ? text.substr(0, text.find('\n')) : std::string(best);
}

std::string message_of(const std::exception& error) {
    const auto* const own = dynamic_cast<const c10::Error*>(&error);
    return short_message(own == nullptr ? error.what() : own->what_without_backtrace());
}

bool is_out_of_memory(std::string_view text) {
    // The last one is of cuBLAS and cuDNN.
    static constexpr std::array<std::string_view, 5> signs = {"can't allocate memory", "not enough memory",
                                                              "out of memory", "bad_alloc", "STATUS_ALLOC_FAILED"};
    return std::ranges::any_of(signs,
                               [text](std::string_view sign) { return text.find(sign) != std::string_view::npos; });
}

void throw_ours(const std::string& what, const std::string& text) {
    if (is_out_of_memory(text)) throw Error(ErrorKind::out_of_memory, what + ": out of memory");
    // A card that has failed once fails every call from then on: no picture is to blame, and the run cannot go on.
    if (const std::size_t begin = text.find("CUDA error"); begin != std::string::npos) {
        const std::string message =
            text.substr(begin, text.find('\n', begin) - begin); // then follows advice for developers
        throw Error(ErrorKind::internal, what + ": the device has failed: " + message +
                                             "; start anew, on another --device if it fails again");
    }
    throw Error(ErrorKind::model, what + ": " + short_message(text));
}

} // namespace openset::torch
