#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>

#include "openset/base/error.hpp"
#include "openset/flow/input.hpp"
#include "temporary_folder.hpp"

namespace openset::flow {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> below(const std::filesystem::path& folder, InputSource& source) {
    std::vector<std::string> paths;
    while (auto input = source.next()) paths.push_back(input->path.substr(folder.string().size() + 1));
    return paths;
}

TEST(Scan, ListsAFolderInBytewiseOrderOfTheWholePath) {
    const TemporaryFolder folder;
    for (const char* name : {"b.jpg", "a/z.png", "a.jpg", "a-b.jpg", "B.jpg", "a/b/c.txt"})
        write_text(folder / name, "");
    const auto source = scan({folder.path().string()});
    // '-' < '.' < '/': the folder sorts with its slash
    EXPECT_THAT(below(folder.path(), *source),
                ElementsAre("B.jpg", "a-b.jpg", "a.jpg", "a/b/c.txt", "a/z.png", "b.jpg"));
}

TEST(Scan, LeavesOutHiddenFilesAndFoldersUnlessTheyAreNamed) {
    const TemporaryFolder folder;
    write_text(folder / ".hidden.jpg", "");
    write_text(folder / ".git/x.jpg", "");
    EXPECT_THAT(below(folder.path(), *scan({folder.path().string()})), IsEmpty());
    EXPECT_THAT(
        below(folder.path(), *scan({folder.path().string() + "/.hidden.jpg", folder.path().string() + "/.git"})),
        ElementsAre(".hidden.jpg", ".git/x.jpg"));
}

TEST(Scan, KeepsTheOrderInWhichNamesAreGivenAndDoesNotDoubleTheSlash) {
    const TemporaryFolder folder;
    write_text(folder / "f/a.jpg", "");
    const std::string root = folder.path().string();
    EXPECT_THAT(below(folder.path(), *scan({root + "/x.jpg", root + "/f/", root + "/a.jpg"})),
                ElementsAre("x.jpg", "f/a.jpg", "a.jpg"));
}

TEST(Scan, FollowsLinksButNeverInALoop) {
    const TemporaryFolder folder, elsewhere;
    write_text(folder / "f/a.jpg", "");
    write_text(elsewhere / "e.jpg", "");
    std::filesystem::create_directory_symlink(folder.path(), folder / "f/loop");
    std::filesystem::create_directory_symlink(elsewhere.path(), folder / "f/out");
    std::filesystem::create_symlink("nowhere", folder / "f/dangling.jpg");
    EXPECT_THAT(below(folder.path(), *scan({folder.path().string()})),
                ElementsAre("f/a.jpg", "f/dangling.jpg", "f/out/e.jpg"));
}

TEST(Scan, HandsOutANameThatDoesNotExist) {
    const auto input = scan({"/no/such/file.jpg"})->next();
    ASSERT_TRUE(input);
    EXPECT_EQ(input->path, "/no/such/file.jpg");
    EXPECT_FALSE(input->failure);
}

TEST(ScanList, TakesOneNameALine) {
    std::istringstream list("a.jpg\n\n-x.jpg\r\n with spaces .jpg\nlast.jpg");
    const auto source = scan_list(list);
    std::vector<std::string> paths;
    while (auto input = source->next()) paths.push_back(input->path);
    EXPECT_THAT(paths, ElementsAre("a.jpg", "-x.jpg", " with spaces .jpg", "last.jpg"));
}

TEST(ScanList, TakesADashForANameLikeAnyOther) {
    std::istringstream list("-\n");
    const auto input = scan_list(list)->next();
    ASSERT_TRUE(input);
    EXPECT_EQ(input->path, "-");
    EXPECT_FALSE(input->bytes) << "standard input may be the list itself";
}

TEST(ScanList, DoesNotTakeAReadErrorForTheEnd) {
    struct Breaking : std::streambuf {
        int_type underflow() override { throw std::runtime_error("the disk is gone"); }
    } buffer;
    std::istream list(&buffer);
    const auto source = scan_list(list);
    EXPECT_THROW(source->next(), Error);
}

} // namespace
} // namespace openset::flow
