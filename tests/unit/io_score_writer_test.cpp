#include "openset/io/score_writer.hpp"

#include <array>
#include <gtest/gtest.h>
#include <limits>

#include "text_sink.hpp"

namespace openset::io {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::string written(const std::vector<std::string>& columns, std::string_view path, std::string_view label,
                    const std::vector<double>& values) {
    TextSink sink;
    ScoreWriter writer(sink, columns);
    const std::size_t header = sink.text.size();
    writer.write(path, label, "tabby", 0.5, values);
    return sink.text.substr(header);
}

TEST(ScoreWriter, TheHeaderNamesTheColumns) {
    TextSink sink;
    const ScoreWriter writer(sink, {"openmax", "p:a, b", "p:\"c\""});
    EXPECT_EQ(sink.text, "path,label,predicted,confidence,openmax,\"p:a, b\",\"p:\"\"c\"\"\"\r\n");
}

TEST(ScoreWriter, NumbersAreTheShortestThatReadBack) {
    EXPECT_EQ(written({"a", "b", "c"}, "x.jpg", "", {0.1, 1.0 / 3, -2}),
              "x.jpg,,tabby,0.5,0.1,0.3333333333333333,-2\r\n");
}

TEST(ScoreWriter, InfinitiesAreInf) {
    EXPECT_EQ(written({"a", "b"}, "x.jpg", "tabby", {infinity, -infinity}), "x.jpg,tabby,tabby,0.5,inf,-inf\r\n");
}

TEST(ScoreWriter, NamesAreKeptByteForByte) {
    EXPECT_EQ(written({"a"}, "a,b/caf\xe9\n.jpg", "say \"hi\"", {1}),
              "\"a,b/caf\xe9\n.jpg\",\"say \"\"hi\"\"\",tabby,0.5,1\r\n");
}

TEST(ScoreWriter, WithoutColumnsThereIsTheConfidenceAlone) { EXPECT_EQ(written({}, "x", "", {}), "x,,tabby,0.5\r\n"); }

} // namespace
} // namespace openset::io
