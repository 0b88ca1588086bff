#include "openset/io/row_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "openset/base/error.hpp"
#include "temporary_folder.hpp"
#include "text_sink.hpp"

namespace openset::io {
namespace {

using testing::HasSubstr;

Row known(const std::string& path, const std::string& label) {
    Row row;
    row.path = path;
    row.verdict = {Outcome::known, label, Stage::classifier, 0.9};
    row.gate = GateFigures{{285, "Egyptian, \"cat\"", 0.61}, 0.93, 1, true};
    row.classifier = ClassifierFigures{{3, label, 0.9}, 11.2F, std::nullopt, {{3, label, 0.9}}};
    return row;
}

Row failed(const std::string& path) {
    Row row;
    row.path = path;
    row.verdict = {Outcome::failed, "failed", std::nullopt, std::nullopt};
    row.failure = Failure{"truncated", "ends \"early\",\r\nafter 3 lines"};
    return row;
}

/// Names with all that a format has to hide: line ends, quotes, commas, bytes that are no UTF-8.
const std::vector<Row> rows_of_all_kinds = {known("a/b.jpg", "Bombay"), failed("two\nlines\r\n,\"x\".jpg"),
                                            known("stray\xFF byte", "unknown"), known("", "\"quoted\""),
                                            failed("{\"path\": 1}")};

std::string written(RowFormat format, const std::vector<Row>& rows) {
    TextSink sink;
    const auto writer = make_row_writer(format, sink, {.gate = true});
    for (const Row& row : rows) writer->write(row);
    writer->finish({});
    return sink.text;
}

struct Reading {
    std::vector<RowRecord> rows;
    std::string header;
    RowFormat format = RowFormat::jsonl;
    std::uint64_t whole_bytes = 0, torn_bytes = 0;
};

Reading read(const std::string& text) {
    std::istringstream stream(text);
    RowReader reader(stream, "rows");
    Reading reading;
    while (auto row = reader.next()) reading.rows.push_back(std::move(*row));
    reading.header = reader.header();
    reading.format = reader.format();
    reading.whole_bytes = reader.whole_bytes();
    reading.torn_bytes = reader.torn_bytes();
    return reading;
}

std::string error_of(const std::string& text) {
    try {
        read(text);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::corrupt);
        return error.what();
    }
    return "no error";
}

class RowReaderOfBothFormats : public testing::TestWithParam<RowFormat> {};

TEST_P(RowReaderOfBothFormats, RowsComeBackAsTheyWereWritten) {
    const std::string text = written(GetParam(), rows_of_all_kinds);
    const Reading reading = read(text);
    EXPECT_EQ(reading.format, GetParam());
    EXPECT_EQ(reading.header, row_header(GetParam(), {.gate = true}));
    ASSERT_EQ(reading.rows.size(), rows_of_all_kinds.size());
    std::string bytes = reading.header;
    for (std::size_t i = 0; i < rows_of_all_kinds.size(); ++i) {
        const Row& expected = rows_of_all_kinds[i];
        const RowRecord& row = reading.rows[i];
        EXPECT_EQ(row.path, expected.path);
        EXPECT_EQ(row.verdict, expected.verdict.label);
        EXPECT_EQ(row.outcome, expected.verdict.outcome);
        EXPECT_EQ(row.decided_by, decided_by(expected.verdict));
        EXPECT_EQ(row.error_kind.value_or("none"), expected.failure ? expected.failure->kind : "none");
        bytes += row.bytes;
    }
    EXPECT_EQ(bytes, text);
    EXPECT_EQ(reading.whole_bytes, text.size());
    EXPECT_EQ(reading.torn_bytes, 0U);
}

TEST_P(RowReaderOfBothFormats, AFileCutAnywhereGivesItsWholeRowsAndTheRestIsTorn) {
    const std::string text = written(GetParam(), rows_of_all_kinds);
    std::vector<std::size_t> ends = {row_header(GetParam(), {.gate = true}).size()};
    for (const RowRecord& row : read(text).rows) ends.push_back(ends.back() + row.bytes.size());
    for (std::size_t length = 1; length <= text.size(); ++length) {
        const Reading reading = read(text.substr(0, length));
        std::size_t whole_rows = 0, whole_bytes = length < ends.front() ? 0 : ends.front();
        while (whole_rows + 1 < ends.size() && ends[whole_rows + 1] <= length) whole_bytes = ends[++whole_rows];
        EXPECT_EQ(reading.rows.size(), whole_rows) << length;
        EXPECT_EQ(reading.whole_bytes, whole_bytes) << length;
        EXPECT_EQ(reading.torn_bytes, length - whole_bytes) << length;
        EXPECT_TRUE(begins_like_rows(text.substr(0, length)));
    }
}

TEST_P(RowReaderOfBothFormats, RowsMayBeLongerThanTheReadersBuffer) {
    const Row row = known(std::string(300'000, 'x'), "Bombay");
    const Reading reading = read(written(GetParam(), {row, row}));
    ASSERT_EQ(reading.rows.size(), 2U);
    EXPECT_EQ(reading.rows[1].path, row.path);
}

INSTANTIATE_TEST_SUITE_P(Format, RowReaderOfBothFormats, testing::Values(RowFormat::jsonl, RowFormat::csv),
                         [](const auto& format) { return std::string(to_string(format.param)); });

TEST_P(RowReaderOfBothFormats, FiguresOfStagesAreThoseThatAreWanted) {
    Row row = known("a.jpg", "a:b;c");
    row.classifier->top = {{3, "a:b;c", 0.75}, {1, "c:d", 0.25}};
    row.unknown = UnknownFigures{"openmax", -1.5, 0.25, 2.5, true};
    Row by_rule = known("b.jpg", "c");
    by_rule.classifier->top.clear();
    by_rule.unknown = UnknownFigures{"openmax", 3, 0.75, std::nullopt, false};
    TextSink sink;
    const auto writer = make_row_writer(GetParam(), sink, {.gate = true, .unknown = true});
    for (const Row& one : {row, by_rule, failed("c.jpg")}) writer->write(one);
    writer->finish({});
    std::istringstream stream(sink.text);
    RowReader reader(stream, "rows");
    reader.want({"unknown.score", "unknown.threshold"}, {"unknown.method"}, {"unknown.pass"}, {"classifier.top"});

    const auto first = reader.next(), second = reader.next(), third = reader.next();
    EXPECT_THAT(first->numbers, testing::ElementsAre(-1.5, 2.5));
    EXPECT_THAT(first->texts, testing::ElementsAre("openmax"));
    EXPECT_THAT(first->flags, testing::ElementsAre(true));
    EXPECT_THAT(first->lists, testing::ElementsAre(testing::ElementsAre("a:b;c", "c:d")));
    EXPECT_THAT(second->numbers, testing::ElementsAre(3, std::nullopt)) << "OpenMax's own rule is no threshold";
    EXPECT_THAT(second->flags, testing::ElementsAre(false));
    EXPECT_THAT(second->lists, testing::ElementsAre(testing::IsEmpty()));
    EXPECT_THAT(third->numbers, testing::ElementsAre(std::nullopt, std::nullopt));
    EXPECT_THAT(third->flags, testing::ElementsAre(std::nullopt));
}

TEST(RowReader, OnlyAThresholdMayBeARule) {
    for (const std::string figure : {"score", "threshold"}) {
        std::istringstream stream(R"({"path": "a", "verdict": "x", "outcome": "known", "decided_by": "classifier", )"
                                  R"("unknown": {")" +
                                  figure + "\": \"argmax\"}}\n");
        RowReader reader(stream, "rows");
        reader.want({"unknown." + figure});
        if (figure == "threshold")
            EXPECT_EQ(reader.next()->numbers[0], std::nullopt);
        else
            EXPECT_THROW(reader.next(), Error);
    }
}

TEST(RowReader, TakesAnEmptyFileForJsonlWithoutRows) {
    const Reading reading = read("");
    EXPECT_EQ(reading.format, RowFormat::jsonl);
    EXPECT_TRUE(reading.rows.empty());
    EXPECT_FALSE(begins_like_rows(""));
}

TEST(RowReader, ReadsCsvWhoseLinesEndInALineFeedAlone) {
    const Reading reading =
        read("path,verdict,outcome,decided_by,error_kind,path_base64\na.jpg,cat,known,classifier,,\n");
    ASSERT_EQ(reading.rows.size(), 1U);
    EXPECT_EQ(reading.rows[0].path, "a.jpg");
}

TEST(RowReader, SaysWhatIsNoRowFile) {
    EXPECT_THAT(error_of("PK\x03\x04"), HasSubstr("rows: begins with \"PK\\u0003\\u0004\", expected rows"));
    EXPECT_THAT(error_of("VERDICT  PROB\n"), HasSubstr("expected rows as openset infer writes them: jsonl or csv"));
    EXPECT_FALSE(begins_like_rows("{\n  \"format\": \"openset-run/1\""));
    EXPECT_FALSE(begins_like_rows("path,label,predicted"));
}

TEST(RowReader, NamesTheRowTheFindingAndTheExpectationForJson) {
    const std::string good = R"({"path": "a", "verdict": "cat", "outcome": "known", "decided_by": "classifier"})"
                             "\n";
    EXPECT_THAT(error_of(good + "\n"), HasSubstr("rows: row 2: "));
    EXPECT_THAT(error_of(good + "{\"path\": \n"), HasSubstr("rows: row 2: line 1, column"));
    EXPECT_THAT(error_of(good + good + "[1]\n"), HasSubstr("rows: row 3: found an array of 1, expected a row"));
    EXPECT_THAT(error_of(R"({"path": 3, "verdict": "cat", "outcome": "known", "decided_by": "gate"})"
                         "\n"),
                HasSubstr("no \"path_base64\", expected the path"));
    EXPECT_THAT(
        error_of(R"({"path": "a", "verdict": "cat", "outcome": "knwon", "decided_by": "gate"})"
                 "\n"),
        HasSubstr("/outcome: found \"knwon\", expected one of \"known\", \"unknown\", \"failed\"; did you mean"));
    EXPECT_THAT(error_of(R"({"path": "a", "verdict": "failed", "outcome": "failed", "decided_by": "decode"})"
                         "\n"),
                HasSubstr("no \"error\", expected why the picture failed"));
    EXPECT_THAT(error_of(R"({"path_base64": "Yf8", "verdict": "cat", "outcome": "known", "decided_by": "gate"})"
                         "\n"),
                HasSubstr("/path_base64: found \"Yf8\", expected base64"));
    EXPECT_THAT(error_of(R"({"path": "a", "path": "b", "verdict": "cat", "outcome": "known", "decided_by": "gate"})"
                         "\n"),
                HasSubstr("the key occurs twice"));
}

TEST(RowReader, NamesTheRowItsLineTheFindingAndTheExpectationForCsv) {
    const std::string header = "path,verdict,outcome,decided_by,error_kind,path_base64\r\n";
    const std::string two_lines = "\"a\nb\",cat,known,classifier,,\r\n";
    EXPECT_THAT(error_of(header + two_lines + "a,cat\r\n"),
                HasSubstr("rows: row 2 (line 4): found 2 fields, expected 6 as in the header"));
    EXPECT_THAT(error_of(header + "a,cat,known,nobody,,\r\n"), HasSubstr("found \"nobody\", expected the stage"));
    EXPECT_THAT(error_of(header + "\"a\"b,cat,known,gate,,\r\n"),
                HasSubstr("row 1 (line 2): field 1: found text behind the closing quote"));
    EXPECT_THAT(error_of(header + "a\"b\",cat,known,gate,,\r\n"), HasSubstr("expected quotes around a field"));
    EXPECT_THAT(error_of(header + "a\rb,cat,known,gate,,\r\n"), HasSubstr("expected quotes around a field"));
    EXPECT_THAT(error_of(header + "a,failed,failed,decode,,\r\n"), HasSubstr("error_kind is empty"));
    EXPECT_THAT(error_of(header + ",cat,known,gate,,Yf8\r\n"), HasSubstr("expected base64"));
    EXPECT_THAT(error_of("path,verdict,outcome,decided_by,error\r\n"), HasSubstr("has no column error_kind"));
}

TEST(RowReader, StopsAtARecordThatNoRowHasTheLengthOf) {
    const std::string endless(RowReader::max_record_bytes + 1, 'x');
    EXPECT_THAT(error_of("{\"path\": \"" + endless), HasSubstr("row 1: is longer than 16777216 bytes"));
    EXPECT_THAT(error_of("path,verdict,outcome,decided_by,error_kind,path_base64\r\n\"" + endless),
                HasSubstr("row 1 (line 2): is longer than 16777216 bytes"));
}

TEST(RowReader, TellsFilesThatCannotBeRead) {
    const TemporaryFolder folder;
    EXPECT_THROW(RowReader(folder / "absent"), Error);
    EXPECT_THROW(RowReader{folder.path()}, Error);
    write_text(folder / "rows.csv", written(RowFormat::csv, rows_of_all_kinds));
    RowReader reader(folder / "rows.csv");
    EXPECT_EQ(reader.next()->path, "a/b.jpg");
}

} // namespace
} // namespace openset::io
