#include "openset/io/npy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "shared_data.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// What NumPy 1.24 writes for np.zeros((3, 4), np.float32).
const std::string numpy_header = std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }" + std::string(58, ' ') +
                                 "\n";

/// A header of our making: version, length and dict, no padding but what the dict has.
std::string header(char version, const std::string& dict) {
    std::string text = std::string("\x93NUMPY") + version + '\0';
    for (int byte = 0; byte < (version == 1 ? 2 : 4); ++byte) text += static_cast<char>(dict.size() >> 8 * byte);
    return text + dict;
}

std::string padded(char version, std::string dict) {
    while ((dict.size() + 1 + (version == 1 ? 10 : 12)) % 64 != 0) dict += ' ';
    return header(version, dict + "\n");
}

std::string dict_of(const std::string& descr, const std::string& order, const std::string& shape) {
    return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

std::string refusal(const std::string& bytes, NpyType expected = NpyType::float32) {
    return error_of([&] { parse_npy_header(bytes, expected, "a.npy"); });
}

TEST(NpyHeader, IsByteForByteWhatNumPyWrites) {
    EXPECT_EQ(npy_header(NpyType::float32, {3, 4}), numpy_header);
    EXPECT_EQ(npy_header(NpyType::int64, {7}), std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                                                   "{'descr': '<i8', 'fortran_order': False, 'shape': (7,), }" +
                                                   std::string(60, ' ') + "\n");
    EXPECT_THAT(npy_header(NpyType::float64, {}), HasSubstr("'shape': (), }"));
}

TEST(NpyHeader, HasALengthThatDoesNotDependOnTheFirstAxis) {
    for (const std::int64_t columns : {1, 1000, 123'456'789}) {
        EXPECT_EQ(npy_header(NpyType::float32, {0, columns}).size(),
                  npy_header(NpyType::float32, {1'234'567'890'123'456'789, columns}).size());
    }
}

TEST(NpyHeader, IsReadInAllThreeVersionsWhateverItsSpacesQuotesAndOrder) {
    for (const char version : {'\1', '\2', '\3'}) {
        const auto plain = parse_npy_header(padded(version, dict_of("<f4", "False", "(3, 4)")), NpyType::float32, "a");
        EXPECT_THAT(plain.shape, ElementsAre(3, 4));
        EXPECT_EQ(plain.data_bytes, 48U);
        EXPECT_EQ(plain.bytes % 64, 0U);
    }
    const std::string odd = "{ \"shape\" :(5 ,),'fortran_order':False, 'descr':\"<i8\"}";
    EXPECT_THAT(parse_npy_header(padded(1, odd), NpyType::int64, "a").shape, ElementsAre(5));
    EXPECT_TRUE(parse_npy_header(padded(1, dict_of("<f8", "False", "()")), NpyType::float64, "a").shape.empty());
}

TEST(NpyHeader, OfAnotherTypeSaysHowToSaveTheRightOne) {
    EXPECT_EQ(refusal(padded(1, dict_of("<f8", "False", "(3, 4)"))),
              "corrupt: a.npy: holds \"<f8\", expected <f4 (float32); save it again: np.save(file, "
              "a.astype(np.float32))");
    for (const char* other : {">f4", "<f2", "|O", "|S5", "<i4", "|b1", "<c8"})
        EXPECT_THAT(refusal(padded(1, dict_of(other, "False", "(3,)"))), HasSubstr("a.astype(np.float32)")) << other;
    EXPECT_THAT(refusal(padded(1, "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }")),
                HasSubstr("an array of records"));
}

TEST(NpyHeader, InFortranOrderSaysHowToSaveItInC) {
    EXPECT_THAT(
        refusal(padded(1, dict_of("<f4", "True", "(3, 4)"))),
        HasSubstr("is in Fortran order, expected C order; save it again: np.save(file, np.ascontiguousarray(a))"));
}

TEST(NpyHeader, ThatIsNoneIsRefused) {
    EXPECT_THAT(refusal(""), HasSubstr("is empty"));
    EXPECT_THAT(refusal("path,label"), HasSubstr("is no .npy file: begins with \"path,l\""));
    EXPECT_THAT(refusal("\x93NUMPY"), HasSubstr("ends within its header"));
    EXPECT_THAT(refusal(numpy_header.substr(0, 100)), HasSubstr("ends within its header"));
    EXPECT_THAT(refusal(header(4, "{}")), HasSubstr("has version 4.0"));
    EXPECT_THAT(refusal(std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{", 13)),
                HasSubstr("a header of 4294967295 bytes"));
    EXPECT_THAT(refusal(header(1, dict_of("<f4", "False", "(3, 4)"))), HasSubstr("misaligned"));
}

TEST(NpyHeader, WithAnythingButItsThreeKeysIsRefused) {
    const auto with = [](const std::string& dict) { return refusal(padded(1, dict)); };
    EXPECT_THAT(with("{}"), HasSubstr("expected the keys descr, fortran_order and shape"));
    EXPECT_THAT(with("{'descr': '<f4', 'descr': '<f4'}"), HasSubstr("the key descr twice"));
    EXPECT_THAT(with("{'decsr': '<f4'}"), HasSubstr("found the key \"decsr\""));
    EXPECT_THAT(with(dict_of("<f4", "False", "(3, 4)") + "x"), HasSubstr("expected the end of the header"));
    EXPECT_THAT(with(dict_of("<f4", "0", "(3, 4)")), HasSubstr("expected True or False"));
    EXPECT_THAT(with(dict_of("<f4", "False", "(3)")), HasSubstr("the shape of one axis is (n,)"));
    EXPECT_THAT(with(dict_of("<f4", "False", "(3, 4: 5)")), HasSubstr("found \": 5)"));
    EXPECT_THAT(with(dict_of("<f4", "False", "(3, -1)")), HasSubstr("expected the length of an axis, 0 or more"));
    EXPECT_THAT(with(dict_of("<f4", "False", "(3, 4")), HasSubstr("expected the length of an axis"));
    EXPECT_THAT(with(dict_of("<f4", "False", "(99999999999999999999,)")), HasSubstr("expected the length of an axis"));
    std::string many;
    for (int i = 0; i < 40; ++i) many += "1, ";
    EXPECT_THAT(with(dict_of("<f4", "False", "(" + many + ")")), HasSubstr("more than 32 axes"));
}

TEST(NpyHeader, WhoseSizeOverflowsIsRefusedEvenBesideAnAxisOfNothing) {
    for (const char* shape : {"(4611686018427387904, 4)", "(0, 4611686018427387904, 4)", "(9223372036854775807,)"})
        EXPECT_THAT(refusal(padded(1, dict_of("<f4", "False", shape))), HasSubstr("which no file has")) << shape;
}

TEST(NpyArray, HandsOutWhatWasWritten) {
    const TemporaryFolder folder;
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    write_npy<float>(folder / "a.npy", values, {2, 3});
    const NpyArray<float> array(folder / "a.npy");
    EXPECT_THAT(array.shape(), ElementsAre(2, 3));
    EXPECT_THAT(array.values(), ElementsAre(1, 2, 3, 4, 5, 6));
    array.let_go(0, 6);
    EXPECT_THAT(array.values(), ElementsAre(1, 2, 3, 4, 5, 6)); // read again
}

TEST(NpyArray, IsFoundByItsAddressesAsLongAsItLives) {
    const TemporaryFolder folder;
    write_npy<float>(folder / "a.npy", std::vector<float>(5000), {5000});
    const void* inside = nullptr;
    {
        const NpyArray<float> array(folder / "a.npy");
        inside = &array.values().back();
        EXPECT_EQ(mapped_file_at(&array.values().front()), folder / "a.npy");
        EXPECT_EQ(mapped_file_at(inside), folder / "a.npy");
        EXPECT_EQ(mapped_file_at(&array), std::nullopt);
    }
    EXPECT_EQ(mapped_file_at(inside), std::nullopt);
}

TEST(NpyArray, MayBeEmpty) {
    const TemporaryFolder folder;
    write_npy<std::int64_t>(folder / "a.npy", {}, {0});
    EXPECT_TRUE(NpyArray<std::int64_t>(folder / "a.npy").values().empty());
}

TEST(NpyArray, OfAFileThatIsTooShortOrTooLongIsRefused) {
    const TemporaryFolder folder;
    for (const int bytes : {0, 47, 49}) {
        write_text(folder / "a.npy", numpy_header + std::string(static_cast<std::size_t>(bytes), '\0'));
        const auto message = error_of([&] { NpyArray<float>{folder / "a.npy"}; });
        EXPECT_THAT(message,
                    HasSubstr("has " + std::to_string(128 + bytes) + " bytes, expected 176 for the shape (3, 4)"));
    }
}

TEST(NpyArray, OfAFileThatCannotBeOpenedSaysWhichOne) {
    const TemporaryFolder folder;
    EXPECT_THAT(error_of([&] { NpyArray<float>{folder / "none.npy"}; }), HasSubstr("none.npy: no such file"));
    EXPECT_THAT(error_of([&] { NpyArray<float>{folder.path()}; }), HasSubstr("is a folder, expected a file"));
    write_text(folder / "empty.npy", "");
    EXPECT_THAT(error_of([&] { NpyArray<float>{folder / "empty.npy"}; }), HasSubstr("empty.npy: is empty"));
}

} // namespace
} // namespace openset::io
