#include "openset/io/resume.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "openset/base/error.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

using testing::HasSubstr;

Row row_of(const std::string& path) {
    Row row;
    row.path = path;
    row.verdict = {Outcome::unknown, "unknown", Stage::gate, std::nullopt};
    row.gate = GateFigures{{285, "Egyptian_cat", 0.61}, 0.93, 9, false};
    return row;
}

Row failed(const std::string& path) {
    Row row;
    row.path = path;
    row.verdict = {Outcome::failed, "failed", std::nullopt, std::nullopt};
    row.failure = Failure{"empty", "0 bytes"};
    return row;
}

const RowLayout layout = {.gate = true};
const std::vector<std::string> inputs = {"a.jpg", "new\nline\xFF.jpg", "c.jpg", "d.jpg"};

std::function<std::optional<std::string>()> source_of(const std::vector<std::string>& names) {
    return [names, at = std::size_t{0}]() mutable {
        return at < names.size() ? std::optional(names[at++]) : std::nullopt;
    };
}

void write(ByteSink& sink, RowFormat format, const RowLayout& rows, const std::vector<Row>& what) {
    const auto writer = make_row_writer(format, sink, rows);
    for (const Row& row : what) writer->write(row);
    writer->finish({});
}

class ResumeInBothFormats : public testing::TestWithParam<RowFormat> {
protected:
    /// The file of a run that was killed while it wrote its third row.
    void leave_torn_rows() const {
        {
            const auto sink = open_atomic_file(output);
            write(*sink, GetParam(), layout, {row_of(inputs[0]), failed(inputs[1]), row_of(inputs[2])});
            sink->flush();
        }
        std::filesystem::resize_file(partial, std::filesystem::file_size(partial) - 5);
    }
    KeptRows keep(const std::function<std::optional<std::string>()>& source) const {
        return keep_rows(partial, GetParam(), row_header(GetParam(), layout), source);
    }
    std::string refusal(const std::vector<std::string>& names) const {
        try {
            keep(source_of(names));
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::usage);
            return error.what();
        }
        return "no error";
    }

    TemporaryFolder folder;
    std::filesystem::path output = folder / "rows";
    std::filesystem::path partial = partial_path(output);
};

TEST_P(ResumeInBothFormats, AKilledRunGoesOnToTheBytesOfOneThatWasNot) {
    leave_torn_rows();
    auto source = source_of(inputs);
    KeptRows kept;
    const auto sink = continue_atomic_file(output, [&](const std::filesystem::path&) {
        kept = keep(source);
        return kept.whole_bytes;
    });
    EXPECT_EQ(kept.counts.unknown, 1);
    EXPECT_EQ(kept.counts.failed, 1);
    EXPECT_EQ(kept.counts.decided_by, (std::map<std::string, std::int64_t>{{"decode", 1}, {"gate", 1}}));
    RowLayout continued = layout;
    continued.continued = kept.whole_bytes > 0;
    std::vector<Row> rest;
    while (const auto input = source()) rest.push_back(row_of(*input));
    write(*sink, GetParam(), continued, rest);
    sink->commit();

    const auto whole = open_atomic_file(folder / "whole");
    write(*whole, GetParam(), layout, {row_of(inputs[0]), failed(inputs[1]), row_of(inputs[2]), row_of(inputs[3])});
    whole->commit();
    EXPECT_EQ(text_of(output), text_of(folder / "whole"));
}

TEST_P(ResumeInBothFormats, NothingStaysOfAFileWithoutAWholeRow) {
    for (const std::string text : {"", GetParam() == RowFormat::csv ? "path,verd" : "{\"path\": \"a"}) {
        write_text(partial, text);
        const KeptRows kept = keep(source_of(inputs));
        EXPECT_EQ(kept.whole_bytes, 0U);
        EXPECT_EQ(kept.counts.total(), 0);
    }
}

TEST_P(ResumeInBothFormats, RowsOfOtherInputsAreRefused) {
    leave_torn_rows();
    EXPECT_EQ(refusal({"a.jpg", "b.jpg", "c.jpg"}),
              partial.string() + ": row 2 is of \"new\\nline\xEF\xBF\xBD.jpg\", in the inputs now \"b.jpg\" stands "
                                 "there; restore the list of inputs, or run without --resume to begin anew");
    EXPECT_THAT(refusal({"a.jpg"}),
                HasSubstr("row 2 is of \"new\\nline\xEF\xBF\xBD.jpg\", the inputs now end before it"));
}

INSTANTIATE_TEST_SUITE_P(Format, ResumeInBothFormats, testing::Values(RowFormat::jsonl, RowFormat::csv),
                         [](const auto& format) { return std::string(to_string(format.param)); });

TEST(Resume, GoesOnInTheSameFormatAndColumnsOnly) {
    const TemporaryFolder folder;
    const auto partial = folder / "rows.partial";
    const auto refusal = [&](RowFormat format, const RowLayout& now) {
        try {
            keep_rows(partial, format, row_header(format, now), source_of(inputs));
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::usage);
            return std::string(error.what());
        }
        return std::string("no error");
    };
    write_text(partial, row_header(RowFormat::csv, layout));
    EXPECT_EQ(refusal(RowFormat::csv, layout), "no error");
    EXPECT_THAT(refusal(RowFormat::jsonl, layout), HasSubstr("holds csv, this run writes jsonl"));
    EXPECT_THAT(refusal(RowFormat::csv, {.species = true}), HasSubstr("its columns are not those of this run"));
    EXPECT_THAT(refusal(RowFormat::table, layout), HasSubstr("a table cannot be continued"));
}

} // namespace
} // namespace openset::io
