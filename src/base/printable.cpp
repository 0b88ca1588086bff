#include "openset/base/printable.hpp"

namespace openset {
namespace {

/// The length of the UTF-8 sequence at the front as its first byte tells it; 1 where it is cut or none.
std::size_t sequence_length(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
    if (length > text.size()) return 1;
    for (std::size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80) return 1;
    }
    return length;
}

bool is_control(std::string_view character) {
    const auto last = static_cast<unsigned char>(character.back());
    if (character.size() > 1) return character.front() == '\xC2' && character.size() == 2 && last < 0xA0;
    return last < 0x20 || (last >= 0x7F && last < 0xA0);
}

} // namespace

std::string printable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::string_view character = text.substr(0, sequence_length(text));
        if (is_control(character)) {
            result += '?';
        } else {
            result += character;
        }
        text.remove_prefix(character.size());
    }
    return result;
}

} // namespace openset
