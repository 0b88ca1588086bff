#include "openset/flow/extraction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "openset/flow/class_folder.hpp"
#include "openset/flow/input.hpp"
#include "temporary_folder.hpp"

namespace openset::flow {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ClassFolder, IsTheOneDirectlyBelowTheNamedFolderHoweverDeepThePicture) {
    for (const char* named : {"train", "train/"}) {
        EXPECT_EQ(class_folder("train/Bombay/1.jpg", {named}), "Bombay");
        EXPECT_EQ(class_folder("train/Bombay/2021/may/1.jpg", {named}), "Bombay");
    }
    EXPECT_EQ(class_folder("/data/train/Bombay/1.jpg", {"/data/train"}), "Bombay");
    EXPECT_EQ(class_folder("/Bombay/1.jpg", {"/"}), "Bombay");
    EXPECT_EQ(class_folder("./Bombay/1.jpg", {"."}), "Bombay");
}

TEST(ClassFolder, OfAPictureDirectlyInANamedFolderIsThatFolder) {
    EXPECT_EQ(class_folder("train/Bombay/1.jpg", {"train/Bombay", "train/Siamese"}), "Bombay");
    EXPECT_EQ(class_folder("train/Bombay/1.jpg", {"train/Bombay/"}), "Bombay");
}

TEST(ClassFolder, OfAPictureThatIsNamedOrListedIsTheOneItLiesIn) {
    EXPECT_EQ(class_folder("train/Bombay/1.jpg", {"train/Bombay/1.jpg"}), "Bombay");
    EXPECT_EQ(class_folder("train/Bombay/1.jpg", {}), "Bombay");
    EXPECT_EQ(class_folder("train/Bombay//1.jpg", {}), "Bombay");
    EXPECT_EQ(class_folder("1.jpg", {"1.jpg"}), "");
    EXPECT_EQ(class_folder("-", {"-"}), "");
}

TEST(ClassFolder, FollowsTheLongestOfSeveralNamedFolders) {
    EXPECT_EQ(class_folder("data/train/Bombay/1.jpg", {"data", "data/train"}), "Bombay");
    EXPECT_EQ(class_folder("data/trains/Bombay/1.jpg", {"data/train", "data"}), "trains");
}

TEST(ClassFolder, InAnArchiveIsTheFirstFolderOfTheMembersName) {
    EXPECT_EQ(class_folder("photos.tar//Bombay/old/1.jpg", {"photos.tar"}), "Bombay");
    EXPECT_EQ(class_folder("photos.tar//./Bombay/1.jpg", {"photos.tar"}), "Bombay");
    EXPECT_EQ(class_folder("train/Bombay/photos.tar//1.jpg", {"train"}), "Bombay");
}

TEST(ClassFolder, OfTheWorkingFolderHasItsRealName) {
    const std::string here = std::filesystem::current_path().filename().string();
    EXPECT_EQ(class_folder("./1.jpg", {"."}), here);
}

TEST(ClassNames, AreTheLabelsOfTheNetworkByTheirIds) {
    ClassNames names({"cat", "dog", "cat"});
    EXPECT_EQ(names.id_of("dog"), 1);
    EXPECT_EQ(names.id_of("cat"), 0);
    EXPECT_EQ(names.id_of(""), -1);
    EXPECT_THAT(names.unknown(), IsEmpty());
}

TEST(ClassNames, ThatAreNoLabelsAreToldOnceWithTheirCounts) {
    ClassNames names({"cat", "dog"});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(names.id_of("dgo"), -1);
    names.id_of("wolf");
    EXPECT_THAT(names.unknown(),
                ElementsAre(AllOf(HasSubstr("class dgo, 3 pictures: "), HasSubstr("did you mean \"dog\"?")),
                            HasSubstr("class wolf, 1 picture: the network has no such label")));
}

TEST(ClassNames, ThatAreNoLabelsAreNoWallOfText) {
    ClassNames names({"cat"});
    for (int i = 0; i < 30; ++i) names.id_of("class " + std::to_string(i));
    EXPECT_THAT(names.unknown(), SizeIs(11));
    EXPECT_THAT(names.unknown().back(), HasSubstr("20 more classes, 20 pictures"));
}

std::vector<std::string> inputs_of(const std::filesystem::path& table) {
    const auto source = scan_table(table);
    std::vector<std::string> inputs;
    while (const auto input = source->next()) inputs.push_back(input->path + " is " + input->label.value_or("nothing"));
    return inputs;
}

TEST(TableOfPictures, NamesThemRelativeToItselfWithTheirClasses) {
    const TemporaryFolder folder;
    write_text(folder / "list.csv", "id,path,label\r\n1,a.jpg,cat\r\n2,\"b,\n1.jpg\",\r\n3,/c.jpg,dog");
    const std::string here = folder.path().string() + "/";
    EXPECT_THAT(inputs_of(folder / "list.csv"),
                ElementsAre(here + "a.jpg is cat", here + "b,\n1.jpg is ", "/c.jpg is dog"));
}

TEST(TableOfPictures, MayHaveAByteOrderMarkAndNoPictures) {
    const TemporaryFolder folder;
    write_text(folder / "list.csv", "\xEF\xBB\xBFpath,label\n");
    EXPECT_THAT(inputs_of(folder / "list.csv"), IsEmpty());
}

TEST(TableOfPictures, ThatIsNoneIsRefusedWithTheLine) {
    const TemporaryFolder folder;
    const auto refusal = [&](const std::string& text) {
        write_text(folder / "list.csv", text);
        return error_of([&] { inputs_of(folder / "list.csv"); });
    };
    EXPECT_THAT(refusal(""), HasSubstr("is empty, expected a header"));
    EXPECT_THAT(refusal("paht,label\n"), AllOf(HasSubstr("found no column path"), HasSubstr("did you mean \"paht\"?")));
    EXPECT_THAT(refusal("path,label\na,b\nc\n"), HasSubstr("list.csv: line 3: found 1 fields, expected 2"));
    EXPECT_THAT(refusal("path,label\n,b\n"), HasSubstr("line 2: the path is empty"));
    EXPECT_THAT(refusal("path,label\n\"a\n"), HasSubstr("line 2: "));
    EXPECT_THAT(error_of([&] { inputs_of(folder / "none.csv"); }), HasSubstr("no such file"));
}

} // namespace
} // namespace openset::flow
