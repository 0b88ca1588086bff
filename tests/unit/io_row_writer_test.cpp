#include "openset/io/row_writer.hpp"

#include <gtest/gtest.h>
#include <limits>

#include "openset/io/text_encoding.hpp"
#include "openset/io/number_text.hpp"
#include "text_sink.hpp"

namespace openset::io {
namespace {

Row known_row() {
    Row row;
    row.path = "a/b.jpg";
    row.verdict = {Outcome::known, "Bombay", Stage::classifier, 0.991};
    row.gate = GateFigures{{285, "Egyptian_cat", 0.61}, 0.93, 1, true};
    row.species = SpeciesFigures{{1, "cat", 0.999}, true};
    row.classifier =
        ClassifierFigures{{3, "Bombay", 0.991}, 11.2F, std::nullopt, {{3, "Bombay", 0.991}, {0, "Abyssinian", 0.004}}};
    return row;
}

TEST(JsonLine, HasTheKeysOfTheInterfaceInTheirOrder) {
    EXPECT_EQ(
        to_json_line(known_row()),
        R"({"path": "a/b.jpg", "verdict": "Bombay", "outcome": "known", "decided_by": "classifier", "probability": 0.991, )"
        R"("gate": {"id": 285, "label": "Egyptian_cat", "probability": 0.61, "mass": 0.93, "rank": 1, "pass": true}, )"
        R"("species": {"id": 1, "label": "cat", "probability": 0.999, "pass": true}, )"
        R"("classifier": {"id": 3, "label": "Bombay", "probability": 0.991, "max_logit": 11.2, )"
        R"("top": [{"id": 3, "label": "Bombay", "probability": 0.991}, {"id": 0, "label": "Abyssinian", "probability": 0.004}]}})");
}

TEST(JsonLine, LeavesOutTheProbabilityAndLaterStagesOfARejectedPicture) {
    Row row = known_row();
    row.verdict = {Outcome::unknown, "unknown", Stage::gate, std::nullopt};
    row.gate->pass = false;
    row.species.reset();
    row.classifier.reset();
    EXPECT_EQ(
        to_json_line(row),
        R"({"path": "a/b.jpg", "verdict": "unknown", "outcome": "unknown", "decided_by": "gate", )"
        R"("gate": {"id": 285, "label": "Egyptian_cat", "probability": 0.61, "mass": 0.93, "rank": 1, "pass": false}})");
}

TEST(JsonLine, PutsTheErrorOfAFailedPictureAfterDecidedBy) {
    Row row;
    row.path = "b.jpg";
    row.verdict = {Outcome::failed, "failed", std::nullopt, std::nullopt};
    row.failure = Failure{"truncated", "ends early"};
    EXPECT_EQ(to_json_line(row),
              R"({"path": "b.jpg", "verdict": "failed", "outcome": "failed", "decided_by": "decode", )"
              R"("error": {"kind": "truncated", "message": "ends early"}})");
}

TEST(JsonLine, GivesAPathThatIsNotUtf8InBase64) {
    Row row;
    row.path = "a\xFF.jpg";
    EXPECT_NE(to_json_line(row).find(R"("path_base64": "Yf8uanBn")"), std::string::npos);
    EXPECT_EQ(to_json_line(row).find(R"("path":)"), std::string::npos);
}

TEST(JsonLine, EscapesQuotesAndControlBytes) {
    Row row;
    row.path = "a\"\n\t.jpg";
    EXPECT_NE(to_json_line(row).find(R"("path": "a\"\n\t.jpg")"), std::string::npos);
}

TEST(JsonLine, ListsAllLabelsOfAMultiLabelClassifierBeforeTheTop) {
    Row row = known_row();
    row.classifier->labels = {{{3, "Bombay", 0.991}}};
    EXPECT_NE(to_json_line(row).find(
                  R"("max_logit": 11.2, "labels": [{"id": 3, "label": "Bombay", "probability": 0.991}], "top": [)"),
              std::string::npos);
}

TEST(Numbers, AreTheShortestTextThatReadsBackToTheSameValue) {
    EXPECT_EQ(shortest(0.1), "0.1");
    EXPECT_EQ(shortest(0.1F), "0.1"); // as a double it would be 0.10000000149011612
    EXPECT_EQ(shortest(1.0), "1");
    EXPECT_EQ(shortest(5e-324), "5e-324");
    EXPECT_EQ(shortest(-std::numeric_limits<double>::infinity()), "-inf");
}

std::string csv_of(const Row& row, const RowLayout& layout) {
    TextSink sink;
    const auto writer = make_row_writer(RowFormat::csv, sink, layout);
    writer->write(row);
    writer->finish({});
    return sink.text;
}

TEST(Csv, HasOneColumnAKeyForTheStagesOfThePipeline) {
    EXPECT_EQ(
        csv_of(known_row(), {true, true, false, false}),
        "path,verdict,outcome,decided_by,error_kind,error_message,probability,"
        "gate_id,gate_label,gate_probability,gate_mass,gate_rank,gate_pass,"
        "species_id,species_label,species_probability,species_pass,"
        "classifier_id,classifier_label,classifier_probability,classifier_max_logit,classifier_top,path_base64\r\n"
        "a/b.jpg,Bombay,known,classifier,,,0.991,285,Egyptian_cat,0.61,0.93,1,true,1,cat,0.999,true,"
        "3,Bombay,0.991,11.2,Bombay:0.991;Abyssinian:0.004,\r\n");
}

TEST(Csv, QuotesFieldsThatHoldCommasQuotesOrLineEnds) {
    Row row = known_row();
    row.path = "a,\"b\"\n.jpg";
    EXPECT_NE(csv_of(row, {}).find("\"a,\"\"b\"\"\n.jpg\",Bombay"), std::string::npos);
}

TEST(Table, EndsWithTheCountsAndSaysWhyAPictureWasRejected) {
    TextSink sink;
    const auto writer = make_row_writer(RowFormat::table, sink, {true, true, false, false});
    Row row = known_row();
    RowCounts counts;
    writer->write(row);
    counts.add(row);
    row.verdict = {Outcome::unknown, "unknown", Stage::species, std::nullopt};
    row.path = "b\x1b[31m.jpg";
    writer->write(row);
    counts.add(row);
    writer->finish(counts);
    EXPECT_NE(sink.text.find("Bombay                  99.1 % classifier  a/b.jpg\n"), std::string::npos) << sink.text;
    EXPECT_NE(sink.text.find("b?[31m.jpg  (looks like cat, 99.9 %)\n"), std::string::npos) << sink.text;
    EXPECT_NE(sink.text.find("\n2 pictures: 1 known, 1 unknown, 0 failed   (decided by: classifier 1, species 1)\n"),
              std::string::npos)
        << sink.text;
}

TEST(Utf8, IsToldFromOtherBytes) {
    EXPECT_TRUE(is_utf8("plain"));
    EXPECT_TRUE(is_utf8("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x95"));
    EXPECT_FALSE(is_utf8("\xC0\xAF"));         // overlong
    EXPECT_FALSE(is_utf8("\xE0\x80\xAF"));     // overlong
    EXPECT_FALSE(is_utf8("\xED\xA0\x80"));     // surrogate
    EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80")); // above U+10FFFF
    EXPECT_FALSE(is_utf8("\xE2\x82"));         // cut
    EXPECT_FALSE(is_utf8("\x80"));
}

TEST(Base64, FollowsTheTestVectorsOfRfc4648) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

} // namespace
} // namespace openset::io
