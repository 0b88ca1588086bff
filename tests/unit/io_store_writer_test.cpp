#include "openset/io/store_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "error_of.hpp"
#include "openset/base/error.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const StoreHead head = {2, {1, 2, 3, 4, 5, 6}, {0.5F, 0, -0.5F}};

StoreMeta meta() {
    StoreMeta meta;
    meta.model_name = "fruit";
    meta.labels = {"apple", "lemon", "plum"};
    meta.precision = "fp32";
    return meta;
}

/// Rows whose values tell their number; every third picture has failed.
class Rows {
public:
    explicit Rows(std::int64_t count) : count_(count) {}

    static StoreSample sample(std::int64_t i) {
        const std::string path = "pictures, " + std::to_string(i) + "\n.png";
        return {path, i % 2 == 0 ? "apple" : "wolf", i % 3 == 2 ? "truncated: ends \"early\"" : ""};
    }

    static void write(StoreWriter& writer, std::int64_t i) {
        if (i % 3 == 2) return writer.write_failed(sample(i));
        const auto value = static_cast<float>(i);
        const std::vector<float> logits = {value, 0, 1}, features = {value, -value}, latent = {1, 2, 3, value};
        writer.write(sample(i), i % 2 == 0 ? 0 : -1,
                     {1, {1, 3, logits.data()}, {1, 2, features.data()}, {{"latent", {1, 4, latent.data()}}}});
    }

    void write_from(StoreWriter& writer, std::int64_t first) const {
        for (std::int64_t i = first; i < count_; ++i) write(writer, i);
    }

private:
    std::int64_t count_;
};

/// File name -> content.
std::map<std::string, std::string> content_of(const fs::path& folder) {
    std::map<std::string, std::string> content;
    for (const auto& entry : fs::directory_iterator(folder)) content[entry.path().filename()] = text_of(entry.path());
    return content;
}

std::map<std::string, std::string> undisturbed(std::int64_t rows) {
    const TemporaryFolder folder;
    StoreWriter writer(folder / "store");
    Rows(rows).write_from(writer, 0);
    writer.finish(meta(), head);
    return content_of(folder / "store");
}

/// The writer that goes on, the pictures it keeps held against those that were written.
StoreWriter resumed(const fs::path& folder) {
    std::int64_t next = 0;
    return {folder, [&next](const StoreSample& kept) {
                EXPECT_EQ(kept.path, Rows::sample(next).path);
                EXPECT_EQ(kept.error, Rows::sample(next).error);
                ++next;
            }};
}

TEST(StoreWriter, WritesWhatAStoreReads) {
    const TemporaryFolder folder;
    {
        StoreWriter writer(folder / "store/");
        EXPECT_FALSE(fs::exists(folder / "store"));
        Rows(4).write_from(writer, 0);
        writer.finish(meta(), head);
    }
    EXPECT_FALSE(fs::exists(folder / "store.partial"));
    const ActivationStore store(folder / "store");
    EXPECT_EQ(store.rows(), 3);
    EXPECT_EQ(store.meta().failed, 1);
    EXPECT_EQ(store.meta().model_name, "fruit");
    EXPECT_THAT(store.labels(), ElementsAre(0, -1, -1));
    EXPECT_THAT(store.all().logits.row(2), ElementsAre(3, 0, 1));
    EXPECT_THAT(store.all().features.row(1), ElementsAre(1, -1));
    EXPECT_THAT(store.all().extras.at("latent").row(1), ElementsAre(1, 2, 3, 1));
    EXPECT_THAT(store.head_weight().row(2), ElementsAre(5, 6));
    EXPECT_THAT(store.head_bias(), ElementsAre(0.5F, 0, -0.5F));
    std::vector<std::string> paths;
    store.for_each_sample([&](std::int64_t, const std::string& path, const std::string&) { paths.push_back(path); });
    EXPECT_THAT(paths, ElementsAre(Rows::sample(0).path, Rows::sample(1).path, Rows::sample(3).path));
}

TEST(StoreWriter, WithoutARowThatFailedNotHasArraysOfNoRows) {
    const TemporaryFolder folder;
    StoreWriter writer(folder / "store");
    writer.write_failed(Rows::sample(2));
    writer.finish(meta(), head);
    const ActivationStore store(folder / "store");
    EXPECT_EQ(store.rows(), 0);
    EXPECT_EQ(store.classes(), 3);
    EXPECT_EQ(store.features(), 2);
}

TEST(StoreWriter, GoesOnAfterTheLastRowThatIsWholeInEveryFile) {
    const auto expected = undisturbed(20);
    for (const std::string torn : {"logits.npy", "labels.npy", "features.npy", "latent.npy", "samples.csv"}) {
        for (const double share : {0.0, 0.1, 0.5, 0.77, 0.99}) {
            const TemporaryFolder folder;
            {
                StoreWriter writer(folder / "store");
                Rows(15).write_from(writer, 0);
                writer.flush();
            }
            const fs::path file = folder / ("store.partial/" + torn);
            fs::resize_file(file, static_cast<std::uintmax_t>(share * static_cast<double>(fs::file_size(file))));
            auto writer = resumed(folder / "store");
            EXPECT_LT(writer.kept().total(), 16);
            Rows(20).write_from(writer, writer.kept().total());
            writer.finish(meta(), head);
            EXPECT_EQ(content_of(folder / "store"), expected) << torn << " cut to " << share;
        }
    }
}

TEST(StoreWriter, GoesOnWithWhatWasKilledWhileItWasFinished) {
    const auto expected = undisturbed(7);
    const TemporaryFolder folder;
    {
        StoreWriter writer(folder / "store");
        Rows(7).write_from(writer, 0);
        writer.finish(meta(), head);
    }
    fs::rename(folder / "store", folder / "store.partial"); // all but the last step
    write_text(folder / "store.partial/meta.json.partial", "{");
    auto writer = resumed(folder / "store");
    EXPECT_EQ(writer.kept().total(), 7);
    writer.finish(meta(), head);
    EXPECT_EQ(content_of(folder / "store"), expected);
}

TEST(StoreWriter, HasNothingToGoOnWithWhereNoRunWasInterrupted) {
    const TemporaryFolder folder;
    auto writer = resumed(folder / "store");
    EXPECT_EQ(writer.kept().total(), 0);
    Rows(20).write_from(writer, 0);
    writer.finish(meta(), head);
    EXPECT_EQ(content_of(folder / "store"), undisturbed(20));
}

TEST(StoreWriter, CutsNothingWhereTheKeptPicturesAreRefused) {
    const TemporaryFolder folder;
    {
        StoreWriter writer(folder / "store");
        Rows(5).write_from(writer, 0);
        writer.flush();
    }
    const auto before = content_of(folder / "store.partial");
    const auto refuse = [](const StoreSample&) { throw Error(ErrorKind::usage, "other pictures"); };
    EXPECT_THROW(StoreWriter(folder / "store", refuse), Error);
    EXPECT_EQ(content_of(folder / "store.partial"), before);
}

TEST(StoreWriter, ReplacesAStoreOfTheSameNameAndNothingElse) {
    const TemporaryFolder folder;
    for (const int rows : {5, 7}) {
        StoreWriter writer(folder / "store");
        Rows(rows).write_from(writer, 0);
        writer.finish(meta(), head);
    }
    EXPECT_EQ(content_of(folder / "store"), undisturbed(7));
    EXPECT_FALSE(fs::exists(folder / "store.partial"));
    write_text(folder / "store/notes.txt", "mine");
    EXPECT_THAT(error_of([&] { StoreWriter(folder / "store"); }),
                HasSubstr("holds notes.txt, which is no part of a store"));
    write_text(folder / "file", "");
    EXPECT_THAT(error_of([&] { StoreWriter(folder / "file"); }), HasSubstr("is a file, expected the name of a folder"));
    fs::create_directory_symlink(folder / "store", folder / "link");
    EXPECT_THAT(error_of([&] { StoreWriter(folder / "link"); }), HasSubstr("is a link"));
    EXPECT_THAT(error_of([&] { StoreWriter(folder / "none/store"); }), HasSubstr("no such folder"));
}

TEST(StoreWriter, IsAloneWithItsFolder) {
    const TemporaryFolder folder;
    const StoreWriter writer(folder / "store");
    EXPECT_THAT(error_of([&] { StoreWriter(folder / "store"); }), HasSubstr("another run is writing it"));
    EXPECT_THAT(error_of([&] { resumed(folder / "store"); }), HasSubstr("another run is writing it"));
}

TEST(StoreWriter, RefusesARowOfAnotherWidthBeforeAnyOfItIsWritten) {
    const TemporaryFolder folder;
    StoreWriter writer(folder / "store");
    Rows::write(writer, 0);
    const std::vector<float> values = {1, 2, 3, 4};
    const auto refusal = [&](const Activations& row) {
        return error_of([&] { writer.write({"b.png", "", ""}, -1, row); });
    };
    EXPECT_THAT(refusal({1, {1, 3, values.data()}, {1, 4, values.data()}, {{"latent", {1, 4, values.data()}}}}),
                HasSubstr("b.png: the network gave 4 values for features.npy, expected 2"));
    EXPECT_THAT(refusal({1, {1, 3, values.data()}, {1, 2, values.data()}, {}}),
                HasSubstr("gave 0 values for latent.npy, expected 4"));
    Rows(20).write_from(writer, 1);
    writer.finish(meta(), head);
    EXPECT_EQ(content_of(folder / "store"), undisturbed(20));
}

TEST(StoreWriter, RefusesATensorWhoseNameCannotBeAFiles) {
    const std::vector<float> values = {1, 2, 3};
    for (const char* name : {"", ".hidden", "a/b", "labels"}) {
        const TemporaryFolder folder;
        StoreWriter writer(folder / "store");
        const auto message = error_of([&] {
            writer.write({"a.png", "", ""}, -1, {1, {1, 3, values.data()}, {}, {{name, {1, 1, values.data()}}}});
        });
        EXPECT_THAT(message, HasSubstr("cannot be the name of a file")) << name;
    }
}

} // namespace
} // namespace openset::io
