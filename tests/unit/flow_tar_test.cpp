#include <clocale>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "made_tar.hpp"
#include "memory_source.hpp"
#include "openset/flow/input.hpp"
#include "pipe.hpp"

namespace openset::flow {
namespace {

using namespace openset::made;
using ::testing::ElementsAre;

/// An input in a word: its path, and its content or how it failed.
std::string told(const Input& input) {
    if (input.failure) return input.path + " ! " + input.failure->kind + ": " + input.failure->message;
    return input.path + " = " + (input.bytes ? std::string(input.bytes->begin(), input.bytes->end()) : "in a file");
}

std::vector<std::string> all_of(InputSource& source) {
    std::vector<std::string> inputs;
    while (auto input = source.next()) inputs.push_back(told(*input));
    return inputs;
}

std::vector<std::string> members(const std::string& archive, const ScanOptions& options = {}) {
    return all_of(*scan_tar(in_memory(archive), "t.tar", options));
}

std::vector<std::string> skipped(const std::string& archive) {
    const auto source = scan_tar(in_memory(archive), "t.tar");
    std::vector<std::string> paths;
    while (auto path = source->skip()) paths.push_back(*path);
    return paths;
}

TEST(Tar, GivesItsMembersInItsOrder) {
    const std::string large(100'000, 'x');
    EXPECT_THAT(members(tar_member("b.jpg", "B") + tar_member("a.jpg", large) + tar_member("empty.png", "") + tar_end),
                ElementsAre("t.tar//b.jpg = B", "t.tar//a.jpg = " + large, "t.tar//empty.png = "));
}

TEST(Tar, NamesMayBeLong) {
    const std::string name = std::string(200, 'n') + "/" + std::string(250, 'm') + ".jpg";
    EXPECT_THAT(members(pax_member(name, "pax") + gnu_long_name_member(name, "gnu") + tar_end),
                ElementsAre("t.tar//" + name + " = pax", "t.tar//" + name + " = gnu"));
}

TEST(Tar, NamesKeepTheirBytesInAnyLocale) {
    // UTF-8 composed and decomposed, Latin-1, an escape sequence, a newline
    const std::vector<std::string> names = {"\u00e9t\u00e9.png", "e\u0301te\u0301.png", "latin1_\xE9.png",
                                            "\x1b[31m.png",      "two\nlines.png",      " spaces .png"};
    std::string archive;
    std::vector<std::string> expected;
    for (const std::string& name : names) {
        archive += tar_member(name, "u") + pax_member(name, "p") + gnu_long_name_member(name, "g");
        for (const char* content : {"u", "p", "g"}) expected.push_back("t.tar//" + name + " = " + content);
    }
    for (const char* locale : {"C.UTF-8", "C"}) {
        ASSERT_NE(std::setlocale(LC_ALL, locale), nullptr) << locale;
        EXPECT_EQ(members(archive + tar_end), expected) << locale;
    }
}

TEST(Tar, AbsoluteNamesAndThoseThatLeadUpwardsAreNames) {
    EXPECT_THAT(
        members(tar_member("/etc/a.jpg", "1") + tar_member("../../b.jpg", "2") + tar_member("./c.jpg", "3") + tar_end),
        ElementsAre("t.tar///etc/a.jpg = 1", "t.tar//../../b.jpg = 2", "t.tar//./c.jpg = 3"));
}

TEST(Tar, LeavesOutFoldersAndWhatIsHidden) {
    EXPECT_THAT(members(tar_header({"f/", 0, '5'}) + tar_member("f/.hidden.jpg", "1") + tar_member(".git/x.jpg", "2") +
                        tar_member("./._a.jpg", "3") + tar_member("f/a.b.jpg", "4") + tar_end),
                ElementsAre("t.tar//f/a.b.jpg = 4"));
}

TEST(Tar, LinksDevicesAndFifosAreInputsThatFailed) {
    const std::string what = " its content is not in the archive";
    EXPECT_THAT(
        members(tar_link("symbolic", '2', "/etc/passwd") + tar_link("hard", '1', "a.jpg") +
                tar_link("device", '3', "") + tar_link("fifo", '6', "") + tar_member("a.jpg", "A") + tar_end),
        ElementsAre("t.tar//symbolic ! unreadable: a symbolic link:" + what + " under this name",
                    "t.tar//hard ! unreadable: a hard link: its content stands in the archive under another name",
                    "t.tar//device ! unreadable: a device:" + what, "t.tar//fifo ! unreadable: a FIFO:" + what,
                    "t.tar//a.jpg = A"));
}

TEST(Tar, HolesAreZeros) {
    const std::string content(512, 'x');
    EXPECT_THAT(members(sparse_member("s", 3000, 1024, content) + tar_member("a", "A") + tar_end),
                ElementsAre("t.tar//s = " + std::string(1024, '\0') + content + std::string(3000 - 1536, '\0'),
                            "t.tar//a = A"));
}

TEST(Tar, AMemberOfMoreThanTheLimitIsTooLarge) {
    const ScanOptions limit{nullptr, 1000};
    EXPECT_THAT(members(tar_member("a", std::string(1001, 'x')) + sparse_member("s", 1 << 30, 0, "x") +
                            tar_member("b", std::string(1000, 'y')) + tar_end,
                        limit),
                ElementsAre("t.tar//a ! too-large: 1001 bytes, expected at most 1000",
                            "t.tar//s ! too-large: 1073741824 bytes, expected at most 1000",
                            "t.tar//b = " + std::string(1000, 'y')));
}

TEST(Tar, ArchivesOneAfterTheOtherAreOne) {
    EXPECT_THAT(members(tar_member("a", "A") + tar_end + tar_member("b", "B") + tar_end),
                ElementsAre("t.tar//a = A", "t.tar//b = B"));
}

TEST(Tar, CutAnywhereGivesTheWholeMembersAndOneFailure) {
    const std::string ten(10, 'x');
    const std::string archive = tar_member("a", ten) + tar_member("b", ten) + tar_link("c", '2', "a");
    const auto failure_after = [](int count) {
        return "t.tar ! truncated: the archive ends early, after " + std::to_string(count) + " of its members";
    };
    for (std::size_t length = 512; length <= archive.size(); ++length) {
        std::vector<std::string> expected;
        if (length >= 512 + 10) expected.push_back("t.tar//a = " + ten);
        if (length >= 1024 + 512 + 10) expected.push_back("t.tar//b = " + ten);
        if (length >= 2048 + 512) expected.push_back("t.tar//c ! unreadable");
        auto found = members(archive.substr(0, length));
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found.back(), failure_after(static_cast<int>(expected.size()))) << length;
        found.pop_back();
        ASSERT_EQ(found.size(), expected.size()) << length;
        for (std::size_t i = 0; i < found.size(); ++i) EXPECT_THAT(found[i], ::testing::StartsWith(expected[i]));
    }
    EXPECT_EQ(members(archive + tar_end).size(), 3u);
}

TEST(Tar, ZerosInAMemberAreNotTheEndOfTheArchive) {
    const std::string zeros(2000, '\0');
    for (const std::string& last :
         {tar_member("a", zeros), tar_member(".hidden", zeros), sparse_member("s", 5000, 0, zeros)}) {
        const auto found = members(tar_member("b", zeros) + last);
        EXPECT_THAT(found.back(), ::testing::StartsWith("t.tar ! truncated: the archive ends early, after "));
        EXPECT_THAT(members(tar_member("b", zeros) + last + tar_end), ::testing::SizeIs(found.size() - 1));
    }
}

TEST(Tar, DamagedGivesTheMembersBeforeAndOneFailure) {
    std::string header = tar_header({"b", 3});
    header[0] = 'B'; // the checksum is that of another name
    EXPECT_THAT(members(tar_member("a", "A") + header + padded("bbb") + tar_member("c", "C") + tar_end),
                ElementsAre("t.tar//a = A",
                            "t.tar ! corrupt: the archive is damaged (Damaged tar archive), after 1 of its members"));
    EXPECT_THAT(members(std::string(2000, 'x')),
                ElementsAre("t.tar ! corrupt: the archive is damaged (Unrecognized archive format), after 0 of its "
                            "members"));
}

TEST(Tar, OfNothingEndsEarly) {
    EXPECT_THAT(members(""), ElementsAre("t.tar ! truncated: the archive ends early, after 0 of its members"));
}

TEST(Tar, AReadErrorIsToldAfterTheMembersBefore) {
    const auto source = scan_tar(in_memory(tar_member("a", "A"), "cannot read: Input/output error"), "t.tar");
    EXPECT_THAT(
        all_of(*source),
        ElementsAre("t.tar//a = A", "t.tar ! unreadable: cannot read: Input/output error, after 1 of its members"));
}

TEST(Tar, SkippingPassesOverWhatNextWouldGive) {
    const std::string sound = tar_member("a", std::string(100'000, 'x')) + tar_member(".hidden", "") +
                              tar_link("b", '2', "a") + tar_member("c", "C");
    const std::string cut = sound + tar_member("d", std::string(100'000, 'x')).substr(0, 50'000);
    const std::string cut_behind_its_content = sound + tar_member("d", "D").substr(0, 512 + 1);
    for (const std::string& archive : {sound + tar_end, sound, cut, cut_behind_its_content}) {
        std::vector<std::string> given;
        const auto source = scan_tar(in_memory(archive), "t.tar");
        while (auto input = source->next()) given.push_back(input->path);
        EXPECT_EQ(skipped(archive), given);
    }
    EXPECT_THAT(skipped(cut), ElementsAre("t.tar//a", "t.tar//b", "t.tar//c", "t.tar"));
}

TEST(Tar, StoppedWhileItWaitsForAPipeGivesNoHalfMember) {
    const Pipe pipe;
    const auto source = scan_tar(open_any_file(pipe.reader_name()), "-");
    pipe.write(tar_member("a", "A") + tar_member("b", std::string(1000, 'x')).substr(0, 700));
    EXPECT_EQ(told(*source->next()), "-//a = A");
    std::jthread another([&source] { source->stop(); });
    EXPECT_FALSE(source->next());
    EXPECT_FALSE(source->next());
}

} // namespace
} // namespace openset::flow
