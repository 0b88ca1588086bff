#include "openset/io/run_record.hpp"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "openset/base/error.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RunRecord record_of_a_run() {
    RunRecord record;
    record.openset_version = "0.1.0";
    record.libtorch_version = "1.13.1";
    record.cpu_capability = "AVX2";
    record.device = "cuda:0";
    record.optimised = false;
    record.config_json =
        R"({"openset": 1, "name": "cats", "gate": {"model": "/a/gate.pt", "accept": [1, 2], "k": 5}, "classifier": {"model": "/a/cats.pt"}})";
    record.all_stages = true;
    record.top = 3;
    record.format = RowFormat::csv;
    record.exif_orientation = "apply";
    record.fast_decode = true;
    record.max_pixels = 5'000'000'000;
    record.decode_memory = 1 << 30;
    record.shard = Shard{2, 4};
    record.networks = {{"gate", "/a/gate.pt", "gate", std::string(64, 'a'), "assumed", true, false, ""},
                       {"classifier", "/a/cats.pt", "cats", std::string(64, 'b'), "inside", false, true, "1234"}};
    record.inputs = {"photos", "more photos"};
    record.parts = {{"part-0.csv", std::string(64, 'c'), 12}};
    record.batch = 8;
    record.jobs = 3;
    record.threads = 2;
    record.counts.known = 4'000'000'000;
    record.counts.unknown = 2;
    record.counts.failed = 3;
    record.counts.decided_by = {{"gate", 2}, {"decode", 3}};
    record.started = "2026-01-01T00:00:00Z";
    record.load_seconds = 0.5;
    record.run_seconds = 12;
    record.complete = false;
    return record;
}

TEST(RunRecord, ComesBackAsItWasWritten) {
    const std::string json = to_json(record_of_a_run());
    EXPECT_EQ(to_json(parse_run_record(json, "record")), to_json([] {
                  RunRecord record = record_of_a_run();
                  record.config_json = nlohmann::json::parse(record.config_json).dump();
                  return record;
              }()));
    RunRecord plain;
    plain.config_json = "{}";
    EXPECT_EQ(to_json(parse_run_record(to_json(plain), "record")), to_json(plain));
}

TEST(RunRecord, LetsKeysPassThatLaterVersionsMayAdd) {
    auto json = nlohmann::json::parse(to_json(record_of_a_run()));
    json["weather"] = "fine";
    EXPECT_NO_THROW(parse_run_record(json.dump(), "record"));
}

std::string error_of(const std::string& json) {
    try {
        parse_run_record(json, "r.run.json");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::corrupt);
        return error.what();
    }
    return "no error";
}

TEST(RunRecord, SaysAllThatIsWrongAtOnce) {
    auto json = nlohmann::json::parse(to_json(record_of_a_run()));
    json["format"] = "openset-run/2";
    json["complete"] = "yes";
    json["counts"]["known"] = -1;
    json["shard"] = {{"index", 4}, {"count", 4}};
    json["networks"][0].erase("sha256");
    json["config"] = 7;
    json.erase("device");
    const std::string message = error_of(json.dump());
    for (const char* words :
         {"r.run.json: /format: found \"openset-run/2\", expected \"openset-run/1\"",
          "/complete: found \"yes\", expected true or false", "/counts/known: found -1, expected a whole number",
          "/shard: found an object, expected an index below the count", "/networks/0: no \"sha256\"",
          "/config: found 7, expected an object", "no \"device\""}) {
        EXPECT_THAT(message, HasSubstr(words));
    }
    EXPECT_THAT(error_of("{"), HasSubstr("line 1, column 2"));
    EXPECT_THAT(error_of("[]"), HasSubstr("expected a run record"));
}

TEST(RunRecord, IsFoundBesideItsRows) {
    const TemporaryFolder folder;
    EXPECT_EQ(run_record_path("a/rows.jsonl.partial"), "a/rows.jsonl.partial.run.json");
    EXPECT_FALSE(read_run_record(folder / "rows.csv"));
    write_text(folder / "rows.csv.run.json", to_json(record_of_a_run()));
    EXPECT_EQ(read_run_record(folder / "rows.csv")->shard, (Shard{2, 4}));
}

std::vector<std::string> after(const std::function<void(RunRecord&)>& change) {
    RunRecord now = record_of_a_run();
    change(now);
    return differences(record_of_a_run(), now);
}

TEST(Differences, AreNoneBetweenRunsThatSayTheSameWhereverAndHoweverFastTheyRan) {
    EXPECT_THAT(
        after([](RunRecord& now) {
            now.config_json =
                R"({"classifier": {"model": "/b/cats.pt"}, "name": "Cats", "gate": {"accept": [1, 2], "k": 5.0, "model": "/b/gate.pt"}, "openset": 1})";
            for (NetworkRecord& network : now.networks) network.path = "/elsewhere";
            now.device = "cuda:3";
            now.batch = now.jobs = now.threads = 1;
            now.started = "2027-01-01T00:00:00Z";
            now.complete = true;
            now.counts = {};
            now.inputs = {"x"};
            now.openset_version = "0.1.1";
        }),
        IsEmpty());
}

TEST(Differences, NameEverySettingThatDecidesWhatRowsSay) {
    const auto config = [](const std::string& text) { return [text](RunRecord& now) { now.config_json = text; }; };
    EXPECT_THAT(
        after(config(
            R"({"openset": 1, "gate": {"model": "/a/gate.pt", "accept": [1, 3], "k": 3, "rule": "top-k"}, "classifier": {"model": "/a/cats.pt"}})")),
        ElementsAre("config /gate/accept/1 was 2, now 3", "config /gate/k was 5, now 3",
                    "config /gate/rule was not there, now \"top-k\""));
    EXPECT_THAT(after(config(R"({"openset": 1, "classifier": {"model": "/a/cats.pt"}})")),
                ElementsAre("config /gate was an object, now not there"));
    EXPECT_THAT(after([](RunRecord& now) { now.networks[0].sha256 = std::string(64, 'd'); }),
                ElementsAre("networks /gate/sha256 was \"" + std::string(64, 'a') + "\", now \"" +
                            std::string(64, 'd') + "\""));
    EXPECT_EQ(after([](RunRecord& now) { now.networks[1].info_sha256 = "5678"; }).size(), 1U);
    EXPECT_THAT(after([](RunRecord& now) { now.closed_set = true; }), ElementsAre("--closed-set was false, now true"));
    EXPECT_THAT(after([](RunRecord& now) { now.all_stages = false; }), ElementsAre("--all-stages was true, now false"));
    EXPECT_THAT(after([](RunRecord& now) { now.top = 0; }), ElementsAre("--top was 3, now 0"));
    EXPECT_THAT(after([](RunRecord& now) { now.format = RowFormat::jsonl; }),
                ElementsAre("--format was \"csv\", now \"jsonl\""));
    EXPECT_EQ(after([](RunRecord& now) { now.exif_orientation = "ignore"; }).size(), 1U);
    EXPECT_THAT(after([](RunRecord& now) { now.fast_decode = false; }),
                ElementsAre("--fast-decode was true, now false"));
    EXPECT_EQ(after([](RunRecord& now) { now.max_pixels = 1; }).size(), 1U);
    EXPECT_EQ(after([](RunRecord& now) { now.decode_memory = 1; }).size(), 1U);
    EXPECT_EQ(after([](RunRecord& now) { now.precision = "fp16"; }).size(), 1U);
    EXPECT_EQ(after([](RunRecord& now) { now.optimised = true; }).size(), 1U);
    EXPECT_THAT(after([](RunRecord& now) { now.device = "cpu"; }),
                ElementsAre("kind of device was \"cuda\", now \"cpu\""));
    EXPECT_THAT(after([](RunRecord& now) {
                    now.shard = Shard{2, 5};
                }),
                ElementsAre("--shard was \"2/4\", now \"2/5\""));
    EXPECT_THAT(after([](RunRecord& now) { now.shard.reset(); }), ElementsAre("--shard was \"2/4\", now not there"));
}

TEST(Differences, OfTheMachineMoveLastDigitsOnly) {
    RunRecord now = record_of_a_run();
    now.cpu_capability = "AVX512";
    now.libtorch_version = "2.13.0";
    EXPECT_THAT(differences(record_of_a_run(), now), IsEmpty());
    EXPECT_THAT(differences_in_last_digits(record_of_a_run(), now),
                ElementsAre("LibTorch was \"1.13.1\", now \"2.13.0\"", "processor was \"AVX2\", now \"AVX512\""));
}

} // namespace
} // namespace openset::io
