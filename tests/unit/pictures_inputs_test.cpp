#include "pictures/inputs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "made_tar.hpp"
#include "pipe.hpp"
#include "temporary_folder.hpp"

namespace openset::pictures {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const Cancellation never;

std::string refusal(const InputFlags& flags) {
    return error_of([&] { const Inputs inputs(flags); });
}

std::vector<std::string> paths_of(Inputs inputs) {
    const auto source = inputs.open(never, 1 << 30);
    std::vector<std::string> paths;
    while (auto input = source->next()) paths.push_back(input->path);
    return paths;
}

TEST(Inputs, AreNamedInOneWay) {
    const TemporaryFolder folder;
    write_text(folder / "list", "");
    const std::string list = folder / "list";
    EXPECT_THAT(refusal({}), StartsWith("usage: found no pictures, expected "));
    EXPECT_THAT(refusal({.paths = {"a"}, .files_from = list}), StartsWith("usage: --files-from together with PATH"));
    EXPECT_THAT(refusal({.paths = {"-"}, .files_from0 = "-"}), StartsWith("usage: --files-from0 together with PATH"));
    EXPECT_THAT(refusal({.files_from = list, .files_from0 = list}),
                StartsWith("usage: --files-from0 together with --files-from"));
    EXPECT_THAT(refusal({.paths = {"-", "a", "-"}}), StartsWith("usage: - is named more than once"));
    EXPECT_EQ(refusal({.paths = {"-", "./-", "a", "a"}}), "none");
}

TEST(Inputs, AListThatCannotBeOpenedIsToldAtOnce) {
    const TemporaryFolder folder;
    const std::string absent = folder / "list";
    EXPECT_EQ(refusal({.files_from0 = absent}), "usage: --files-from0 " + absent + ": no such file");
    EXPECT_THAT(refusal({.files_from = folder.path()}),
                AllOf(StartsWith("usage: --files-from " + folder.path().string()), HasSubstr("is a folder")));
}

TEST(Inputs, ComeFromAListWithLinesOrWithNul) {
    const TemporaryFolder folder;
    write_text(folder / "lines", "a\nb\r\n");
    write_text(folder / "names", std::string("two\nlines\0b", 11));
    EXPECT_THAT(paths_of(Inputs({.files_from = folder / "lines"})), ElementsAre("a", "b"));
    EXPECT_THAT(paths_of(Inputs({.files_from0 = folder / "names"})), ElementsAre("two\nlines", "b"));
}

TEST(Inputs, AListThroughAPipeIsReadOnceAndNotCounted) {
    Pipe pipe;
    pipe.write("a\nb\n");
    pipe.close_writer();
    Inputs inputs({.files_from = pipe.reader_name()});
    EXPECT_FALSE(inputs.count(never));
    EXPECT_THAT(paths_of(std::move(inputs)), ElementsAre("a", "b"));
}

TEST(Inputs, AreCountedWhereThatTakesNoReading) {
    const TemporaryFolder folder;
    for (const char* name : {"a", "b", "c"}) write_text(folder / (std::string("f/") + name), "");
    write_text(folder / "lines", (folder / "f").string() + "\nx\n");
    EXPECT_EQ(Inputs({.paths = {folder / "f", "x"}}).count(never), 4);
    EXPECT_EQ(Inputs({.files_from = folder / "lines"}).count(never), 4);
    EXPECT_EQ(Inputs({.paths = {folder / "f"}, .shard = "0/2"}).count(never), 2);
    EXPECT_FALSE(Inputs({.paths = {"x", "-"}}).count(never));
    EXPECT_FALSE(Inputs({.stream = true}).count(never));
    write_text(folder / "f/d.tar", made::tar_member("1.jpg", "one") + made::tar_end);
    EXPECT_FALSE(Inputs({.paths = {folder / "f"}}).count(never));
}

TEST(Inputs, TheRunsOwnFilesAreNone) {
    const TemporaryFolder folder;
    for (const char* name : {"a.jpg", "rows.jsonl", "rows.jsonl.partial", "rows.jsonl.run.json", "z.jpg"})
        write_text(folder / name, "");
    Inputs inputs({.paths = {folder.path()}});
    inputs.leave_out(folder / "rows.jsonl");
    EXPECT_EQ(inputs.count(never), 2);
    const auto source = inputs.open(never, 1 << 30);
    EXPECT_EQ(source->skip(), folder / "a.jpg");
    EXPECT_EQ(source->skip(), folder / "z.jpg");
    EXPECT_FALSE(source->skip());
}

TEST(Inputs, PartsHaveTheirOutputsElsewhere) {
    const TemporaryFolder folder, elsewhere;
    write_text(folder / "f/a.jpg", "");
    Inputs inputs({.paths = {folder.path()}, .shard = "0/2"});
    EXPECT_THAT(error_of([&] { inputs.leave_out(folder / "f/rows.jsonl"); }),
                AllOf(StartsWith("usage: -o "), HasSubstr("together with --shard")));
    EXPECT_EQ(error_of([&] { inputs.leave_out(elsewhere / "rows.jsonl"); }), "none");
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    EXPECT_THAT(error_of([&] { inputs.leave_out("rows.jsonl"); }), HasSubstr("together with --shard"));
    std::filesystem::current_path(before);
    EXPECT_EQ(error_of([&] { inputs.leave_out("-"); }), "none");
}

TEST(Inputs, PartsTogetherAreTheWhole) {
    const std::vector<std::string> paths = {"a", "b", "c", "d", "e"};
    EXPECT_THAT(paths_of(Inputs({.paths = paths, .shard = "0/2"})), ElementsAre("a", "c", "e"));
    EXPECT_THAT(paths_of(Inputs({.paths = paths, .shard = "1/2"})), ElementsAre("b", "d"));
}

TEST(Inputs, AreToldAsTheyWereGiven) {
    const TemporaryFolder folder;
    write_text(folder / "list", "");
    EXPECT_THAT(Inputs({.paths = {"a", "b"}, .shard = "0/2"}).as_given(), ElementsAre("a", "b"))
        << "the part is told beside them";
    EXPECT_THAT(Inputs({.files_from0 = folder / "list"}).as_given(),
                ElementsAre("--files-from0 " + (folder / "list").string()));
}

TEST(ParseShard, TakesIndexAndCount) {
    EXPECT_EQ(parse_shard("0/1").count, 1);
    EXPECT_EQ(parse_shard("6/7").index, 6);
    for (const char* text : {"", "/", "1", "1/", "/2", "2/2", "-1/2", "0/0", "0/-1", "1/2/3", "1 /2", "a/b", "0x1/2",
                             "1/99999999999999999999"})
        EXPECT_THAT(error_of([&] { parse_shard(text); }),
                    StartsWith("usage: --shard " + std::string(text) + ": expected I/N"));
}

} // namespace
} // namespace openset::pictures
