#include "base/file_kind.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace openset {
namespace {

using namespace std::string_view_literals;

struct Kind {
    std::string_view magic; ///< in lower case where it is text; '?' stands for any byte
    const char* words;
};

// What people have lying about where networks, configs and pictures are.
constexpr std::array kinds = {
    Kind{"pk\3\4"sv, "a ZIP archive"},
    Kind{"version https://git-lfs"sv, "a Git LFS pointer in place of the file itself (git lfs pull fetches it)"},
    Kind{"<!doctype html"sv, "an HTML page"},
    Kind{"<html"sv, "an HTML page"},
    Kind{"<?xml"sv, "an XML file"},
    Kind{"\x80\2\x8A\n\x6C\xFC"sv, "weights or a module from torch.save() before PyTorch 1.6"},
    Kind{"\x80?c"sv, "a Python pickle"},
    Kind{"\x80?}"sv, "a Python pickle"},
    Kind{"\x80?\x95"sv, "a Python pickle"},
    Kind{"????\0\0\0\0{\""sv, "a safetensors file of weights"},
    Kind{"\x89hdf\r\n"sv, "an HDF5 file"},
    Kind{"\x08?\x12"sv, "an ONNX network"},
    Kind{"\x1F\x8B"sv, "a gzip archive"},
    Kind{"\x28\xB5\x2F\xFD"sv, "a Zstandard archive"},
    Kind{"\xFD\x37zxz\0"sv, "an xz archive"},
    Kind{"bzh"sv, "a bzip2 archive"},
    Kind{"%pdf"sv, "a PDF document"},
    Kind{"\xFF\xD8\xFF"sv, "a JPEG picture"},
    Kind{"\x89png"sv, "a PNG picture"},
    Kind{"gif8"sv, "a GIF picture"},
    Kind{"riff????webp"sv, "a WebP picture"},
};

bool begins_with(std::string_view head, std::string_view magic) {
    return head.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), head.begin(), [](char wanted, unsigned char found) {
               return wanted == '?' || std::tolower(static_cast<unsigned char>(wanted)) == std::tolower(found);
           });
}

} // namespace

std::string kind_of_file(std::string_view head) {
    constexpr std::size_t tar_magic_at = 257;
    if (head.size() > tar_magic_at && head.substr(tar_magic_at).starts_with("ustar")) return "a tar archive";
    const auto found = std::ranges::find_if(kinds, [head](const Kind& kind) { return begins_with(head, kind.magic); });
    return found == kinds.end() ? "" : found->words;
}

bool is_zip(std::string_view head) { return begins_with(head, "PK\3\4"sv); }

} // namespace openset
