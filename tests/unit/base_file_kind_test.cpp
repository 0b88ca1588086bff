#include "base/file_kind.hpp"

#include <gtest/gtest.h>

using namespace std::string_literals;

namespace openset {
namespace {

TEST(FileKind, FilesOfOtherKindsAreKnownByTheirBeginning) {
    EXPECT_EQ(kind_of_file("PK\3\4..."), "a ZIP archive");
    EXPECT_EQ(kind_of_file("<!DOCTYPE HTML PUBLIC>"), "an HTML page");
    EXPECT_EQ(kind_of_file("version https://git-lfs.github.com/spec/v1\noid sha256:"),
              "a Git LFS pointer in place of the file itself (git lfs pull fetches it)");
    EXPECT_EQ(kind_of_file("\x80\2\x8A\nl\xFC\x9C\x46"s), "weights or a module from torch.save() before PyTorch 1.6");
    EXPECT_EQ(kind_of_file("\x80\2ccollections"s), "a Python pickle");
    EXPECT_EQ(kind_of_file("\x48\0\0\0\0\0\0\0{\"fc.weight\""s), "a safetensors file of weights");
    EXPECT_EQ(kind_of_file("\x08\x07\x12\x07pytorch"s), "an ONNX network");
    EXPECT_EQ(kind_of_file("RIFF\1\2\3\4WEBPVP8"s), "a WebP picture");
}

TEST(FileKind, TextAndTheUnknownAreNothing) {
    for (const auto& head : {""s, "{\"openset\": 1}"s, "  {}"s, "[1, 2]"s, "P"s, "these are the weights of nothing"s})
        EXPECT_EQ(kind_of_file(head), "") << head;
}

TEST(FileKind, AZipArchiveIsOne) {
    EXPECT_TRUE(is_zip("PK\3\4"));
    EXPECT_FALSE(is_zip("PK"));
    EXPECT_FALSE(is_zip("{\"openset\": 1}"));
}

} // namespace
} // namespace openset
