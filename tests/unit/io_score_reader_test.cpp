#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "error_of.hpp"
#include "openset/io/score_reader.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

using testing::ElementsAre;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Reading score files and rows that lie in a folder of the test's own.
class ScoreReader : public testing::Test {
protected:
    std::filesystem::path file(const std::string& text, const std::string& name = "s.csv") {
        write_text(folder_ / name, text);
        return folder_ / name;
    }

    ScoreTable read(const std::string& text, const WantedScores& wanted) {
        return read_scores(file(text), wanted, labels_);
    }

    /// The error without the folder.
    std::string error(const std::string& text, const WantedScores& wanted) {
        std::string message = error_of([&] { read(text, wanted); });
        const std::string place = folder_.path().string() + "/";
        while (message.find(place) != std::string::npos) message.erase(message.find(place), place.size());
        return message;
    }

    std::vector<std::string> names(const std::vector<std::int32_t>& numbers) const {
        std::vector<std::string> found;
        for (const std::int32_t number : numbers)
            found.push_back(number < 0 ? "-" : labels_.names()[static_cast<std::size_t>(number)]);
        return found;
    }

    TemporaryFolder folder_;
    LabelNames labels_;
};

const std::string scores = "path,label,predicted,confidence,openmax,msp\r\n"
                           "a.jpg,cat,cat,0.9,-1.5,-0.9\r\n"
                           "\"b,\"\"1\"\".jpg\",,dog,0.75,inf,-0.75\r\n";

TEST_F(ScoreReader, GivesTheWantedColumns) {
    const ScoreTable table = read(scores, {{"openmax"}, true, false, false});
    EXPECT_EQ(table.rows, 2);
    EXPECT_THAT(table.scores, ElementsAre(ElementsAre(-1.5, infinity)));
    EXPECT_THAT(table.confidence, ElementsAre(0.9, 0.75));
    EXPECT_THAT(names(table.label), ElementsAre("cat", "-"));
    EXPECT_THAT(names(table.predicted), ElementsAre("cat", "dog"));
}

TEST_F(ScoreReader, KnowsWhichColumnsAreScores) {
    EXPECT_THAT(score_columns(file("path,label,predicted,confidence,a,msp,p:cat,p:unknown,w:cat\n")),
                ElementsAre("a", "msp"));
}

TEST_F(ScoreReader, TakesFilesOfOtherWriters) {
    EXPECT_EQ(read("path,label,predicted,confidence,msp\na,,,1,2\nb,,,1,3", {{"msp"}, false, false, false}).rows, 2)
        << "lines that end in LF alone, the last in nothing";
}

TEST_F(ScoreReader, GivesWScoresAndWhereUnknownIsTheLikeliest) {
    const ScoreTable table = read("path,label,predicted,confidence,openmax,p:cat,p:dog,p:unknown,w:cat,w:dog\n"
                                  "a,cat,cat,0.9,-1,0.5,0.1,0.4,0.25,1\n"
                                  "b,cat,cat,0.9,1,0.1,0.1,0.8,0.5,0.75\n"
                                  "c,cat,cat,0.9,0,0.4,0.2,0.4,0,0\n",
                                  {{"openmax"}, false, true, true});
    EXPECT_THAT(names(table.w_labels), ElementsAre("cat", "dog"));
    EXPECT_THAT(table.w, ElementsAre(0.25, 1, 0.5, 0.75, 0, 0));
    EXPECT_THAT(table.argmax_unknown, ElementsAre(0, 1, 0)) << "an exact tie keeps the class";
}

TEST_F(ScoreReader, NamesTheLineOfWhatIsWrong) {
    const std::string header = "path,label,predicted,confidence,msp\r\n";
    EXPECT_EQ(error(header + "a,,,0.5,1\r\nb,,,0.5\r\n", {{"msp"}, false, false, false}),
              "corrupt: s.csv: line 3: found 4 fields, expected 5 as in the header");
    EXPECT_EQ(error(header + "\"a\nb\",,,0.5,1\r\nb,,,0.5,1e\r\n", {{"msp"}, false, false, false}),
              "corrupt: s.csv: line 4: msp: found \"1e\", expected a number, inf or -inf");
    EXPECT_EQ(error(header + "a,,,0.5,nan\r\n", {{"msp"}, false, false, false}),
              "corrupt: s.csv: line 2: msp: found \"nan\", expected a number, inf or -inf");
    EXPECT_EQ(error(header + "a,,,,1\r\n", {{"msp"}, true, false, false}),
              "corrupt: s.csv: line 2: confidence: found \"\", expected a number, inf or -inf");
    EXPECT_EQ(error(header + "\"a,,,0.5,1\r\n", {{"msp"}, false, false, false}),
              "corrupt: s.csv: line 2: field 1: its quotes are not closed");
}

TEST_F(ScoreReader, NamesTheColumnsThatThereAre) {
    EXPECT_EQ(error(scores, {{"opnmax"}, false, false, false}),
              "usage: s.csv: has no column \"opnmax\", expected one of its scores: openmax, msp; did you mean "
              "\"openmax\"?");
}

TEST_F(ScoreReader, RefusesWhatHoldsNoScores) {
    EXPECT_EQ(error("", {{"msp"}, false, false, false}),
              "corrupt: s.csv: line 1: is empty, expected scores, as openset score writes them");
    EXPECT_EQ(error("x,y\n1,2\n", {{"msp"}, false, false, false}),
              "corrupt: s.csv: begins with \"x,y\\n\", expected path,label,predicted,confidence and score columns "
              "with commas between them, as openset score writes them");
    EXPECT_NE(error_of([&] { read_scores(folder_ / "t.csv", {}, labels_); }).find("no such file"), std::string::npos);
}

const std::string rows =
    R"({"path": "p/cat/1.jpg", "verdict": "cat", "outcome": "known", "decided_by": "classifier", "probability": 0.9, "gate": {"id": 7, "label": "tabby", "probability": 0.6, "mass": 0.75, "rank": 1, "pass": true}, "species": {"id": 1, "label": "ANIMAL", "probability": 0.75, "pass": true}, "classifier": {"id": 0, "label": "cat", "probability": 0.9, "max_logit": 3}, "unknown": {"method": "openmax", "score": "-inf", "p_unknown": 0, "threshold": 0.5, "pass": true}}
{"path": "p/dog/2.jpg", "verdict": "unknown", "outcome": "unknown", "decided_by": "gate", "gate": {"id": 9, "label": "car", "probability": 0.6, "mass": 0.25, "rank": 12, "pass": false}}
{"path": "p/dog/3.jpg", "verdict": "failed", "outcome": "failed", "decided_by": "decode", "error": {"kind": "empty", "message": "is empty"}}
{"path": "p/dog/4.jpg", "verdict": "unknown", "outcome": "unknown", "decided_by": "unknown", "gate": {"id": 7, "label": "tabby", "probability": 0.6, "mass": 0.5, "rank": 2, "pass": true}, "species": {"id": 0, "label": "THING", "probability": 0.875, "pass": true}, "classifier": {"id": 1, "label": "dog", "probability": 0.6, "max_logit": 3}, "unknown": {"method": "openmax", "score": 2.5, "p_unknown": 0.9, "threshold": 0.5, "pass": false}}
)";

class StageReader : public ScoreReader {
protected:
    ScoreTable stage(Stage stage, const std::string& method = "") {
        return read_stage_scores(file(rows, "r.jsonl"),
                                 {stage, method, [](int, const std::string& label) { return label == "ANIMAL"; }},
                                 labels_);
    }
};

TEST_F(StageReader, GivesTheGatesMissingMassOrItsRank) {
    EXPECT_THAT(stage(Stage::gate).scores[0], ElementsAre(0.25, 0.75, 0.5));
    EXPECT_THAT(stage(Stage::gate).methods, ElementsAre("mass"));
    EXPECT_THAT(stage(Stage::gate, "rank").scores[0], ElementsAre(1, 12, 2));
}

TEST_F(StageReader, GivesTheProbabilityThatTheFilterRefuses) {
    EXPECT_THAT(stage(Stage::species).scores[0], ElementsAre(0.25, 0.875));
}

TEST_F(StageReader, GivesTheDetectorsScoreAndItsMethod) {
    const ScoreTable table = stage(Stage::unknown);
    EXPECT_THAT(table.scores[0], ElementsAre(-infinity, 2.5));
    EXPECT_THAT(table.methods, ElementsAre("openmax"));
}

TEST_F(StageReader, CountsRowsThatFailedOrNeverCameThere) {
    EXPECT_EQ(stage(Stage::gate).failed, 1);
    EXPECT_EQ(stage(Stage::gate).unreached, 0);
    EXPECT_EQ(stage(Stage::unknown).unreached, 1);
}

TEST_F(StageReader, TakesTheFolderForTheLabelWhereItIsOne) {
    const ScoreTable table = stage(Stage::gate);
    EXPECT_THAT(names(table.label), ElementsAre("cat", "dog", "dog"));
    EXPECT_THAT(names(table.predicted), ElementsAre("cat", "-", "dog"));
}

TEST_F(StageReader, ReadsCsvRowsTheSame) {
    const auto csv =
        file("path,verdict,outcome,decided_by,error_kind,error_message,probability,gate_id,gate_label,"
             "gate_probability,gate_mass,gate_rank,gate_pass,classifier_label,unknown_method,unknown_score,"
             "path_base64\r\n"
             "p/cat/1.jpg,cat,known,classifier,,,0.9,7,tabby,0.6,0.75,1,true,cat,openmax,-inf,\r\n"
             "p/dog/2.jpg,unknown,unknown,gate,,,,9,car,0.6,0.25,12,false,,,,\r\n",
             "r.csv");
    EXPECT_THAT(read_stage_scores(csv, {Stage::gate, "mass", {}}, labels_).scores[0], ElementsAre(0.25, 0.75));
    EXPECT_THAT(read_stage_scores(csv, {Stage::unknown, "", {}}, labels_).scores[0], ElementsAre(-infinity));
}

TEST_F(StageReader, RefusesAStageThatTheRowsDoNotHave) {
    const auto path = file(
        "{\"path\": \"a\", \"verdict\": \"x\", \"outcome\": \"known\", \"decided_by\": \"classifier\"}\n", "r.jsonl");
    EXPECT_NE(error_of([&] {
                  read_stage_scores(path, {Stage::gate, "", {}}, labels_);
              }).find("no row has figures of the stage gate, expected rows of a pipeline that has it"),
              std::string::npos);
}

TEST_F(StageReader, RefusesAScoreThatTheStageDoesNotHave) {
    EXPECT_EQ(error_of([&] { stage(Stage::gate, "msp"); }),
              "usage: --method msp: is no score of the stage gate, expected mass or rank");
    EXPECT_NE(error_of([&] { stage(Stage::unknown, "msp"); }).find("has scores of the method \"openmax\""),
              std::string::npos);
}

} // namespace
} // namespace openset::io
