#include "openset/detect/openmax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "error_of.hpp"
#include "io/checked_json.hpp"
#include "memory_rows.hpp"
#include "openset/stats/activation.hpp"

namespace openset::detect {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct World {
    std::size_t classes = 4;
    std::size_t rows_a_class = 30;
    double separation = 6, noise = 1, shift = 0;
    std::size_t latents = 0;
    double latent_size = 1;
};

/// Rows around a corner for each class, class after class.
MemoryRows made_rows(const World& world, unsigned seed) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal;
    MemoryRows rows;
    for (std::size_t label = 0; label < world.classes; ++label) {
        for (std::size_t i = 0; i < world.rows_a_class; ++i) {
            rows.labels.push_back(static_cast<std::int64_t>(label));
            for (std::size_t j = 0; j < world.classes; ++j) {
                const double centre = world.shift + (j == label ? world.separation : 0);
                rows.logits.push_back(static_cast<float>(centre + world.noise * normal(engine)));
            }
            for (std::size_t j = 0; j < world.latents; ++j) {
                rows.extras["latents"].push_back(static_cast<float>(world.latent_size * normal(engine)));
            }
        }
    }
    return rows;
}

/// Without a class: around the middle of two corners.
MemoryRows unknown_rows(const World& world, std::size_t count, unsigned seed) {
    MemoryRows rows = made_rows(world, seed);
    rows.labels.assign(count, -1);
    rows.logits.resize(count * world.classes);
    for (float& logit : rows.logits) logit *= 0.5F;
    if (world.latents > 0) rows.extras["latents"].resize(count * world.latents);
    return rows;
}

OpenMaxParams with(const std::vector<std::pair<std::string, std::string>>& options) {
    OpenMaxParams params;
    for (const auto& [name, value] : options) set_option(params, name, value);
    return params;
}

std::vector<double> scores_of(const Detector& detector, const io::Activations& activations) {
    std::vector<double> scores(static_cast<std::size_t>(activations.rows));
    detector.score(activations, scores);
    return scores;
}

/// Every combination of what changes a score.
std::vector<OpenMaxParams> many_params() {
    std::vector<OpenMaxParams> all;
    for (const char* distance : {"euclidean", "squared-euclidean", "cosine", "eucos"}) {
        for (const char* weights : {"osdn", "paper", "uniform"}) {
            for (const char* fix : {"none", "shift", "clamp", "abs", "probability"}) {
                for (const char* family : {"weibull-min", "weibull-max"}) {
                    for (const char* alpha : {"1", "3", "all"}) {
                        all.push_back(with({{"distance", distance},
                                            {"alpha-weights", weights},
                                            {"negative-logits", fix},
                                            {"tail-family", family},
                                            {"alpha", alpha}}));
                    }
                }
            }
        }
    }
    for (const OpenMaxPreset& preset : openmax_presets()) {
        if (preset.name != "crosr") all.push_back(preset.params);
    }
    return all;
}

// ---- scores

TEST(OpenMax, TheScoreIsTheLogOddsOfUnknown) {
    const World world;
    const MemoryRows train = made_rows(world, 1), test = unknown_rows(world, 20, 2);
    for (const OpenMaxParams& params : many_params()) {
        if (params.decision == Decision::notebook) continue;
        const OpenMax openmax = OpenMax::fit(train.training(), params);
        for (std::int64_t i = 0; i < 20; ++i) {
            const Revision revision = openmax.revise(test.activations(), i);
            EXPECT_NEAR(stats::sigmoid(revision.score), revision.p_unknown, 1e-12);
            double sum = revision.p_unknown;
            for (const double probability : revision.probabilities) sum += probability;
            EXPECT_NEAR(sum, 1, 1e-12);
        }
    }
}

TEST(OpenMax, ARowScoresTheSameWhateverRowsStandBesideIt) {
    const World world;
    const OpenMax openmax = OpenMax::fit(made_rows(world, 1).training(), OpenMaxParams());
    const MemoryRows test = unknown_rows(world, 40, 3);
    const std::vector<double> together = scores_of(openmax, test.activations());
    MemoryRows reversed = test;
    for (std::size_t i = 0; i < 40; ++i) {
        std::copy_n(test.logits.begin() + static_cast<std::ptrdiff_t>(i * 4), 4,
                    reversed.logits.begin() + static_cast<std::ptrdiff_t>((39 - i) * 4));
    }
    const std::vector<double> backwards = scores_of(openmax, reversed.activations());
    for (std::size_t i = 0; i < 40; ++i) {
        io::Activations alone = test.activations();
        alone.rows = alone.logits.rows = 1;
        alone.logits.values += i * 4;
        EXPECT_EQ(scores_of(openmax, alone)[0], together[i]);
        EXPECT_EQ(backwards[39 - i], together[i]);
    }
}

TEST(OpenMax, ScoresOnlyWhatRevisionShows) {
    const World world{.classes = 12};
    const MemoryRows train = made_rows(world, 1), test = unknown_rows(world, 10, 2);
    for (const OpenMaxParams& params : many_params()) {
        const OpenMax openmax = OpenMax::fit(train.training(), params);
        const std::vector<double> scores = scores_of(openmax, test.activations());
        for (std::int64_t i = 0; i < 10; ++i) {
            EXPECT_EQ(scores[static_cast<std::size_t>(i)], openmax.revise(test.activations(), i).score);
        }
    }
}

TEST(OpenMax, AFarRowIsMoreUnknownThanANearOne) {
    const MemoryRows train = made_rows({}, 1);
    const OpenMax openmax = OpenMax::fit(train.training(), OpenMaxParams());
    double before = -infinity;
    for (const float step : {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 6.0F}) {
        MemoryRows row{.labels = {-1}, .logits = {6 + step, 0, 0, 0}, .features = {}, .extras = {}};
        const double score = scores_of(openmax, row.activations())[0];
        EXPECT_GE(score, before);
        before = score;
    }
}

TEST(OpenMax, WithProbabilitiesNoShiftOfAllLogitsMovesTheRevisionForGivenW) {
    // Cosine of the features: W-scores do not look at the logits.
    MemoryRows train = made_rows({}, 1);
    train.features = train.logits;
    const OpenMax openmax = OpenMax::fit(train.training(), with({{"space", "features"}}));
    const std::vector<float> features = {3, 2, 0, 0};
    const MemoryRows row{.labels = {-1}, .logits = {3, 2, 0, 0}, .features = features, .extras = {}};
    const MemoryRows moved{.labels = {-1}, .logits = {-61, -62, -64, -64}, .features = features, .extras = {}};
    EXPECT_NEAR(scores_of(openmax, row.activations())[0], scores_of(openmax, moved.activations())[0], 1e-12);
}

TEST(OpenMax, ScoresAreInfiniteWhereProbabilitiesAreExactlyZeroOrOne) {
    World world;
    MemoryRows train = made_rows(world, 1);
    train.labels.assign(train.labels.size(), 0);
    std::fill(train.logits.begin(), train.logits.end(), 0.0F);
    for (std::size_t i = 0; i < train.labels.size(); ++i) train.logits[i * 4] = 5; // one class, all rows alike
    const MemoryRows row{.labels = {-1}, .logits = {5, 0, 0, 0}, .features = {}, .extras = {}};
    const auto score = [&](const std::string& policy) {
        const OpenMax openmax =
            OpenMax::fit(train.training(), with({{"without-fit", policy}, {"alpha-weights", "uniform"}}));
        return scores_of(openmax, row.activations())[0];
    };
    EXPECT_EQ(score("zero"), -infinity);
    EXPECT_EQ(score("one"), infinity);
    EXPECT_TRUE(std::isfinite(score("step"))) << "class 0 keeps its part, classes without rows give theirs";
}

TEST(OpenMax, NothingIsNotANumber) {
    const MemoryRows train = made_rows({}, 1);
    const float huge = 3e38F, tiny = 1e-38F;
    const MemoryRows test{.labels = {-1, -1, -1, -1, -1},
                          .logits = {huge,  -huge, huge, 0,     0,    0,    0,    0,    -huge, -huge,
                                     -huge, -huge, tiny, -tiny, tiny, tiny, 1e4F, 1e4F, 1e4F,  1e4F},
                          .features = {},
                          .extras = {}};
    for (const OpenMaxParams& params : many_params()) {
        const OpenMax openmax = OpenMax::fit(train.training(), params);
        for (std::int64_t i = 0; i < 5; ++i) {
            const Revision revision = openmax.revise(test.activations(), i);
            EXPECT_FALSE(std::isnan(revision.score)) << to_json(params) << " row " << i;
            EXPECT_FALSE(std::isnan(revision.p_unknown)) << to_json(params) << " row " << i;
            for (const double p : revision.probabilities) EXPECT_FALSE(std::isnan(p)) << to_json(params);
            for (const double w : revision.w) EXPECT_TRUE(w >= 0 && w <= 1) << w << to_json(params);
        }
    }
}

TEST(OpenMax, WhereAllWAreZeroThePublishedRuleStillGivesUnknownItsPart) {
    const MemoryRows train = made_rows({}, 1);
    const OpenMax openmax = OpenMax::fit(train.training(), with({{"negative-logits", "none"}, {"translate", "0.001"}}));
    const auto mean = openmax.mean(0);
    MemoryRows row{.labels = {-1}, .logits = {mean.begin(), mean.end()}, .features = {}, .extras = {}};
    OpenMaxParams params = openmax.params();
    params.alpha = 1;
    const Revision revision = OpenMax::fit(train.training(), params).revise(row.activations(), 0);
    EXPECT_EQ(revision.unknown_logit, 0);
    double sum = 0;
    for (const float logit : row.logits) sum += std::exp(static_cast<double>(logit));
    EXPECT_NEAR(revision.p_unknown, 1 / (1 + sum), 1e-12);
}

TEST(OpenMax, TheArgMaxRuleRejectsWhereUnknownWinsOrTheBestIsBelowEpsilon) {
    Revision revision;
    revision.probabilities = {0.3, 0.6};
    revision.p_unknown = 0.1;
    revision.prediction = 1;
    EXPECT_FALSE(rejects_by_argmax(revision));
    EXPECT_FALSE(rejects_by_argmax(revision, 0.6));
    EXPECT_TRUE(rejects_by_argmax(revision, 0.61));
    revision.prediction = -1;
    EXPECT_TRUE(rejects_by_argmax(revision));
}

// ---- spaces

TEST(OpenMax, DistancesAreTakenInTheSpaceThatIsAskedFor) {
    const World world{.latents = 3};
    MemoryRows train = made_rows(world, 1);
    train.features = train.extras["latents"];
    EXPECT_EQ(OpenMax::fit(train.training(), with({{"space", "logits"}})).mean(0).size(), 4U);
    EXPECT_EQ(OpenMax::fit(train.training(), with({{"space", "features"}})).mean(0).size(), 3U);
    const OpenMax both = OpenMax::fit(train.training(), with({{"space", "logits+latents"}}));
    EXPECT_EQ(both.mean(0).size(), 7U);
    EXPECT_EQ(both.needs().extra, "latents");
    EXPECT_EQ(both.needs().extra_columns, 3);
    EXPECT_EQ(OpenMax::fit(train.training(), with({{"space", "logits+features"}})).needs().features, 3);
}

TEST(OpenMax, ASpaceThatTheStoreDoesNotHaveIsRefusedWithThoseItHas) {
    const World world{.latents = 3};
    const MemoryRows train = made_rows(world, 1);
    const auto error = [&train](const std::string& space) {
        return error_of([&] { OpenMax::fit(train.training(), with({{"space", space}})); });
    };
    EXPECT_THAT(error("features"), HasSubstr("no tensor \"features\" beside the logits, expected latents"));
    EXPECT_THAT(error("logits+latent"), HasSubstr("did you mean \"latents\"?"));
    EXPECT_THAT(error_of([] {
                    OpenMax::fit(made_rows({}, 1).training(), with({{"space", "features"}}));
                }),
                HasSubstr("expected --space logits"));
}

// ---- what cannot be fitted

TEST(OpenMax, RowsThatAreNoTrainingRowsAreRefused) {
    MemoryRows unlabelled = made_rows({}, 1);
    unlabelled.labels.assign(unlabelled.labels.size(), -1);
    EXPECT_THAT(error_of([&] { OpenMax::fit(unlabelled.training(), {}); }),
                HasSubstr("usage: training rows: no row has a label"));

    MemoryRows wrong = made_rows({}, 1);
    for (std::int64_t& label : wrong.labels) label = (label + 1) % 4;
    EXPECT_THAT(error_of([&] { OpenMax::fit(wrong.training(), {}); }), HasSubstr("none of 120 labelled rows"));
    EXPECT_EQ(error_of([&] { OpenMax::fit(wrong.training(), with({{"fit-rows", "all"}})); }), "none");

    MemoryRows beyond = made_rows({}, 1);
    beyond.labels[7] = 4;
    EXPECT_THAT(error_of([&] { OpenMax::fit(beyond.training(), {}); }),
                HasSubstr("row 7 has label 4, expected -1 to 3"));
}

TEST(OpenMax, ARowThatIsNotFiniteIsNamed) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        MemoryRows rows = made_rows({}, 1);
        rows.logits[4 * 17 + 2] = bad;
        EXPECT_THAT(error_of([&] { OpenMax::fit(rows.training(), {}); }),
                    HasSubstr("corrupt: training rows: row 17 has a NaN"));
    }
}

/// Class 1 has two rows, class 2 none.
MemoryRows rows_with_thin_classes() {
    MemoryRows rows = made_rows({}, 1);
    for (std::size_t i = 32; i < 90; ++i) rows.labels[i] = -1;
    return rows;
}

TEST(OpenMax, AClassWithoutAFitFollowsThePolicy) {
    const MemoryRows train = rows_with_thin_classes();
    const auto w = [&train](const std::string& policy, const std::vector<float>& logits) {
        const MemoryRows row{.labels = {-1}, .logits = logits, .features = {}, .extras = {}};
        return OpenMax::fit(train.training(), with({{"without-fit", policy}})).revise(row.activations(), 0).w;
    };
    const std::vector<float> near(train.logits.begin() + 4 * 30, train.logits.begin() + 4 * 31), far = {50, 50, 50, 50};
    EXPECT_EQ(w("step", near)[1], 0);
    EXPECT_EQ(w("step", far)[1], 1);
    EXPECT_EQ(w("step", near)[2], 1);
    EXPECT_EQ(w("zero", far)[1], 0);
    EXPECT_EQ(w("zero", far)[2], 0);
    EXPECT_EQ(w("one", near)[1], 1);
    EXPECT_THAT(error_of([&] { w("error", near); }),
                HasSubstr("class \"1\" has 2 rows to fit on and no fit (too_few), expected one for each class"));
    const MemoryRows row{.labels = {-1}, .logits = far, .features = {}, .extras = {}};
    EXPECT_FALSE(OpenMax::fit(train.training(), {}).revise(row.activations(), 0).distances[2].has_value());
}

// ---- tails

TEST(OpenMax, MemoryHoldsATailNotTheRows) {
    const MemoryRows train = made_rows({.rows_a_class = 200}, 1);
    const OpenMax large = OpenMax::fit(train.training(), with({{"tail-size", "5"}}));
    std::vector<double> distances;
    for (std::int64_t i = 0; i < 200; ++i) distances.push_back(*large.revise(train.activations(), i).distances[0]);
    std::vector<double> correct;
    for (std::size_t i = 0; i < 200; ++i) {
        if (std::ranges::max_element(train.activations().logits.row(static_cast<std::int64_t>(i))) ==
            train.activations().logits.row(static_cast<std::int64_t>(i)).begin()) {
            correct.push_back(distances[i]);
        }
    }
    std::vector<double> last(correct.end() - 5, correct.end());
    EXPECT_EQ(OpenMax::fit(train.training(), with({{"tail-size", "5"}, {"tail-rows", "last"}}))
                  .classes()[0]
                  .summary()
                  .smallest_tail,
              *std::ranges::min_element(last));
    std::ranges::sort(correct, std::greater<>());
    EXPECT_EQ(large.classes()[0].summary().largest_tail, correct[0]);
    EXPECT_EQ(large.classes()[0].summary().smallest_tail, correct[4]);
}

// ---- files

TEST(OpenMax, ScoresTheSameBitsAfterItWasWrittenAndRead) {
    const World world{.latents = 2};
    const MemoryRows train = made_rows(world, 1), test = unknown_rows(world, 50, 2);
    std::vector<OpenMaxParams> all = many_params();
    all.push_back(openmax_preset("crosr").params);
    for (const OpenMaxParams& params : all) {
        const OpenMax openmax = OpenMax::fit(train.training(), params);
        const OpenMax read = OpenMax::from(*openmax.fitted());
        EXPECT_EQ(read.method(), openmax.method());
        EXPECT_EQ(read.params(), params);
        EXPECT_EQ(read.warnings(), openmax.warnings());
        EXPECT_EQ(read.needs().extra_columns, openmax.needs().extra_columns);
        EXPECT_EQ(read.fitted()->state_json, openmax.fitted()->state_json);
        EXPECT_EQ(scores_of(read, test.activations()), scores_of(openmax, test.activations())) << to_json(params);
    }
}

TEST(OpenMax, TheFileTellsWhereItComesFrom) {
    const MemoryRows memory = made_rows({}, 1);
    TrainingRows rows = memory.training();
    rows.meta.model_name = "cats4";
    rows.meta.model_sha256 = "abc";
    rows.meta.labels = {"a", "b", "c", "d"};
    const io::FittedFile file = *OpenMax::fit(rows, {}).fitted();
    EXPECT_EQ(file.method, "openmax");
    EXPECT_EQ(file.model_name, "cats4");
    EXPECT_EQ(file.labels, rows.meta.labels);
    EXPECT_EQ(file.arrays.at("means").shape, (std::vector<std::int64_t>{4, 4}));
}

TEST(OpenMax, AFileThatDoesNotFitTogetherIsRefusedWithEverythingThatIsWrong) {
    const MemoryRows train = rows_with_thin_classes();
    const io::FittedFile sound = *OpenMax::fit(train.training(), {}).fitted();
    const auto error = [&sound](const auto& damage) {
        io::FittedFile file = sound;
        io::Json state = io::Json::parse(file.state_json);
        damage(file, state);
        file.state_json = state.dump();
        return error_of([&file] { OpenMax::from(file); });
    };
    EXPECT_EQ(error([](io::FittedFile&, io::Json&) {}), "none");
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.arrays.clear(); }),
                HasSubstr("/state/means: missing"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) {
                    file.arrays["means"].shape = {4, 5};
                }),
                HasSubstr("found an array [4, 5], expected one of 4 rows"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.arrays["means"].values.pop_back(); }),
                HasSubstr("/state/means"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.arrays["means"].values[3] = NAN; }),
                HasSubstr("found a NaN"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.labels.pop_back(); }), HasSubstr("/state/classes"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.labels.clear(); }), HasSubstr("/labels"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.method = "openmax-notebook"; }),
                HasSubstr("expected them to agree"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.params_json = "{}"; }), HasSubstr("/params"));
    EXPECT_THAT(error([](io::FittedFile& file, io::Json&) { file.params_json = "{"; }), HasSubstr("corrupt"));
    EXPECT_THAT(error([](io::FittedFile&, io::Json& state) {
                    state["classes"][0]["shape"] = -1;
                    state["classes"][1]["status"] = "okay";
                    state["classes"][2].erase("rows");
                    state["classes"][3]["extra"] = 1;
                }),
                AllOf(HasSubstr("/state/classes/0/shape"), HasSubstr("/state/classes/1/status"),
                      HasSubstr("/state/classes/2"), HasSubstr("/state/classes/3")));
    EXPECT_THAT(error([](io::FittedFile&, io::Json& state) { state["classes"][1]["status"] = "ok"; }),
                HasSubstr("/state/classes/1"));
    EXPECT_THAT(error([](io::FittedFile&, io::Json& state) { state["classes"][0]["rows"] = 0; }),
                HasSubstr("no fit where there are no rows"));
}

// ---- what a person should know

std::vector<std::string> warnings_of(const MemoryRows& rows, const OpenMaxParams& params) {
    return OpenMax::fit(rows.training(), params).warnings();
}

TEST(OpenMax, ACleanFitWarnsOfNothing) { EXPECT_THAT(warnings_of(made_rows({.classes = 10}, 1), {}), IsEmpty()); }

TEST(OpenMax, WarnsOfClassesWithFewPicturesByName) {
    MemoryRows rows = made_rows({}, 1);
    for (std::size_t i = 7; i < 30; ++i) rows.labels[i] = -1;
    TrainingRows training = rows.training();
    training.meta.labels = {"kestrel", "b", "c", "d"};
    EXPECT_THAT(OpenMax::fit(training, {}).warnings(),
                Contains("class kestrel has 7 correct pictures, fewer than --tail-size 20: used 7"));
}

TEST(OpenMax, WarnsOfClassesWithoutAFitAndWhatBecomesOfThem) {
    const std::vector<std::string> warnings = warnings_of(rows_with_thin_classes(), with({{"tail-size", "10"}}));
    EXPECT_THAT(warnings, Contains("class 1 has no fit (2 correct pictures, fewer than the 3 that a fit needs); "
                                   "--without-fit step: its W-score is 0 up to the largest distance seen, 1 beyond"));
    EXPECT_THAT(warnings, Contains("class 2 has no fit (0 correct pictures, fewer than the 3 that a fit needs); "
                                   "--without-fit step: having seen none, its W-score is 1 for every picture"));
}

TEST(OpenMax, ManyClassesWithTheSameLackAreNotAllListed) {
    const std::vector<std::string> warnings = warnings_of(made_rows({.classes = 30, .rows_a_class = 10}, 1), {});
    EXPECT_THAT(warnings, Contains("25 more classes have fewer than that too"));
    EXPECT_LT(warnings.size(), 10U);
}

TEST(OpenMax, WarnsOfAnAlphaThatCannotBeReached) {
    EXPECT_THAT(warnings_of(made_rows({}, 1), {}), Not(Contains(HasSubstr("--alpha"))))
        << "the preset's own is cut by design";
    EXPECT_THAT(warnings_of(made_rows({}, 1), with({{"alpha", "9"}})),
                Contains("--alpha 9 cut to 4, the number of classes"));
    EXPECT_THAT(warnings_of(made_rows({}, 1), with({{"alpha", "1"}, {"alpha-weights", "paper"}})),
                Contains(HasSubstr("nothing is ever rejected")));
}

TEST(OpenMax, WarnsOfLogitsThatAreAllNegativeUnderThePublishedRule) {
    const MemoryRows rows = made_rows({.shift = -20}, 1);
    EXPECT_THAT(warnings_of(rows, with({{"negative-logits", "none"}})),
                Contains(HasSubstr("every logit is negative in 120 of 120 rows")));
    EXPECT_THAT(warnings_of(rows, {}), Not(Contains(HasSubstr("every logit is negative"))));
}

TEST(OpenMax, WarnsOfLatentsThatAddNothing) {
    const OpenMaxParams params = with({{"space", "logits+latents"}});
    EXPECT_THAT(warnings_of(made_rows({.latents = 3, .latent_size = 0.01}, 1), params),
                Contains(HasSubstr("they add nothing; scale them, or take --space logits")));
    EXPECT_THAT(warnings_of(made_rows({.latents = 3}, 1), params), Not(Contains(HasSubstr("add nothing"))));
}

TEST(OpenMax, WarnsWhereTheArgMaxRuleWillHardlyReject) {
    MemoryRows rows = made_rows({.rows_a_class = 200}, 1);
    const OpenMaxParams short_tails = with({{"translate", "0.01"}, {"tail-size", "5"}});
    EXPECT_THAT(warnings_of(rows, short_tails), Not(Contains(HasSubstr("arg-max rule")))) << "known rows are near";
    for (std::size_t i = 0; i < 50; ++i) rows.labels[i] = -1; // they look like class 0
    EXPECT_THAT(warnings_of(rows, short_tails),
                Contains(HasSubstr("of the rows without a class have a W-score below")));
}

TEST(OpenMax, ExplainsTightTailsAsHarmless) {
    const std::vector<std::string> warnings =
        warnings_of(made_rows({}, 1), with({{"distance", "cosine"}, {"translate", "10000"}}));
    EXPECT_THAT(warnings, Contains(HasSubstr("4 classes with a shape above 1000")));
}

TEST(OpenMax, TheDiagnosticsHaveFiguresForEachClass) {
    const io::FittedFile file = *OpenMax::fit(made_rows({}, 1).training(), with({{"translate", "1"}})).fitted();
    const io::Json diagnostics = io::Json::parse(file.diagnostics_json);
    ASSERT_EQ(diagnostics["classes"].size(), 4U);
    const io::Json& one = diagnostics["classes"][0];
    for (const char* key :
         {"label", "rows", "correct", "fitted_on", "tail_used", "status", "flags", "scale", "scale_over_shape",
          "ci95_shape", "ci95_scale", "loglik", "ks", "unit_sensitivity", "share_w_below_0.05"}) {
        EXPECT_TRUE(one.contains(key)) << key;
    }
    EXPECT_GT(one["unit_sensitivity"], 0.001);
    const io::FittedFile free = *OpenMax::fit(made_rows({}, 1).training(), {}).fitted();
    EXPECT_EQ(io::Json::parse(free.diagnostics_json)["classes"][0]["unit_sensitivity"], 0);
}

} // namespace
} // namespace openset::detect
