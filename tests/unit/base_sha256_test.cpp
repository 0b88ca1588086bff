#include "openset/base/sha256.hpp"

#include <fstream>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

#include "openset/base/error.hpp"

namespace openset {
namespace {

std::string sha256_of(std::string_view text) {
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::filesystem::path temporary_file() {
    return std::filesystem::path(testing::TempDir()) / ("openset_sha256_" + std::to_string(::getpid()));
}

ErrorKind kind_of_failure(const std::filesystem::path& file) {
    try {
        sha256_hex_of_file(file);
    } catch (const Error& error) {
        return error.kind();
    }
    return ErrorKind::internal;
}

// FIPS 180-4's sample messages (NIST, "SHA256.pdf") and the digest of nothing.
TEST(Sha256, GivesTheDigestsOfTheStandard) {
    EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfAFileIsThatOfItsBytesHoweverLong) {
    const auto file = temporary_file();
    const std::string a_million_a(1'000'000, 'a');
    std::ofstream(file, std::ios::binary) << a_million_a;
    const std::string digest = sha256_hex_of_file(file);
    std::filesystem::remove(file);
    EXPECT_EQ(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"); // FIPS 180-2, appendix B.3
    EXPECT_EQ(digest, sha256_of(a_million_a));
}

TEST(Sha256, OfAMissingFileIsNotFoundAndOfAFolderUnreadable) {
    EXPECT_EQ(kind_of_failure(temporary_file() / "nothing"), ErrorKind::not_found);
    EXPECT_EQ(kind_of_failure(testing::TempDir()), ErrorKind::unreadable);
}

} // namespace
} // namespace openset
