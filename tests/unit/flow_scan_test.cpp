#include <algorithm>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "made_tar.hpp"
#include "memory_source.hpp"
#include "openset/flow/input.hpp"
#include "shared_data.hpp"
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

TEST(Scan, SkipsAsItWouldHandOut) {
    const TemporaryFolder folder;
    for (const char* name : {"a.jpg", "b/c.jpg", "d.jpg"}) write_text(folder / name, "");
    const std::string root = folder.path().string();
    const auto source = scan({root, "/no/such/file.jpg"});
    EXPECT_EQ(source->skip(), root + "/a.jpg");
    EXPECT_EQ(source->next()->path, root + "/b/c.jpg");
    EXPECT_EQ(source->skip(), root + "/d.jpg");
    EXPECT_EQ(source->skip(), "/no/such/file.jpg");
    EXPECT_FALSE(source->skip());
}

TEST(Scan, EndsWhereItIsStopped) {
    const auto source = scan({"a", "b"});
    EXPECT_TRUE(source->next());
    source->stop();
    EXPECT_FALSE(source->next());
}

TEST(Scan, AFolderThatCannotBeEnteredIsAnInputThatFailed) {
    const TemporaryFolder folder;
    std::string deep = folder.path().string();
    // Longer than a path may be: the walk comes to folders that it cannot name. Made from within.
    const std::string part(250, 'd');
    const int before = ::open(".", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::chdir(deep.c_str()), 0);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(::mkdir(part.c_str(), 0700), 0);
        ASSERT_EQ(::chdir(part.c_str()), 0);
    }
    ASSERT_EQ(::fchdir(before), 0);
    ::close(before);
    const auto source = scan({folder.path().string()});
    const auto input = source->next();
    ASSERT_TRUE(input && input->failure);
    EXPECT_EQ(input->failure->kind, "unreadable");
    EXPECT_EQ(input->failure->message, "cannot enter the folder: File name too long");
    EXPECT_FALSE(source->next());
}

TEST(Scan, SpecialFilesAreInputsLikeOthers) {
    const TemporaryFolder folder;
    ASSERT_EQ(::mkfifo((folder / "fifo.tar").c_str(), 0600), 0);
    write_text(folder / "picture.jpg", "");
    EXPECT_THAT(below(folder.path(), *scan({folder.path().string(), folder / "fifo.tar"})),
                ElementsAre("fifo.tar", "picture.jpg", "fifo.tar"))
        << "reading refuses it; nobody waits for its writer";
}

const std::string archive = made::tar_member("1.jpg", "one") + made::tar_member("2.jpg", "two") + made::tar_end;

TEST(Scan, AnArchiveStandsForItsMembers) {
    const TemporaryFolder folder;
    write_text(folder / "f/a.jpg", "");
    write_text(folder / "f/b.tar", archive);
    write_text(folder / "f/c.jpg", "");
    const auto source = scan({folder.path().string()});
    EXPECT_EQ(source->skip(), folder / "f/a.jpg");
    EXPECT_EQ(source->skip(), folder / "f/b.tar//1.jpg");
    const auto member = source->next();
    EXPECT_EQ(member->path, folder / "f/b.tar//2.jpg");
    EXPECT_EQ(member->bytes, (std::vector<std::uint8_t>{'t', 'w', 'o'}));
    EXPECT_EQ(source->skip(), folder / "f/c.jpg");
    EXPECT_FALSE(source->skip());
}

TEST(Scan, ANamedArchiveIsToldByItsContentOthersByTheirNameToo) {
    const TemporaryFolder folder;
    const std::string name = folder / "photos";
    write_text(name, archive);
    write_text(folder / "no.tar", "no archive");
    write_text(folder / "short.tar", "");
    EXPECT_THAT(below(folder.path(), *scan({name})), ElementsAre("photos//1.jpg", "photos//2.jpg"));
    EXPECT_THAT(below(folder.path(), *scan({folder.path().string()})), ElementsAre("no.tar", "photos", "short.tar"));
    EXPECT_THAT(below(folder.path(), *scan_list(NameList(in_memory(name), "the list"))), ElementsAre("photos"));
}

TEST(Scan, TheLimitHoldsForMembers) {
    const TemporaryFolder folder;
    write_text(folder / "photos.tar", archive);
    const auto input = scan({folder / "photos.tar"}, {nullptr, 2})->next();
    ASSERT_TRUE(input && input->failure);
    EXPECT_EQ(input->failure->kind, "too-large");
}

TEST(Scan, ACompressedArchiveIsRefusedWithTheWayOut) {
    const TemporaryFolder folder;
    for (const auto& [magic, tool] : std::vector<std::pair<std::string, std::string>>{{"\x1F\x8B", "zcat "},
                                                                                      {"\x28\xB5\x2F\xFD", "zstdcat "},
                                                                                      {{"\xFD\x37zXZ\0", 6}, "xzcat "},
                                                                                      {"BZh", "bzcat "}}) {
        write_text(folder / "t.tgz", magic + std::string(1000, 'x'));
        const auto input = scan({folder / "t.tgz"})->next();
        ASSERT_TRUE(input && input->failure) << tool;
        EXPECT_EQ(input->failure->kind, "unsupported-format");
        EXPECT_THAT(input->failure->message, ::testing::HasSubstr(tool + "FILE | openset infer"));
    }
}

TEST(Scan, AFolderOfManyIsSorted) {
    const TemporaryFolder folder;
    const std::string same(100, 'n');
    for (int i = 0; i < 5'000; ++i)
        ::close(::creat((folder / (same + std::to_string(i * 7919 % 5'000))).c_str(), 0600));
    const auto paths = below(folder.path(), *scan({folder.path().string()}));
    EXPECT_EQ(paths.size(), 5'000u);
    EXPECT_TRUE(std::ranges::is_sorted(paths));
    EXPECT_EQ(paths.back(), same + "999");
}

// ---- names that are legal and unusual

std::string percent_decoded(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool encoded = text[i] == '%';
        bytes += encoded ? static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)) : text[i];
        if (encoded) i += 2;
    }
    return bytes;
}

std::vector<std::string> unusual_names() {
    std::ifstream table(shared_data() / "golden/pixels/names.csv");
    std::vector<std::string> names;
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) names.push_back(percent_decoded(line.substr(0, line.find(','))));
    return names;
}

TEST(Scan, EveryLegalNameComesThroughAFolderInBytewiseOrder) {
    OPENSET_NEED_SHARED("golden/pixels/names.csv");
    const TemporaryFolder folder;
    auto names = unusual_names();
    EXPECT_EQ(names.size(), 38u);
    for (const std::string& name : names) write_text(folder / name, "");
    std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
    std::ranges::sort(names);
    EXPECT_EQ(below(folder.path(), *scan({folder.path().string()})), names);
}

TEST(ScanList, EveryLegalNameComesThroughAListWithNulBetweenThem) {
    OPENSET_NEED_SHARED("golden/pixels/names.csv");
    const auto names = unusual_names();
    std::string list;
    for (const std::string& name : names) list += "/x/" + name + '\0';
    EXPECT_EQ(below("/x", *scan_list(NameList(in_memory(list), "the list", '\0'))), names);
}

} // namespace
} // namespace openset::flow
