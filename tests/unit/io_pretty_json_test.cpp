#include "openset/io/pretty_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace openset::io {
namespace {

using Json = nlohmann::ordered_json;

TEST(PrettyJson, ObjectsAreIndentedAndPlainArraysAreOneLine) {
    const Json json = {{"name", "cats"}, {"shape", {2, 3}}, {"model", {{"sha256", ""}}}};
    EXPECT_EQ(pretty(json), "{\n"
                            "  \"name\": \"cats\",\n"
                            "  \"shape\": [2, 3],\n"
                            "  \"model\": {\n"
                            "    \"sha256\": \"\"\n"
                            "  }\n"
                            "}\n");
}

TEST(PrettyJson, ArraysOfObjectsAreIndented) {
    EXPECT_EQ(pretty(Json::array({Json{{"a", 1}}, Json{{"a", {1, 2}}}})), "[\n"
                                                                          "  {\n"
                                                                          "    \"a\": 1\n"
                                                                          "  },\n"
                                                                          "  {\n"
                                                                          "    \"a\": [1, 2]\n"
                                                                          "  }\n"
                                                                          "]\n");
}

TEST(PrettyJson, WhatIsEmptyIsShort) {
    EXPECT_EQ(pretty(Json{{"a", Json::array()}, {"b", Json::object()}, {"c", nullptr}}),
              "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": null\n}\n");
}

TEST(PrettyJson, ReadsBackEqual) {
    const Json json = {{"quote\" and \\ in a key", {0.1, 1e-300, -0.0, 9007199254740993}},
                       {"nested", {{{"x", {{"y", {true, nullptr, "é\n"}}}}}}}};
    EXPECT_EQ(Json::parse(pretty(json)), json);
}

TEST(PrettyJson, BytesThatAreNotUtf8AreReplaced) { EXPECT_EQ(pretty(Json("caf\xe9")), "\"caf\xef\xbf\xbd\"\n"); }

} // namespace
} // namespace openset::io
