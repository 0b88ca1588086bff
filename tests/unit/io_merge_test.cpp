#include "openset/io/merge.hpp"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "openset/base/error.hpp"
#include "openset/base/sha256.hpp"
#include "temporary_folder.hpp"
#include "text_sink.hpp"

namespace openset::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Row row_number(std::int64_t number) {
    Row row;
    row.path = std::to_string(number) + "\n,\xFF.jpg";
    if (number % 3 == 0) {
        row.verdict = {Outcome::failed, "failed", std::nullopt, std::nullopt};
        row.failure = Failure{"empty", "0 bytes"};
    } else {
        row.verdict = {Outcome::known, "cat", Stage::classifier, 0.5};
        row.classifier = ClassifierFigures{{0, "cat", 0.5}, 1.F, std::nullopt, {}};
    }
    return row;
}

/// What a run over the inputs number `shard.index`, `shard.index + shard.count`, ... below `inputs` writes.
void write_run(
    const std::filesystem::path& file, RowFormat format, std::int64_t inputs, Shard shard,
    const std::function<void(RunRecord&)>& change = [](RunRecord&) {}) {
    TextSink sink;
    RunRecord record;
    record.config_json = R"({"openset": 1, "classifier": {"model": "cats.pt"}})";
    record.device = "cpu";
    record.format = format;
    record.inputs = {"photos"};
    record.shard = shard;
    record.started = "2026-01-0" + std::to_string(shard.index + 1);
    record.run_seconds = 2;
    const auto writer = make_row_writer(format, sink, {});
    for (std::int64_t number = shard.index; number < inputs; number += shard.count) {
        writer->write(row_number(number));
        record.counts.add(row_number(number));
    }
    writer->finish(record.counts);
    change(record);
    write_text(file, sink.text);
    write_text(run_record_path(file), to_json(record));
}

struct Merged {
    std::string text;
    RunRecord record;
};

Merged merged(const std::vector<std::filesystem::path>& files) {
    TextSink sink;
    RunRecord record = merge(read_parts(files), sink);
    return {sink.text, record};
}

std::string refusal(const std::vector<std::filesystem::path>& files, ErrorKind kind = ErrorKind::usage) {
    try {
        merged(files);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        return error.what();
    }
    return "no error";
}

class Merge : public testing::TestWithParam<RowFormat> {
protected:
    std::filesystem::path part(std::int64_t index) const { return folder / ("part-" + std::to_string(index)); }
    std::vector<std::filesystem::path> parts(std::int64_t count) const {
        std::vector<std::filesystem::path> files;
        for (std::int64_t i = 0; i < count; ++i) files.push_back(part(i));
        return files;
    }
    void write_parts(std::int64_t inputs, std::int64_t count) const {
        for (std::int64_t i = 0; i < count; ++i) write_run(part(i), GetParam(), inputs, {i, count});
    }

    TemporaryFolder folder;
};

TEST_P(Merge, GivesTheBytesOfOneRunForAnyNumberOfInputsAndShardsInAnyOrder) {
    for (const std::int64_t inputs : {0, 1, 2, 3, 7, 8, 9}) {
        write_run(folder / "whole", GetParam(), inputs, {0, 1});
        for (const std::int64_t count : {1, 2, 3, 8}) {
            write_parts(inputs, count);
            auto files = parts(count);
            std::ranges::reverse(files);
            EXPECT_EQ(merged(files).text, text_of(folder / "whole")) << inputs << " inputs, " << count << " shards";
        }
    }
}

TEST_P(Merge, RecordsTheWholeAndNamesItsParts) {
    write_parts(7, 3);
    const RunRecord record = merged(parts(3)).record;
    EXPECT_FALSE(record.shard);
    EXPECT_TRUE(record.complete);
    EXPECT_EQ(record.counts.total(), 7);
    EXPECT_EQ(record.counts.failed, 3);
    EXPECT_EQ(record.counts.decided_by, (std::map<std::string, std::int64_t>{{"classifier", 4}, {"decode", 3}}));
    EXPECT_EQ(record.started, "2026-01-01");
    EXPECT_EQ(record.run_seconds, 6);
    ASSERT_EQ(record.parts.size(), 3U);
    EXPECT_EQ(record.parts[1].file, "part-1");
    EXPECT_EQ(record.parts[1].rows, 2);
    EXPECT_EQ(record.parts[1].sha256, sha256_hex_of_file(part(1)));
}

TEST_P(Merge, RefusesGapsAndDoublesAndSaysWhich) {
    write_parts(7, 4);
    EXPECT_EQ(refusal({part(0), part(2), part(3)}), "missing: shard 1/4");
    EXPECT_EQ(refusal({part(2)}), "missing: shards 0/4, 1/4, 3/4");
    EXPECT_EQ(refusal({part(0), part(1), part(2), part(3), part(1)}),
              part(1).string() + " and " + part(1).string() + " are both shard 1/4");
    write_run(part(0), GetParam(), 7, {0, 1'000'000'000});
    EXPECT_THAT(refusal({part(0)}), HasSubstr("10/1000000000 and 999999989 more"));
    EXPECT_THAT(refusal({}), HasSubstr("no parts"));
}

TEST_P(Merge, RefusesPartsOfDifferentRunsAndSaysWhatDiffers) {
    write_parts(7, 2);
    write_run(part(1), GetParam(), 7, {1, 2}, [](RunRecord& record) {
        record.config_json = R"({"openset": 1, "classifier": {"model": "cats.pt", "min_probability": 0.5}})";
        record.top = 2;
        record.inputs = {"more photos"};
    });
    const std::string start = part(1).string() + " is of another run than " + part(0).string() + ": ";
    EXPECT_EQ(refusal(parts(2)), start + "config /classifier/min_probability was not there, now 0.5\n" + start +
                                     "--top was 5, now 2\n" + start + "the inputs are others");
    write_run(part(1), GetParam(), 7, {1, 3});
    EXPECT_EQ(refusal(parts(2)), start + "--shard was 0/2, now 1/3");
}

TEST_P(Merge, DoubtsWhatItCannotTell) {
    write_parts(7, 2);
    EXPECT_THAT(doubts(read_parts(parts(2))), IsEmpty());
    for (const std::int64_t i : {0, 1}) {
        write_run(part(i), GetParam(), 7, {i, 2}, [i](RunRecord& record) {
            record.inputs = {"--files-from " + std::to_string(i)};
            record.cpu_capability = i == 0 ? "AVX2" : "AVX512";
        });
    }
    EXPECT_THAT(doubts(read_parts(parts(2))),
                ElementsAre(HasSubstr("processor was \"AVX2\", now \"AVX512\"; last digits"),
                            HasSubstr("the list of inputs had another name")));
}

TEST_P(Merge, RefusesWhatIsNoFinishedPart) {
    write_parts(7, 2);
    EXPECT_THAT(refusal({part(0), folder / "absent"}), HasSubstr("absent: no such file"));
    EXPECT_THAT(refusal({part(0), run_record_path(part(1))}),
                HasSubstr("part-1.run.json: is a run record, not rows; leave it out"));
    write_run(part(1), GetParam(), 7, {1, 2}, [](RunRecord& record) { record.complete = false; });
    EXPECT_THAT(refusal(parts(2)), HasSubstr("part-1: its run has not ended; finish it with --resume first"));
    write_run(folder / "part-1.partial", GetParam(), 7, {1, 2});
    EXPECT_THAT(refusal({part(0), folder / "part-1.partial"}), HasSubstr("has not ended"));
    write_run(part(1), GetParam(), 7, {1, 2}, [](RunRecord& record) { record.shard.reset(); });
    EXPECT_THAT(refusal(parts(2)), HasSubstr("was made without --shard"));
    write_run(part(1), RowFormat::table, 7, {1, 2});
    EXPECT_THAT(refusal(parts(2)), HasSubstr("is a table"));
}

TEST_P(Merge, RefusesLengthsThatNoOneListOfInputsGives) {
    write_run(part(0), GetParam(), 7, {0, 2});
    write_run(part(1), GetParam(), 13, {1, 2});
    EXPECT_EQ(refusal(parts(2)), part(0).string() +
                                     ": has 4 rows, expected 5 in shard 0/2 of 10: the runs did not see "
                                     "the same inputs\n" +
                                     part(1).string() +
                                     ": has 6 rows, expected 5 in shard 1/2 of 10: the runs did not "
                                     "see the same inputs");
}

TEST_P(Merge, RefusesPartsThatWereChangedSince) {
    const auto with_text = [&](const std::string& text) {
        write_parts(7, 2);
        write_text(part(1), text);
        return refusal(parts(2), ErrorKind::corrupt);
    };
    write_parts(7, 2);
    const std::string text = text_of(part(1));
    const std::string header = row_header(GetParam(), {});
    EXPECT_THAT(with_text(text.substr(0, text.size() - 2)),
                HasSubstr("ends after row 2, its record counts 3; it was changed"));
    EXPECT_THAT(with_text(text + text.substr(header.size())), HasSubstr("has more rows, its record counts 3"));
    EXPECT_THAT(with_text(text + "{"), HasSubstr("ends in a torn row"));
    write_run(folder / "other", GetParam(), 7, {0, 3}); // all three failed
    EXPECT_THAT(with_text(text_of(folder / "other")), HasSubstr("other outcomes than its record counts"));
    const RowFormat other = GetParam() == RowFormat::csv ? RowFormat::jsonl : RowFormat::csv;
    write_run(folder / "other", other, 7, {1, 2});
    EXPECT_THAT(with_text(text_of(folder / "other")),
                HasSubstr("its record says " + std::string(to_string(GetParam()))));
}

INSTANTIATE_TEST_SUITE_P(Format, Merge, testing::Values(RowFormat::jsonl, RowFormat::csv),
                         [](const auto& format) { return std::string(to_string(format.param)); });

TEST(MergeCsv, RefusesPartsWithOtherColumns) {
    const TemporaryFolder folder;
    write_run(folder / "a", RowFormat::csv, 2, {0, 2});
    write_run(folder / "b", RowFormat::csv, 2, {1, 2});
    std::string text = text_of(folder / "b");
    text.replace(text.find("classifier_top"), 14, "classifier_pot");
    write_text(folder / "b", text);
    EXPECT_THAT(refusal({folder / "a", folder / "b"}, ErrorKind::corrupt), HasSubstr("its columns are not those of"));
}

} // namespace
} // namespace openset::io
