#include "openset/io/fitted_file.hpp"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "error_of.hpp"
#include "openset/base/sha256.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Values whose decimal text is easily lost: the smallest and the largest, neighbours of 1, thirds.
std::vector<double> awkward_values(std::size_t count) {
    std::vector<double> values = {std::numeric_limits<double>::denorm_min(),
                                  std::numeric_limits<double>::max(),
                                  std::numeric_limits<double>::lowest(),
                                  std::nextafter(1.0, 2.0),
                                  -0.0,
                                  1.0 / 3};
    while (values.size() < count) values.push_back(std::sqrt(static_cast<double>(values.size())) / 7);
    values.resize(count);
    return values;
}

FittedFile full_file() {
    FittedFile fitted;
    fitted.method = "openmax";
    fitted.params_json = R"({"tail_size":20})";
    fitted.model_name = "cats8";
    fitted.model_sha256 = std::string(64, 'a');
    fitted.labels = {"tabby", "a \"quoted\" cat", "chat, gris é"};
    fitted.activation = "sigmoid";
    fitted.preprocess_json = R"({"crop":[224,224]})";
    fitted.precision = "fp32";
    fitted.engine = "torchscript";
    fitted.fitted_on = std::string(64, 'b');
    fitted.state_json = R"({"classes":[{"rows":7}]})";
    fitted.diagnostics_json = R"({"warnings":["w"]})";
    return fitted;
}

class FittedFileOnDisk : public testing::Test {
protected:
    fs::path path() const { return folder_ / "cats.json"; }
    fs::path array_folder() const { return folder_ / "cats.d"; }

    std::vector<std::string> array_files() const {
        std::vector<std::string> names;
        if (fs::exists(array_folder()))
            for (const auto& entry : fs::directory_iterator(array_folder())) names.push_back(entry.path().filename());
        return names;
    }

    FittedFile written_with(const std::string& array, const std::vector<std::int64_t>& shape, std::size_t values) {
        FittedFile fitted = full_file();
        fitted.arrays[array] = {shape, awkward_values(values)};
        write_fitted(path(), fitted);
        return fitted;
    }

    /// What is said of the file after a change to its JSON.
    template <typename Change>
    std::string error_after(Change change) {
        json document = json::parse(text_of(path()));
        change(document);
        write_text(path(), document.dump());
        return error_of([&] { read_fitted(path()); });
    }

    TemporaryFolder folder_;
};

void expect_same_bits(const std::vector<double>& found, const std::vector<double>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(found[i], expected[i]) << i;
        EXPECT_EQ(std::signbit(found[i]), std::signbit(expected[i])) << i;
    }
}

TEST_F(FittedFileOnDisk, ComesBackAsItWasWritten) {
    const FittedFile fitted = written_with("means", {3, 5}, 15);
    const FittedFile read = read_fitted(path());
    EXPECT_EQ(read.method, fitted.method);
    EXPECT_EQ(json::parse(read.params_json), json::parse(fitted.params_json));
    EXPECT_EQ(read.model_name, fitted.model_name);
    EXPECT_EQ(read.model_sha256, fitted.model_sha256);
    EXPECT_EQ(read.labels, fitted.labels);
    EXPECT_EQ(read.activation, "sigmoid");
    EXPECT_EQ(json::parse(read.preprocess_json), json::parse(fitted.preprocess_json));
    EXPECT_EQ(read.precision, "fp32");
    EXPECT_EQ(read.engine, "torchscript");
    EXPECT_EQ(read.fitted_on, fitted.fitted_on);
    EXPECT_EQ(json::parse(read.state_json), json::parse(fitted.state_json));
    EXPECT_EQ(json::parse(read.diagnostics_json), json::parse(fitted.diagnostics_json));
    EXPECT_EQ(read.arrays.at("means").shape, (std::vector<std::int64_t>{3, 5}));
    expect_same_bits(read.arrays.at("means").values, fitted.arrays.at("means").values);
}

TEST_F(FittedFileOnDisk, SaysThatPicturesWereDecodedFastOnlyWhereTheyWere) {
    FittedFile fitted = full_file();
    write_fitted(path(), fitted);
    EXPECT_FALSE(read_fitted(path()).fast_decode);
    EXPECT_FALSE(json::parse(text_of(path())).contains("fast_decode"));
    fitted.fast_decode = true;
    write_fitted(path(), fitted);
    EXPECT_TRUE(read_fitted(path()).fast_decode);
}

TEST_F(FittedFileOnDisk, SaysItsHashAndItsName) {
    written_with("means", {3, 5}, 15);
    const FittedFile read = read_fitted(path());
    const std::string text = text_of(path());
    EXPECT_EQ(read.sha256, sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
    EXPECT_EQ(read.name, path().string());
    EXPECT_EQ(FittedFile().name, "fitted file");
}

TEST_F(FittedFileOnDisk, WhatIsNotToldIsNull) {
    FittedFile fitted = full_file();
    fitted.preprocess_json.clear();
    write_fitted(path(), fitted);
    EXPECT_TRUE(json::parse(text_of(path()))["preprocess"].is_null());
    EXPECT_EQ(read_fitted(path()).preprocess_json, "");
}

TEST_F(FittedFileOnDisk, ArraysOfMoreThan4096ValuesLieBesideIt) {
    written_with("means", {64, 64}, 4096);
    EXPECT_THAT(array_files(), IsEmpty());
    const FittedFile fitted = written_with("means", {17, 241}, 4097);
    const json array = json::parse(text_of(path()))["state"]["arrays"]["means"];
    EXPECT_THAT(array_files(), ElementsAre(array["file"].get<std::string>()));
    EXPECT_EQ(sha256_hex_of_file(array_folder() / array["file"].get<std::string>()), array["sha256"]);
    expect_same_bits(read_fitted(path()).arrays.at("means").values, fitted.arrays.at("means").values);
}

TEST_F(FittedFileOnDisk, IsReplacedAsAWhole) {
    written_with("means", {5000}, 5000);
    const auto older = array_files();
    FittedFile fitted = full_file();
    fitted.arrays["means"] = {{5000}, std::vector<double>(5000, 1)};
    fitted.arrays["bank"] = {{5001}, std::vector<double>(5001, 2)};
    write_fitted(path(), fitted);
    EXPECT_EQ(array_files().size(), 2U);
    EXPECT_THAT(array_files(), testing::Not(testing::Contains(older.front())));
    EXPECT_EQ(read_fitted(path()).arrays.at("bank").values[5000], 2);
    write_fitted(path(), full_file());
    EXPECT_THAT(array_files(), IsEmpty());
}

TEST_F(FittedFileOnDisk, FilesThatItDoesNotNameAreLeftAlone) {
    written_with("means", {5000}, 5000);
    write_text(array_folder() / "notes.txt", "mine");
    write_fitted(path(), full_file());
    EXPECT_THAT(array_files(), ElementsAre("notes.txt"));
}

TEST_F(FittedFileOnDisk, ArraysGoWithItWhereItIsCopied) {
    written_with("means", {5000}, 5000);
    fs::create_directory(folder_ / "elsewhere");
    fs::copy_file(path(), folder_ / "elsewhere" / "cats.json");
    const auto read = [&] { read_fitted(folder_ / "elsewhere" / "cats.json"); };
    EXPECT_THAT(error_of(read), HasSubstr("arrays lie beside the fitted file and are copied with it"));
    fs::copy(array_folder(), folder_ / "elsewhere" / "cats.d");
    EXPECT_EQ(error_of(read), "none");
}

TEST_F(FittedFileOnDisk, ADamagedArrayIsFoundByItsHash) {
    written_with("means", {5000}, 5000);
    const fs::path file = array_folder() / array_files().front();
    std::string bytes = text_of(file);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_text(file, bytes);
    EXPECT_THAT(error_of([&] { read_fitted(path()); }),
                AllOf(HasSubstr("corrupt: " + path().string() + ": /state/arrays/means/file"),
                      HasSubstr("is not the array that was fitted")));
}

TEST_F(FittedFileOnDisk, AnArrayOfAnotherShapeIsRefused) {
    written_with("means", {5000}, 5000);
    EXPECT_THAT(error_after([](json& document) {
                    document["state"]["arrays"]["means"]["shape"] = {50, 100};
                }),
                HasSubstr("another shape"));
}

TEST_F(FittedFileOnDisk, ArraysHavePlainNames) {
    written_with("means", {5000}, 5000);
    for (const char* name : {"../cats.json", "/etc/passwd", ".hidden", ""}) {
        EXPECT_THAT(error_after([&](json& document) { document["state"]["arrays"]["means"]["file"] = name; }),
                    HasSubstr("/state/arrays/means/file"))
            << name;
    }
}

TEST_F(FittedFileOnDisk, EveryProblemIsToldWithItsPlace) {
    written_with("means", {3, 5}, 15);
    const std::string error = error_after([](json& document) {
        document["metod"] = "x";
        document["labels"] = json::array();
        document["model"].erase("sha256");
        document["activation"] = "softmx";
        document["state"]["arrays"]["means"]["values"].erase(0);
        document["precision"] = 32;
    });
    for (const char* place :
         {"metod", "/labels", "sha256", "did you mean \"softmax\"?", "/state/arrays/means/values", "/precision"})
        EXPECT_THAT(error, HasSubstr(place));
    EXPECT_THAT(error, testing::StartsWith("corrupt: " + path().string()));
}

TEST_F(FittedFileOnDisk, ShapesThatNoFileHoldsAreRefused) {
    written_with("means", {3, 5}, 15);
    const auto with_shape = [&](const json& shape) {
        return error_after([&](json& document) { document["state"]["arrays"]["means"]["shape"] = shape; });
    };
    EXPECT_THAT(with_shape({std::int64_t{1} << 39, std::int64_t{1} << 39}), HasSubstr("/state/arrays/means/shape"));
    EXPECT_THAT(with_shape({-1, 5}), HasSubstr("/state/arrays/means/shape"));
    EXPECT_THAT(with_shape(json::array()), HasSubstr("/state/arrays/means/shape"));
    EXPECT_THAT(with_shape({1, 3, 5}), HasSubstr("/state/arrays/means/shape"));
}

TEST_F(FittedFileOnDisk, AFileThatIsNotThereIsLookedForByItsName) {
    written_with("means", {3, 5}, 15);
    EXPECT_EQ(error_of([&] { read_fitted(folder_ / "cast.json"); }),
              "not-found: " + (folder_ / "cast.json").string() +
                  ": no such file, expected a fitted detector; did you mean \"" + path().string() + "\"?");
    write_text(path(), "{\"format\": ");
    EXPECT_THAT(error_of([&] { read_fitted(path()); }), HasSubstr("cats.json: line 1, column"));
    write_text(path(), "{\"format\": \"openset-fitted/2\"}");
    EXPECT_THAT(error_of([&] { read_fitted(path()); }), HasSubstr("openset-fitted/1"));
}

// ---- mismatches

StoreMeta same_as(const FittedFile& fitted) {
    StoreMeta meta;
    meta.model_name = fitted.model_name;
    meta.model_sha256 = fitted.model_sha256;
    meta.labels = fitted.labels;
    meta.activation = fitted.activation;
    meta.preprocess_json = fitted.preprocess_json;
    meta.precision = fitted.precision;
    meta.engine = fitted.engine;
    meta.fast_decode = fitted.fast_decode;
    return meta;
}

TEST(Mismatches, ThereAreNoneWhereAllIsTheSame) {
    EXPECT_THAT(mismatches(full_file(), same_as(full_file())), IsEmpty());
    StoreMeta meta = same_as(full_file());
    meta.preprocess_json = R"({ "crop": [224, 224] })"; // another spelling
    meta.model_name = "the same file under another name";
    EXPECT_THAT(mismatches(full_file(), meta), IsEmpty());
}

TEST(Mismatches, EachIsAClause) {
    StoreMeta meta = same_as(full_file());
    meta.model_sha256 = std::string(64, 'c');
    meta.labels[1] = "a cat";
    meta.activation = "softmax";
    meta.preprocess_json = R"({"crop":[448,448]})";
    EXPECT_THAT(
        mismatches(full_file(), meta),
        ElementsAre(
            "was fitted on activations of another network (cats8, sha256 aaaaaaaaaaaa, here cats8, sha256 "
            "cccccccccccc)",
            R"(was fitted with other labels (label 1 was "a \"quoted\" cat", here "a cat"))",
            "was fitted for a sigmoid network (here softmax)",
            R"(was fitted on activations of another preprocessing ({"crop":[224,224]}, here {"crop":[448,448]}))"));
    meta.labels.pop_back();
    EXPECT_THAT(mismatches(full_file(), meta), testing::Contains("was fitted with other labels (3, here 2)"));
}

TEST(Mismatches, WhatOneSideDoesNotTellIsPassedOver) {
    StoreMeta numpy; // a store without meta.json
    numpy.labels = {"0", "1", "2"};
    EXPECT_THAT(mismatches(full_file(), numpy), IsEmpty());
    FittedFile untold = full_file();
    untold.model_sha256.clear();
    untold.labels = numpy.labels;
    untold.preprocess_json.clear();
    EXPECT_THAT(mismatches(untold, same_as(full_file())), IsEmpty());
}

TEST(Mismatches, OtherRoundingAndOtherPixelsAreClauses) {
    StoreMeta meta = same_as(full_file());
    meta.precision = "int8";
    meta.fast_decode = true;
    EXPECT_THAT(mismatches(full_file(), meta),
                ElementsAre("was fitted on activations in fp32 (here int8)",
                            "was fitted on pictures decoded without --fast-decode (here with)"));
    meta.precision.clear(); // a store that tells neither
    EXPECT_THAT(mismatches(full_file(), meta), IsEmpty());
}

TEST(Mismatches, AnotherEngineInTheSamePrecisionIsNone) {
    StoreMeta meta = same_as(full_file());
    meta.engine = "onednn";
    EXPECT_THAT(mismatches(full_file(), meta), IsEmpty());
}

TEST(Mismatches, NamedLabelsAreComparedWithoutAHashToo) {
    FittedFile fitted = full_file();
    fitted.model_sha256.clear();
    StoreMeta meta = same_as(fitted);
    std::swap(meta.labels[0], meta.labels[2]);
    EXPECT_EQ(mismatches(fitted, meta).size(), 1U);
}

} // namespace
} // namespace openset::io
