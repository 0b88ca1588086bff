#include "openset/base/sha256.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <vector>

#include <openssl/evp.h>

#include "openset/base/error.hpp"

namespace openset {
namespace {

struct ContextDeleter {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

struct FileCloser {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new()) {
        check(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    }

    void add(std::span<const std::uint8_t> bytes) {
        check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
    }

    std::string hex() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned int length = 0;
        check(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text;
        for (unsigned int i = 0; i < length; ++i) {
            text += digits[digest[i] >> 4];
            text += digits[digest[i] & 15];
        }
        return text;
    }

private:
    static void check(bool succeeded) {
        if (!succeeded) throw Error(ErrorKind::internal, "libcrypto could not compute a sha-256 digest");
    }

    std::unique_ptr<EVP_MD_CTX, ContextDeleter> context_;
};

[[noreturn]] void throw_unreadable(int code) {
    const auto kind = code == ENOENT || code == ENOTDIR ? ErrorKind::not_found : ErrorKind::unreadable;
    throw Error(kind, "cannot read the file: " + std::generic_category().message(code));
}

} // namespace

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
    Sha256 sha256;
    sha256.add(bytes);
    return sha256.hex();
}

std::string sha256_hex_of_file(const std::filesystem::path& file) {
    const std::unique_ptr<std::FILE, FileCloser> stream(std::fopen(file.c_str(), "rb"));
    if (!stream) throw_unreadable(errno);
    Sha256 sha256;
    std::vector<std::uint8_t> piece(std::size_t{1} << 16);
    while (const std::size_t length = std::fread(piece.data(), 1, piece.size(), stream.get())) {
        sha256.add({piece.data(), length});
    }
    if (std::ferror(stream.get()) != 0) throw_unreadable(errno);
    return sha256.hex();
}

} // namespace openset
