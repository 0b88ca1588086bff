#include "io/checked_json.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace openset::io {
namespace {

/// The message of the problems that reading the text and then the checks find; empty where there are none.
std::string problems_of(std::string_view text, const std::function<void(const CheckedValue&)>& check = {}) {
    JsonProblems problems("f.json");
    const auto document = parse_json(text, problems);
    if (document && check) check(CheckedValue(*document, "", problems));
    try {
        problems.throw_if_any(ErrorKind::usage);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        return error.what();
    }
    return "";
}

TEST(CheckedJson, CommentsAreSkipped) { EXPECT_EQ(problems_of("// one\n{\"a\": /* two\n lines */ 1} // three"), ""); }

TEST(CheckedJson, AByteOrderMarkIsSkipped) { EXPECT_EQ(problems_of("\xEF\xBB\xBF{}"), ""); }

TEST(CheckedJson, ASyntaxErrorSaysLineAndColumn) {
    EXPECT_EQ(problems_of("{\n  \"a\": 1,\n}"), "f.json: line 3, column 1: unexpected '}'; expected string literal");
    EXPECT_EQ(problems_of(R"({"a" 1})"), "f.json: line 1, column 6: unexpected number literal; expected ':'");
    EXPECT_EQ(problems_of("[1, 2"), "f.json: line 1, column 6: unexpected end of input; expected ']'");
    EXPECT_EQ(problems_of(""), "f.json: line 1, column 1: unexpected end of input; expected '[', '{', or a literal");
    EXPECT_EQ(problems_of("{} {}"), "f.json: line 1, column 4: unexpected '{'; expected end of input");
}

TEST(CheckedJson, ColumnsAreCountedInCharacters) {
    EXPECT_EQ(problems_of("[\"\xC3\xA4\xC3\xB6\" 1]"),
              "f.json: line 1, column 7: unexpected number literal; expected ']'");
}

TEST(CheckedJson, NotANumberIsNotJson) {
    for (const std::string text : {"NaN", "Infinity", "-Infinity", "nan"}) {
        const std::string message = problems_of("{\"a\": " + text + "}");
        EXPECT_TRUE(message.starts_with("f.json: line 1, column ")) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
}

TEST(CheckedJson, ANumberBeyondDoubleIsAProblem) {
    EXPECT_EQ(problems_of("[1e999]"), "f.json: line 1, column 6: number overflow parsing '1e999'");
}

TEST(CheckedJson, BytesThatAreNotUtf8StayOutOfMessages) {
    const std::string message = problems_of("{\"a\xFF\": 1}");
    EXPECT_TRUE(message.starts_with("f.json: line 1, column 4: found a malformed string: ill-formed UTF-8 byte")) << message;
    EXPECT_EQ(message.find('\xFF'), std::string::npos);
}

TEST(CheckedJson, AKeyGivenTwiceIsAProblemWhereverItStands) {
    EXPECT_EQ(problems_of(R"({"a": 1, "b": [0, {"c/d": 1, "c/d": 2}], "a": 3})"),
              "f.json: /b/1/c~1d: the key occurs twice in its object; keep one\n"
              "f.json: /a: the key occurs twice in its object; keep one");
    EXPECT_EQ(problems_of(R"([{"a": 1}, {"a": 1}])"), "");
}

TEST(CheckedJson, SixtyFourLevelsAreReadAndNoMore) {
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    EXPECT_EQ(problems_of(nested(64)), "");
    EXPECT_EQ(problems_of(nested(65)), "f.json: nested too deeply; expected at most 64 levels");
    EXPECT_EQ(problems_of(nested(2'000'000)), "f.json: nested too deeply; expected at most 64 levels");
    EXPECT_EQ(problems_of(std::string(1'000'000, '[')), "f.json: nested too deeply; expected at most 64 levels");
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
    EXPECT_EQ(problems_of(objects), "f.json: nested too deeply; expected at most 64 levels");
}

TEST(CheckedJson, EveryKindOfValueIsNamedWhereAnotherWasExpected) {
    const std::pair<const char*, const char*> cases[] = {
        {"null", "f.json: found null, expected a whole number, 1 to 9"},
        {"true", "f.json: found true, expected a whole number, 1 to 9"},
        {"0", "f.json: found 0, expected a whole number, 1 to 9"},
        {"10", "f.json: found 10, expected a whole number, 1 to 9"},
        {"-3", "f.json: found -3, expected a whole number, 1 to 9"},
        {"2.5", "f.json: found 2.5, expected a whole number, 1 to 9"},
        {"1e300", "f.json: found 1e+300, expected a whole number, 1 to 9"},
        {"18446744073709551617", "f.json: found 1.8446744073709552e+19, expected a whole number, 1 to 9"},
        {"\"5\"", "f.json: found \"5\", expected a whole number, 1 to 9"},
        {"[]", "f.json: found an empty array, expected a whole number, 1 to 9"},
        {"[5]", "f.json: found an array of 1, expected a whole number, 1 to 9"},
        {"{}", "f.json: found an empty object, expected a whole number, 1 to 9"},
        {"{\"a\": 1}", "f.json: found an object, expected a whole number, 1 to 9"},
        {"5", ""},
        {"5.0", ""},
        {"50e-1", ""},
    };
    for (const auto& [text, message] : cases) {
        EXPECT_EQ(problems_of(text, [](const CheckedValue& value) { value.integer(1, 9); }), message) << text;
    }
}

TEST(CheckedJson, NumbersIncludeTheirBounds) {
    const auto read = [](std::string_view text) {
        return problems_of(text, [](const CheckedValue& value) { value.number(0, 1); });
    };
    EXPECT_EQ(read("0"), "");
    EXPECT_EQ(read("1.0"), "");
    EXPECT_EQ(read("0.95"), "");
    EXPECT_EQ(read("1.0000001"), "f.json: found 1.0000001, expected a number from 0 to 1");
    EXPECT_EQ(read("-1e-300"), "f.json: found -1e-300, expected a number from 0 to 1");
}

TEST(CheckedJson, AStringMustNotBeEmpty) {
    const auto read = [](std::string_view text) {
        return problems_of(text, [](const CheckedValue& value) { value.text(); });
    };
    EXPECT_EQ(read("\"a\""), "");
    EXPECT_EQ(read("\"\""), "f.json: found \"\", expected a string that is not empty");
}

TEST(CheckedJson, AnArrayHasAsManyEntriesAsAskedFor) {
    const auto read = [](std::string_view text) {
        return problems_of(text, [](const CheckedValue& value) { value.array("[height, width]", 2, 2); });
    };
    EXPECT_EQ(read("[1, 2]"), "");
    EXPECT_EQ(read("[1]"), "f.json: found an array of 1, expected [height, width]");
    EXPECT_EQ(read("[]"), "f.json: found an empty array, expected [height, width]");
    EXPECT_EQ(read("{\"0\": 1, \"1\": 2}"), "f.json: found an object, expected [height, width]");
}

TEST(CheckedJson, AMissSpeltChoiceGetsAQuestion) {
    const auto read = [](std::string_view text) {
        return problems_of(text, [](const CheckedValue& value) { value.one_of({"top-k", "mass"}); });
    };
    EXPECT_EQ(read("\"mass\""), "");
    EXPECT_EQ(read("\"topk\""), R"(f.json: found "topk", expected one of "top-k", "mass"; did you mean "top-k"?)");
    EXPECT_EQ(read("\"best\""), R"(f.json: found "best", expected one of "top-k", "mass")");
    EXPECT_EQ(read("7"), R"(f.json: found 7, expected one of "top-k", "mass")");
}

TEST(CheckedJson, AllProblemsOfAnObjectAreFoundAtOnce) {
    const std::string message = problems_of(R"({"acept": 1, "a~b/c": 2, "k": "five"})", [](const CheckedValue& value) {
        auto object = value.object();
        ASSERT_TRUE(object);
        object->required("accept", "the labels that pass");
        object->optional("k")->integer(1, 9);
        EXPECT_FALSE(object->optional("rule"));
        object->refuse_other_keys();
    });
    EXPECT_EQ(message, "f.json: no \"accept\", expected the labels that pass\n"
                       "f.json: /k: found \"five\", expected a whole number, 1 to 9\n"
                       "f.json: /acept: unknown key; did you mean \"accept\"?\n"
                       "f.json: /a~0b~1c: unknown key, expected one of accept, k, rule");
}

TEST(CheckedJson, LongAndStrangeTextIsCutToOneLine) {
    EXPECT_EQ(in_quotes("a\nb\tc\"d"), R"("a\nb\tc\"d")");
    EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(80, 'x') + "...\"");
    // The cut must not fall into the middle of a character.
    EXPECT_EQ(in_quotes(std::string(79, 'x') + "\xC3\xA4\xC3\xA4"), "\"" + std::string(79, 'x') + "...\"");
    EXPECT_EQ(in_quotes("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
}

TEST(CheckedJson, AKeyWithLineBreaksDoesNotBreakTheLine) {
    EXPECT_EQ(problems_of("{\"a\\nb\": 1}", [](const CheckedValue& value) { value.object()->refuse_other_keys(); }),
              "f.json: /a\\nb: unknown key, expected one of ");
}

TEST(CheckedJson, DamagedTextNeverCrashesAndAlwaysGivesOneLineAProblem) {
    const std::string whole =
        R"({"openset": 1, "gate": {"accept": ["281-284", 3], "k": 5e0}, "x": [null, true, "\u00e4"]} // end)";
    std::mt19937 random(7);
    int refused = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = whole.substr(0, round < 200 ? static_cast<std::size_t>(round) : whole.size());
        for (int i = 0; i < 1 + round % 3 && !text.empty(); ++i) {
            text[random() % text.size()] = static_cast<char>(random() % 256);
        }
        const std::string message = problems_of(text);
        if (message.empty()) continue;
        ++refused;
        ASSERT_TRUE(message.starts_with("f.json: ")) << message;
        ASSERT_NO_THROW(Json(message).dump()) << "not UTF-8";
        for (const char c : message) ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << message;
    }
    EXPECT_GT(refused, 10'000);
}

} // namespace
} // namespace openset::io
