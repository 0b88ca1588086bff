#include "openset/base/spelling.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace openset {
namespace {

const std::vector<std::string> words{"tabby", "tiger_cat", "Siamese_cat", "model", "mode"};

TEST(Spelling, AnExactWordIsItsOwnClosest) { EXPECT_EQ(closest_spelling("tabby", words), "tabby"); }

TEST(Spelling, OneSwapOneGapOrOneExtraLetterIsClose) {
    EXPECT_EQ(closest_spelling("tabyb", words), "tabby");
    EXPECT_EQ(closest_spelling("taby", words), "tabby");
    EXPECT_EQ(closest_spelling("tabbyy", words), "tabby");
}

TEST(Spelling, CaseIsIgnored) { EXPECT_EQ(closest_spelling("SIAMESE_CAT", words), "Siamese_cat"); }

TEST(Spelling, AThirdOfTheWordMayDifferAndNoMore) {
    EXPECT_EQ(closest_spelling("tigerrrcat", words), "tiger_cat");
    EXPECT_EQ(closest_spelling("liger_bat", words), "tiger_cat");
    EXPECT_EQ(closest_spelling("hippopotamus", words), std::nullopt);
    EXPECT_EQ(closest_spelling("tubbies", words), std::nullopt);
}

TEST(Spelling, AShortWordMayDifferByOneLetter) {
    EXPECT_EQ(closest_spelling("k", std::vector<std::string>{"a"}), "a");
    EXPECT_EQ(closest_spelling("kk", std::vector<std::string>{"aa"}), std::nullopt);
}

TEST(Spelling, TheBeginningOfAWordIsMeantUnlessAnotherIsOneEditAway) {
    EXPECT_EQ(closest_spelling("siam", words), "Siamese_cat");
    EXPECT_EQ(closest_spelling("mod", words), "mode");
    EXPECT_EQ(closest_spelling("--clo", std::vector<std::string>{"--close", "--closed-set"}), "--close");
    EXPECT_EQ(closest_spelling("si", words), std::nullopt) << "two letters are too few";
}

TEST(Spelling, AFewWordsWithTheSameBeginningAreAllNamed) {
    const std::vector<std::string> flags{"--gate-rule", "--gate-top-k", "--gate-min-mass", "--top"};
    EXPECT_EQ(did_you_mean("--gate", flags), "; did you mean \"--gate-rule\", \"--gate-top-k\" or \"--gate-min-mass\"?");
    const std::vector<std::string> many{"cat_1", "cat_2", "cat_3", "cat_4"};
    EXPECT_EQ(did_you_mean("cat", many), "");
}

TEST(Spelling, TiesGoToTheFirst) {
    EXPECT_EQ(closest_spelling("bat", std::vector<std::string>{"cat", "rat"}), "cat");
    EXPECT_EQ(closest_spelling("modell", words), "model");
}

TEST(Spelling, NothingIsCloseToNothing) {
    EXPECT_EQ(closest_spelling("tabby", {}), std::nullopt);
    EXPECT_EQ(closest_spelling("", words), std::nullopt);
}

TEST(Spelling, TheQuestionIsReadyForAMessage) {
    EXPECT_EQ(did_you_mean("tabyb", words), "; did you mean \"tabby\"?");
    EXPECT_EQ(did_you_mean("hippopotamus", words), "");
}

} // namespace
} // namespace openset
