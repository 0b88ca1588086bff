#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "openset/base/error.hpp"

using namespace openset::cli;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace {

/// A command with an option of every kind.
class Definition : public testing::Test {
protected:
    Definition() {
        CLI::App& app = command_.app();
        app.add_option("-o,--output", text_, "where rows go")->type_name("FILE");
        app.add_option("--into", text_, "folder for copies")->type_name("DIR");
        app.add_option("--labels", names_, "for a stage")
            ->type_name("[STAGE=]FILE")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->group(more_options);
        app.add_option("--rule", text_, "one, two or it's [three]: words")
            ->type_name("RULE")
            ->check(one_of({"one", "two", "three"}));
        app.add_option("--count", number_, "how many")->type_name("N")->check(whole_number(1, 9));
        app.add_flag("--dry-run", flag_, ".only look \\ then stop");
        app.add_flag("--elsewhere", flag_, "in a group of its own")->group("Another group");
        app.add_option("--secret", text_, "hidden")->group("");
        add_names(app, "PATH", names_, "pictures");
    }

    CommandDefinition definition() { return define(command_.app(), {}); }

    Flag flag(const std::string& name) {
        for (const Flag& each : definition().flags)
            if (std::ranges::find(each.names, name) != each.names.end()) return each;
        ADD_FAILURE() << "no flag " << name;
        return {};
    }

    /// Everything that is made for people and shells.
    std::vector<std::string> texts() {
        const auto made = definition();
        return {help_text(made, true), man_page(made), completion(Shell::bash, made), completion(Shell::zsh, made),
                completion(Shell::fish, made)};
    }

    Command command_{"openset try", "Tries all kinds of options.", {}};
    std::string text_;
    std::vector<std::string> names_;
    int number_ = 0;
    bool flag_ = false;
};

TEST_F(Definition, HoldsEveryOptionOfTheAppButHiddenOnes) {
    std::size_t shown = 0;
    for (const CLI::Option* option : command_.app().get_options()) shown += option->get_group().empty() ? 0 : 1;
    EXPECT_EQ(definition().flags.size() + definition().arguments.size(), shown);
    for (const Flag& each : definition().flags) EXPECT_THAT(each.names, Not(testing::Contains("--secret")));
}

TEST_F(Definition, TakesTheKindOfAValueFromItsName) {
    EXPECT_EQ(flag("--output").value.kind, ValueKind::file);
    EXPECT_EQ(flag("--labels").value.kind, ValueKind::file);
    EXPECT_EQ(flag("--into").value.kind, ValueKind::folder);
    EXPECT_EQ(flag("--count").value.kind, ValueKind::text);
    EXPECT_EQ(flag("--dry-run").value.name, "");
    EXPECT_EQ(definition().arguments.at(0).value.kind, ValueKind::file);
    EXPECT_TRUE(definition().arguments.at(0).many);
}

TEST_F(Definition, TakesWordsFromOneOf) {
    EXPECT_EQ(flag("--rule").value.kind, ValueKind::words);
    EXPECT_THAT(flag("--rule").value.words, ElementsAre("one", "two", "three"));
    EXPECT_THAT(flag("--count").value.words, IsEmpty());
}

TEST_F(Definition, SaysWhichFlagsMayComeTwice) {
    EXPECT_TRUE(flag("--labels").repeatable);
    EXPECT_TRUE(flag("--verbose").repeatable);
    EXPECT_FALSE(flag("--output").repeatable);
}

TEST_F(Definition, OptionsOfAnyGroupReachEveryText) {
    for (const std::string& text : texts()) {
        for (const char* name : {"output", "labels", "elsewhere"}) EXPECT_THAT(text, HasSubstr(name));
        EXPECT_THAT(text, Not(HasSubstr("secret")));
    }
    EXPECT_THAT(help_text(definition(), false), HasSubstr("--elsewhere"));
    EXPECT_THAT(help_text(definition(), false), Not(HasSubstr("--labels")));
}

TEST_F(Definition, DescriptionsAreQuotedAsEachReaderWants) {
    EXPECT_THAT(man_page(definition()), HasSubstr("\n\\&.only look \\e then stop\n"));
    EXPECT_THAT(completion(Shell::zsh, definition()),
                HasSubstr("[one, two or it'\\''s \\[three\\]: words]:RULE:(one two three)'"));
    EXPECT_THAT(completion(Shell::fish, definition()), HasSubstr("-d 'one, two or it\\'s [three]: words'"));
}

TEST_F(Definition, AnUnknownWordToGenerateIsRefused) { EXPECT_THROW(generate("tcsh", definition()), openset::Error); }

} // namespace
