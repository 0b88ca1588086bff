#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>

#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "detect/training_walk.hpp"
#include "openset/detect/temperature.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/activation.hpp"
#include "openset/stats/reliability.hpp"

// Temperature scaling: -max softmax(v / T), T the minimum of the mean log loss on labelled rows. Guo et al. 2017, On
// Calibration of Modern Neural Networks (ICML); as a detector in OpenOOD (TempScale). The loss is convex in
// 1/T, which is searched from 0.02 to 50; a minimum at the edge is reported.
namespace openset::detect {
namespace {

constexpr const char* name = "temperature";
constexpr double least_inverse = 0.02, largest_inverse = 50;

std::vector<Parameter> parameters() {
    return {{"rows", "training|calibration", "training",
             "calibration: the network was not trained on the store's rows; of training, a warning tells that T is too "
             "small",
             "Guo et al. 2017 fit on held-out rows"}};
}

/// The mean log loss, and its derivative, at an inverse temperature.
struct Loss {
    double value = 0, slope = 0;
};

Loss mean_loss(const TrainingRows& rows, double inverse) {
    Loss sum;
    std::int64_t count = 0;
    std::vector<double> scaled;
    for_each_row(rows, [&](const TrainingRow& row) {
        if (row.label < 0) return;
        ++count;
        scaled.clear();
        for (const float logit : row.logits) scaled.push_back(static_cast<double>(logit) * inverse);
        const auto label = static_cast<std::size_t>(row.label);
        const double all = stats::log_sum_exp(scaled);
        double mean = 0;
        for (std::size_t c = 0; c < scaled.size(); ++c)
            mean += std::exp(scaled[c] - all) * static_cast<double>(row.logits[c]);
        sum.value += all - scaled[label];
        sum.slope += mean - static_cast<double>(row.logits[label]);
    });
    return {sum.value / static_cast<double>(count), sum.slope / static_cast<double>(count)};
}

double best_inverse(const TrainingRows& rows) {
    const double at_least = mean_loss(rows, least_inverse).slope, at_largest = mean_loss(rows, largest_inverse).slope;
    if (at_least >= 0) return least_inverse;
    if (at_largest <= 0) return largest_inverse;
    std::uintmax_t steps = 100;
    const auto [low, high] = boost::math::tools::toms748_solve(
        [&rows](double inverse) { return mean_loss(rows, inverse).slope; }, least_inverse, largest_inverse, at_least,
        at_largest, boost::math::tools::eps_tolerance<double>(50), steps);
    return low + (high - low) / 2;
}

/// How far the largest softmax is right as often as it says.
stats::Reliability reliability(const TrainingRows& rows, double inverse) {
    stats::Reliability found;
    std::vector<double> scaled;
    for_each_row(rows, [&](const TrainingRow& row) {
        if (row.label < 0) return;
        scaled.clear();
        for (const float logit : row.logits) scaled.push_back(static_cast<double>(logit) * inverse);
        const auto likeliest = std::ranges::max_element(row.logits) - row.logits.begin();
        found.add(stats::softmax(scaled)[static_cast<std::size_t>(likeliest)], likeliest == row.label);
    });
    return found;
}

/// The diagram's data: [mean confidence, share rightly named, rows] of each bin that has rows.
io::Json diagram(const stats::Reliability& reliability) {
    io::Json json = io::Json::array();
    for (const auto& bin : reliability.bins()) {
        if (bin.rows == 0) continue;
        const auto rows = static_cast<double>(bin.rows);
        json.push_back({bin.confidence.value() / rows, static_cast<double>(bin.right) / rows, bin.rows});
    }
    return json;
}

class Temperature final : public FittedDetector {
public:
    explicit Temperature(const io::FittedFile& file)
        : FittedDetector(file, 0), inverse_(FittedState(file).number("inverse_temperature")) {
        const ParameterValues declared(file, parameters());
        if (inverse_ < least_inverse || inverse_ > largest_inverse) {
            throw Error(ErrorKind::corrupt, file.name + ": /state/inverse_temperature: found " +
                                                io::shortest(inverse_) + ", expected 0.02 to 50; fit anew");
        }
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        std::vector<double> scaled;
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            scaled.clear();
            for (const float logit : activations.logits.row(i)) scaled.push_back(static_cast<double>(logit) * inverse_);
            scores[static_cast<std::size_t>(i)] = -std::ranges::max(stats::softmax(scaled));
        }
    }

    double inverse() const { return inverse_; }

private:
    double inverse_;
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const TrainingRows& rows = *data.rows();
    const ParameterValues values(name, parameters(), typed);
    const bool on_training = values.one_of("rows", {"training", "calibration"}) == "training";
    io::FittedFile file = begin_fitted(name, rows, values);
    const double inverse = best_inverse(rows);
    file.state_json = io::Json{{"inverse_temperature", inverse}}.dump();
    add_diagnostic(file, "temperature", 1 / inverse);
    add_diagnostic(file, "log_loss_before", mean_loss(rows, 1).value);
    add_diagnostic(file, "log_loss_after", mean_loss(rows, inverse).value);
    const auto before = reliability(rows, 1), after = reliability(rows, inverse);
    add_diagnostic(file, "calibration_error_before", before.expected_calibration_error());
    add_diagnostic(file, "calibration_error_after", after.expected_calibration_error());
    add_diagnostic(file, "reliability_before", diagram(before));
    add_diagnostic(file, "reliability_after", diagram(after));
    if (inverse == least_inverse || inverse == largest_inverse) {
        add_warning(file, "temperature " + io::shortest(1 / inverse) +
                              " is the edge of what is searched, 0.02 to 50: the log loss has no minimum inside");
    } else if (on_training) {
        add_warning(file,
                    "temperature " + io::shortest(1 / inverse) +
                        " was fitted on the store's rows: if the network was trained on them, it is too small; fit "
                        "on others, with --set rows=calibration");
    }
    return load_as<Temperature>(file);
}

} // namespace

double inverse_temperature(const io::FittedFile& file) {
    if (file.method != name) {
        throw Error(ErrorKind::usage, file.name + ": is a fit of " + file.method +
                                          ", expected one of temperature (openset fit --method temperature)");
    }
    return Temperature(file).inverse();
}

Method method::temperature() {
    return {.name = name,
            .summary = "largest softmax probability at a fitted temperature (Guo et al. 2017)",
            .formula = "-max softmax(v / T), T of the least mean log loss",
            .needs = {.labels = true, .softmax = true},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Temperature>};
}

} // namespace openset::detect
