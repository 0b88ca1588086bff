#include <gtest/gtest.h>

#include <limits>

#include "error_of.hpp"
#include "openset/io/operating_point.hpp"
#include "temporary_folder.hpp"

namespace openset::io {
namespace {

OperatingPoint some_point() {
    OperatingPoint point;
    point.method = "openmax";
    point.threshold = 1.546600721372625;
    point.rule = "tpr=0.95";
    point.fitted_sha256 = std::string(64, 'a');
    point.calibrated_on = R"({"known":{"rows":400}})";
    point.measured = R"({"known_rows":400})";
    return point;
}

TEST(OperatingPoint, ComesBackAsItWasWritten) {
    const OperatingPoint point = parse_operating_point(to_json(some_point()), "p.json");
    EXPECT_EQ(point.method, "openmax");
    EXPECT_EQ(point.stage, "unknown");
    EXPECT_EQ(point.threshold, 1.546600721372625);
    EXPECT_EQ(point.rule, "tpr=0.95");
    EXPECT_EQ(point.fitted_sha256, std::string(64, 'a'));
    EXPECT_EQ(point.calibrated_on, R"({"known":{"rows":400}})");
    EXPECT_EQ(to_json(point), to_json(some_point()));
}

TEST(OperatingPoint, MayHaveAThresholdForALabel) {
    OperatingPoint point = some_point();
    point.threshold_by_label = {{"Bombay", 0.9}};
    const OperatingPoint read = parse_operating_point(to_json(point), "p.json");
    EXPECT_EQ(read.threshold_for("Bombay"), 0.9);
    EXPECT_EQ(read.threshold_for("Sphynx"), point.threshold);
}

TEST(OperatingPoint, MayRejectNothing) {
    OperatingPoint point = some_point();
    point.threshold = std::numeric_limits<double>::infinity();
    point.threshold_by_label = {{"Bombay", -std::numeric_limits<double>::infinity()}};
    const OperatingPoint read = parse_operating_point(to_json(point), "p.json");
    EXPECT_EQ(read.threshold, point.threshold);
    EXPECT_EQ(read.threshold_for("Bombay"), -point.threshold);
}

TEST(OperatingPoint, OfAMethodWithoutAFitHasNoHash) {
    OperatingPoint point = some_point();
    point.fitted_sha256.clear();
    EXPECT_NE(to_json(point).find("\"fitted_sha256\": null"), std::string::npos);
    EXPECT_EQ(parse_operating_point(to_json(point), "p.json").fitted_sha256, "");
}

TEST(OperatingPoint, SaysEverythingThatIsWrongWithAFile) {
    EXPECT_EQ(error_of([] {
                  parse_operating_point(
                      R"({"format": "openset-operating-point/1", "method": "msp", "stage": "gates", "threshold": "big",
                          "rul": "youden"})",
                      "p.json");
              }),
              "corrupt: p.json: /stage: found \"gates\", expected one of \"gate\", \"species\", \"unknown\"; did you "
              "mean \"gate\"?\n"
              "p.json: /threshold: found \"big\", expected a number, \"inf\" or \"-inf\"\n"
              "p.json: no \"rule\", expected the rule that chose the threshold\n"
              "p.json: /rul: unknown key; did you mean \"rule\"?");
}

TEST(OperatingPoint, AThresholdByLabelNeedsOneForTheRest) {
    EXPECT_NE(error_of([] {
                  parse_operating_point(R"({"format": "openset-operating-point/1", "method": "msp", "stage": "unknown",
                                            "threshold": {"a": 1}, "rule": "youden"})",
                                        "p.json");
              }).find("/threshold: no \"*\", expected the threshold of all other labels"),
              std::string::npos);
}

TEST(OperatingPoint, AFileThatIsNotThereGetsADidYouMean) {
    const TemporaryFolder folder;
    write_text(folder / "point.json", to_json(some_point()));
    EXPECT_EQ(read_operating_point(folder / "point.json").method, "openmax");
    EXPECT_NE(error_of([&] { read_operating_point(folder / "pint.json"); }).find("point.json\"?"), std::string::npos);
}

} // namespace
} // namespace openset::io
