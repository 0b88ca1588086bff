#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

/// Tar archives made byte by byte, so that a test can say what is in them and damage them on purpose.
namespace openset::made {

struct TarHeader {
    std::string name;
    std::size_t size = 0;
    char type =
        '0'; ///< 0 file, 1 hard link, 2 symbolic link, 3 device, 5 folder, 6 FIFO, x pax, L GNU long name, S sparse
    std::string linked_to = "";
    std::string from_386 = ""; ///< what the GNU format keeps there about a sparse file
};

inline std::string octal(std::size_t value, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*zo", digits, value);
    return text;
}

inline std::string tar_header(const TarHeader& header) {
    std::string block(512, '\0');
    const auto put = [&block](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
    put(0, header.name.substr(0, 100));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, octal(header.size, 11));
    put(136, octal(0, 11));
    put(148, "        ");
    block[156] = header.type;
    put(157, header.linked_to);
    put(257, header.type == 'S' || header.type == 'L' ? std::string("ustar  ")
                                                      : std::string("ustar\0"
                                                                    "00",
                                                                    8));
    put(386, header.from_386);
    std::size_t sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + '\0' + ' ');
    return block;
}

inline std::string padded(std::string content) {
    content.resize((content.size() + 511) / 512 * 512);
    return content;
}

inline std::string tar_member(const std::string& name, const std::string& content, char type = '0') {
    return tar_header({name, content.size(), type}) + padded(content);
}

inline std::string tar_link(const std::string& name, char type, const std::string& linked_to) {
    return tar_header({name, 0, type, linked_to});
}

/// A member whose name stands in a pax header: more than 100 bytes of it, or UTF-8.
inline std::string pax_member(const std::string& name, const std::string& content) {
    const std::string fact = " path=" + name + "\n"; // behind its own length, which counts its digits
    std::size_t length = fact.size() + 1;
    while (std::to_string(length).size() + fact.size() != length) ++length;
    return tar_member("PaxHeaders/x", std::to_string(length) + fact, 'x') + tar_member("short", content);
}

inline std::string gnu_long_name_member(const std::string& name, const std::string& content) {
    return tar_member("././@LongLink", name + '\0', 'L') + tar_member(name.substr(0, 100), content);
}

/// A member of `size` bytes of which only `content`, from `offset` on, is in the archive.
inline std::string sparse_member(const std::string& name, std::size_t size, std::size_t offset,
                                 const std::string& content) {
    std::string map = octal(offset, 11) + '\0' + octal(content.size(), 11) + '\0';
    map += octal(size, 11) + '\0' + octal(0, 11) + '\0'; // the hole at the end
    map.resize(4 * 24 + 1);
    map += octal(size, 11) + '\0';
    return tar_header({name, content.size(), 'S', "", map}) + padded(content);
}

inline const std::string tar_end(1024, '\0');

} // namespace openset::made
