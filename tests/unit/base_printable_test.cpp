#include "openset/base/printable.hpp"

#include <gtest/gtest.h>

namespace openset {
namespace {

TEST(Printable, ReplacesControlCharactersAndNothingElse) {
    EXPECT_EQ(printable("plain, with spaces.jpg"), "plain, with spaces.jpg");
    EXPECT_EQ(printable("\x1b[2J\r\n\t\x7f"), "?[2J????");
    EXPECT_EQ(printable("\xC2\x80 \xC2\x9B"
                        "31m \xC2\x9F"),
              "? ?31m ?");
    EXPECT_EQ(printable("\xC2\xA0 \xC3\xA9 \xE2\x82\x9B \xF0\x9F\x90\x95"),
              "\xC2\xA0 \xC3\xA9 \xE2\x82\x9B \xF0\x9F\x90\x95")
        << "bytes like those of control characters inside longer sequences";
}

TEST(Printable, ReplacesStrayBytesThatAreControlCharactersInLatin1) {
    EXPECT_EQ(printable("\x9B"
                        "31m caf\xE9"),
              "?31m caf\xE9");
    EXPECT_EQ(printable("\xC2"), "\xC2");
    EXPECT_EQ(printable("\xE2\x9B"), "\xE2?") << "a sequence that is cut";
}

} // namespace
} // namespace openset
