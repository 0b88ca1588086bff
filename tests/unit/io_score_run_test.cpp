#include "openset/io/score_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "error_of.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

using testing::HasSubstr;

ScoreRun full_run() {
    ScoreRun run;
    run.openset_version = "0.1.0";
    run.store = "test.store";
    run.store_identity = std::string(64, 'a');
    run.model_name = "cats8";
    run.model_sha256 = std::string(64, 'b');
    run.labels = {"tabby", "chat, gris é"};
    run.rows = 1'000'000'000'000;
    run.failed = 3;
    run.columns = {{"msp", {"msp", "", "", ""}},
                   {"own", {"openmax", "cats.json", std::string(64, 'c'), std::string(64, 'd')}}};
    return run;
}

TEST(ScoreRun, ComesBackAsItWasWritten) {
    const ScoreRun run = parse_score_run(to_json(full_run()), "record");
    EXPECT_EQ(to_json(run), to_json(full_run()));
    EXPECT_EQ(run.rows, 1'000'000'000'000);
    EXPECT_EQ(run.labels[1], "chat, gris é");
    EXPECT_EQ(run.columns.at("own").fitted_sha256, std::string(64, 'c'));
    EXPECT_EQ(run.columns.at("own").fitted_on, std::string(64, 'd'));
    EXPECT_EQ(run.columns.at("msp").fitted_file, "");
}

TEST(ScoreRun, EveryProblemIsTold) {
    auto json = nlohmann::json::parse(to_json(full_run()));
    json["format"] = "openset-run/1";
    json["rows"] = -1;
    json["columns"]["own"].erase("method");
    const std::string error = error_of([&] { parse_score_run(json.dump(), "scores.csv.run.json"); });
    for (const char* words : {"scores.csv.run.json", "/format", "/rows", "/columns/own", "method"})
        EXPECT_THAT(error, HasSubstr(words));
    EXPECT_THAT(error_of([] { parse_score_run("[]", "x.run.json"); }), HasSubstr("a record of openset score"));
}

TEST(ScoreRun, LiesBesideItsScores) {
    const TemporaryFolder folder;
    EXPECT_FALSE(read_score_run(folder / "scores.csv").has_value());
    write_text(folder / "scores.csv.run.json", to_json(full_run()));
    EXPECT_EQ(read_score_run(folder / "scores.csv")->store, "test.store");
    write_text(folder / "scores.csv.run.json", "{");
    EXPECT_THAT(error_of([&] { read_score_run(folder / "scores.csv"); }), HasSubstr("scores.csv.run.json: line 1"));
}

} // namespace
} // namespace openset::io
