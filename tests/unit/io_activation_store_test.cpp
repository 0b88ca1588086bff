#include "openset/io/activation_store.hpp"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <unistd.h>

#include "error_of.hpp"
#include "openset/io/npy.hpp"
#include "shared_data.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Three rows of two classes, as NumPy would leave them.
class NumPyStore {
public:
    NumPyStore() {
        floats("logits", {1, 2, 3, 4, 5, 6}, {3, 2});
        labels({0, 1, -1}, {3});
    }
    void floats(const std::string& name, const std::vector<float>& values,
                const std::vector<std::int64_t>& shape) const {
        write_npy<float>(folder / (name + ".npy"), values, shape);
    }
    void labels(const std::vector<std::int64_t>& values, const std::vector<std::int64_t>& shape) const {
        write_npy<std::int64_t>(folder / "labels.npy", values, shape);
    }
    ActivationStore open() const { return ActivationStore(folder.path()); }
    std::string refusal() const {
        return error_of([this] { open(); });
    }

    TemporaryFolder folder;
};

std::string meta_json(const std::string& counts = R"({"rows": 3, "failed": 1})") {
    return R"({"format": "openset-store/1", "labels": ["cat", "dog"], "counts": )" + counts + "}";
}

const std::string samples = "path,label,status,error,row\r\n"
                            "\"a,1.jpg\",cat,ok,,0\r\n"
                            "broken.jpg,cat,failed,truncated: ends early,\r\n"
                            "b.jpg,dog,ok,,1\r\n"
                            "c.jpg,wolf,ok,,2\r\n";

std::vector<std::string> samples_of(const ActivationStore& store) {
    std::vector<std::string> all;
    store.for_each_sample([&all](std::int64_t row, const std::string& path, const std::string& label) {
        all.push_back(std::to_string(row) + " " + path + " " + label);
    });
    return all;
}

TEST(ActivationStore, ThatNumPyWroteHasLabelsCalledByTheirNumbers) {
    const NumPyStore made;
    const auto store = made.open();
    EXPECT_FALSE(store.has_meta());
    EXPECT_EQ(store.rows(), 3);
    EXPECT_EQ(store.classes(), 2);
    EXPECT_EQ(store.features(), 0);
    EXPECT_THAT(store.meta().labels, ElementsAre("0", "1"));
    EXPECT_THAT(store.labels(), ElementsAre(0, 1, -1));
    EXPECT_THAT(store.all().logits.row(1), ElementsAre(3, 4));
    EXPECT_TRUE(store.head_weight().empty());
    EXPECT_THAT(store.head_bias(), IsEmpty());
    EXPECT_THAT(samples_of(store), ElementsAre("0 0 0", "1 1 1", "2 2 "));
}

TEST(ActivationStore, WithoutLabelsHasNoneForAnyRow) {
    const NumPyStore made;
    std::filesystem::remove(made.folder / "labels.npy");
    EXPECT_THAT(made.open().labels(), ElementsAre(-1, -1, -1));
}

TEST(ActivationStore, HasFeaturesAHeadAndFurtherTensorsOfAnyShape) {
    const NumPyStore made;
    made.floats("features", {1, 2, 3}, {3, 1});
    made.floats("head_weight", {1, 2}, {2, 1});
    made.floats("head_bias", {0, 1}, {2});
    made.floats("latent", std::vector<float>(12, 7), {3, 2, 2});
    made.floats("depth", {7, 8, 9}, {3});
    const auto store = made.open();
    EXPECT_EQ(store.features(), 1);
    EXPECT_THAT(store.head_weight().row(1), ElementsAre(2));
    EXPECT_THAT(store.head_bias(), ElementsAre(0, 1));
    EXPECT_THAT(store.extra_names(), ElementsAre("depth", "latent"));
    EXPECT_EQ(store.extra_columns("latent"), 4);
    EXPECT_EQ(store.extra_columns("none"), 0);
    EXPECT_THAT(store.all().extras.at("depth").row(2), ElementsAre(9));
}

TEST(ActivationStore, IsHandedOutInBlocks) {
    const NumPyStore made;
    made.floats("depth", {7, 8, 9}, {3});
    std::vector<float> seen;
    std::vector<std::int64_t> firsts;
    made.open().for_each_block(
        [&](std::int64_t first, const Activations& block) {
            firsts.push_back(first);
            for (std::int64_t row = 0; row < block.rows; ++row) {
                seen.push_back(block.logits.row(row)[1]);
                seen.push_back(block.extras.at("depth").row(row)[0]);
            }
        },
        2);
    EXPECT_THAT(firsts, ElementsAre(0, 2));
    EXPECT_THAT(seen, ElementsAre(2, 7, 4, 8, 6, 9));
}

TEST(ActivationStore, NamesPicturesAndLabelsAsItsTableDoes) {
    const NumPyStore made;
    write_text(made.folder / "meta.json", meta_json());
    write_text(made.folder / "samples.csv", samples);
    EXPECT_THAT(samples_of(made.open()), ElementsAre("0 a,1.jpg cat", "1 b.jpg dog", "2 c.jpg wolf"));
}

TEST(ActivationStore, WhoseArraysDoNotFitEachOtherIsRefused) {
    const auto with = [](auto change) {
        const NumPyStore made;
        change(made);
        return made.refusal();
    };
    EXPECT_THAT(with([](const NumPyStore& s) {
                    s.floats("logits", {1, 2, 3}, {3});
                }),
                HasSubstr("has the shape [3], expected [rows, classes]"));
    EXPECT_THAT(with([](const NumPyStore& s) { s.labels({0, 1}, {2}); }), HasSubstr("has the shape [2], expected [3]"));
    EXPECT_THAT(with([](const NumPyStore& s) {
                    s.floats("features", {1, 2}, {2, 1});
                }),
                HasSubstr("has the shape [2, 1], expected [3, features]"));
    EXPECT_THAT(with([](const NumPyStore& s) {
                    s.floats("latent", {1, 2}, {2, 1});
                }),
                HasSubstr("latent.npy: has the shape [2, 1], expected [3, any]"));
    EXPECT_THAT(with([](const NumPyStore& s) {
                    s.floats("head_weight", {1, 2}, {2, 1});
                }),
                HasSubstr("holds head_weight.npy but not head_bias.npy"));
    EXPECT_THAT(with([](const NumPyStore& s) {
                    s.floats("head_weight", {1, 2}, {2, 1});
                    s.floats("head_bias", {1, 2}, {2});
                }),
                HasSubstr("no features.npy"));
    EXPECT_THAT(with([](const NumPyStore& s) {
                    s.floats("features", {1, 2, 3}, {3, 1});
                    s.floats("head_weight", {1, 2, 3, 4}, {2, 2});
                    s.floats("head_bias", {1, 2}, {2});
                }),
                HasSubstr("has the shape [2, 2], expected [2, 1]"));
}

TEST(ActivationStore, WithALabelOutOfRangeNamesTheRow) {
    for (const std::int64_t label : {std::int64_t{2}, std::int64_t{-2}, std::numeric_limits<std::int64_t>::min()}) {
        const NumPyStore made;
        made.labels({0, label, 0}, {3});
        EXPECT_THAT(made.refusal(), HasSubstr("labels.npy: row 1: found the label " + std::to_string(label) +
                                              ", expected 0 to 1, or -1 for none"));
    }
}

TEST(ActivationStore, ThatIsNotThereOrNoneSaysWhatWasExpected) {
    const TemporaryFolder folder;
    EXPECT_THAT(error_of([&] { ActivationStore(folder / "none"); }),
                HasSubstr("no such folder, expected an activation store"));
    EXPECT_THAT(error_of([&] { ActivationStore(folder.path()); }), HasSubstr("holds no logits.npy"));
    std::filesystem::create_directory(folder / "a.store.partial");
    EXPECT_THAT(error_of([&] { ActivationStore(folder / "a.store"); }), HasSubstr("extract --resume goes on with it"));
    write_text(folder / "file", "");
    EXPECT_THAT(error_of([&] { ActivationStore(folder / "file"); }), HasSubstr("is no folder"));
}

TEST(ActivationStore, WithAMetaThatDoesNotFitIsRefused) {
    const NumPyStore made;
    write_text(made.folder / "meta.json", meta_json(R"({"rows": 4})"));
    EXPECT_THAT(made.refusal(), HasSubstr("/counts/rows: found 4, expected 3"));
    write_text(made.folder / "meta.json", R"({"format": "openset-store/1", "labels": ["cat"], "counts": {"rows": 3}})");
    EXPECT_THAT(made.refusal(), HasSubstr("/labels: found 1 labels, expected 2"));
    write_text(made.folder / "meta.json", R"({"format": "openset-store/2", "labels": [1], "activation": "relu"})");
    EXPECT_THAT(made.refusal(), testing::AllOf(HasSubstr("/format"), HasSubstr("/labels/0"), HasSubstr("/activation"),
                                               HasSubstr("no \"counts\""), HasSubstr("corrupt")));
}

TEST(ActivationStore, WithATableThatDoesNotFitIsRefused) {
    const NumPyStore made;
    write_text(made.folder / "meta.json", meta_json());
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = samples;
        text.replace(text.find(from), from.size(), to);
        write_text(made.folder / "samples.csv", text);
        return error_of([&] { samples_of(made.open()); });
    };
    EXPECT_THAT(with("path,label,status,error,row", "path,label"), HasSubstr("expected the columns path,label,status"));
    EXPECT_THAT(with("b.jpg,dog", "b.jpg,cat"), HasSubstr("line 4: found the label \"cat\", expected \"dog\""));
    EXPECT_THAT(with("dog,ok,,1", "dog,ok,,2"), HasSubstr("line 4: found the row \"2\", expected 1"));
    EXPECT_THAT(with("dog,ok,,1", "dog,ok,,01"), HasSubstr("found the row \"01\""));
    EXPECT_THAT(with("dog,ok,,1", "dog,ok,why,1"), HasSubstr("found an error of a picture whose status is ok"));
    EXPECT_THAT(with("dog,ok,,1", "dog,fine,,1"), HasSubstr("found the status \"fine\", expected ok or failed"));
    EXPECT_THAT(with("truncated: ends early,", ","), HasSubstr("failed, but the error is empty"));
    EXPECT_THAT(with("ends early,", "ends early,3"), HasSubstr("of a failed picture, expected none"));
    EXPECT_THAT(with("c.jpg,wolf,ok,,2\r\n", "c.jpg,wolf,ok,,2"), HasSubstr("ends within line 5"));
    EXPECT_THAT(with("c.jpg,wolf,ok,,2\r\n", ""), HasSubstr("tells of 2 rows, expected the 3"));
    EXPECT_THAT(with("c.jpg,wolf,ok,,2\r\n", "c.jpg,wolf,ok,,2\r\nd.jpg,,ok,,3\r\n"),
                HasSubstr("found the row 3, expected less than the 3 rows"));
}

TEST(ActivationStore, NamesTheFirstRowThatIsNotFinite) {
    const NumPyStore made;
    made.open().check_finite();
    made.floats("features", {1, std::numeric_limits<float>::infinity(), 3}, {3, 1});
    EXPECT_THAT(error_of([&] { made.open().check_finite(); }), HasSubstr("features.npy: row 1 holds NaN or infinity"));
}

TEST(StoreMeta, ReadsBackAsItWasWritten) {
    StoreMeta meta;
    meta.model_name = "cats8";
    meta.model_sha256 = std::string(64, 'a');
    meta.labels = {"cat", "dog"};
    meta.activation = "sigmoid";
    meta.preprocess_json = R"({"crop":[224,224]})";
    meta.head = "fc";
    meta.precision = "fp32";
    meta.engine = "torchscript";
    meta.fast_decode = true;
    meta.rows = 5;
    meta.failed = 1;
    const auto read = parse_store_meta(to_json(meta), "meta.json");
    EXPECT_EQ(to_json(read), to_json(meta));
    EXPECT_EQ(read.preprocess_json, meta.preprocess_json);
    EXPECT_TRUE(read.fast_decode);
    EXPECT_EQ(read.failed, 1);
}

/// Pages of this process that are in memory, in bytes.
std::int64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::int64_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(ActivationStore, ThatIsLargerThanTheMemoryItMayTakeIsReadInBlocks) {
    constexpr std::int64_t rows = 100'000, columns = 250; // 100 MB
    const TemporaryFolder folder;
    {
        std::ofstream file(folder / "logits.npy", std::ios::binary);
        file << npy_header(NpyType::float32, {rows, columns});
    }
    std::filesystem::resize_file(folder / "logits.npy", 128 + 4 * rows * columns);
    const ActivationStore store(folder.path());
    const std::int64_t before = resident_bytes();
    std::int64_t peak = 0;
    double sum = 0;
    store.for_each_block([&](std::int64_t, const Activations& block) {
        for (std::int64_t i = 0; i < block.rows * columns; ++i) sum += static_cast<double>(block.logits.values[i]);
        peak = std::max(peak, resident_bytes() - before);
    });
    EXPECT_EQ(sum, 0);
    EXPECT_LT(peak, std::int64_t{20} << 20);
}

TEST(ActivationStore, ReadsTheStoresThatNumPyWroteForTheGoldenValues) {
    OPENSET_NEED_SHARED("golden/store/train");
    const ActivationStore store(shared_data() / "golden/store/train");
    EXPECT_EQ(store.rows(), 720);
    EXPECT_EQ(store.classes(), 12);
    EXPECT_EQ(store.features(), 64);
    store.check_finite();
    // The reference: logits equal W f + b exactly, in any order of summation.
    const Activations all = store.all();
    for (std::int64_t row = 0; row < store.rows(); ++row) {
        for (std::int64_t c = 0; c < store.classes(); ++c) {
            float logit = store.head_bias()[static_cast<std::size_t>(c)];
            for (std::int64_t d = 0; d < store.features(); ++d)
                logit += store.head_weight().row(c)[static_cast<std::size_t>(d)] *
                         all.features.row(row)[static_cast<std::size_t>(d)];
            ASSERT_EQ(logit, all.logits.row(row)[static_cast<std::size_t>(c)]) << "row " << row << ", class " << c;
        }
    }
}

} // namespace
} // namespace openset::io
