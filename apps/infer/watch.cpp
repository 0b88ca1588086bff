#include "infer/watch.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "infer/figures.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/number_text.hpp"

namespace openset::infer {
namespace {

using Side = stats::RateWatch::Side;

std::optional<double> share(std::string_view text) {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = code == std::errc() && end == text.data() + text.size();
    return whole && value >= 0 && value <= 1 ? std::optional(value) : std::nullopt;
}

stats::RateRange given_range(const std::string& text) {
    const auto colon = text.find(':');
    const auto lower = share(std::string_view(text).substr(0, colon));
    const auto upper = colon == std::string::npos ? lower : share(std::string_view(text).substr(colon + 1));
    if (!lower || !upper || *lower > *upper) {
        throw Error(ErrorKind::usage,
                    "--watch-rate " + text +
                        ": expected auto, the share of pictures that is usually rejected, such as 0.1, or the range "
                        "that it lies in, such as 0.05:0.15");
    }
    return {*lower, *upper};
}

/// What was measured when the calibration was made.
stats::RateRange measured_range(const cascade::ChainCalibration* calibration, std::optional<double> significance,
                                double false_alarm) {
    const std::string give = "; give the share of pictures that is usually rejected, such as --watch-rate 0.1";
    if (calibration == nullptr)
        throw Error(ErrorKind::usage,
                    "--watch-rate auto: the config has no /calibration that says what to expect" + give);
    if (significance && *significance != calibration->budget()) {
        throw Error(ErrorKind::usage, "--watch-rate auto: the calibration was measured at its budget of " +
                                          io::shortest(calibration->budget()) + ", not at a significance of " +
                                          io::shortest(*significance) + give + ", or calibrate with that budget");
    }
    const auto range = calibration->rejection_range(1 - false_alarm);
    if (!range)
        throw Error(ErrorKind::usage, "--watch-rate auto: nothing was measured when the calibration was made" + give +
                                          ", or calibrate with --held-out");
    return {range->lower, range->upper};
}

std::string text_of(const stats::RateRange& range) {
    return range.lower == range.upper ? percent(range.lower) : percent(range.lower) + " to " + percent(range.upper);
}

} // namespace

Watch::Watch(const std::string& expected, double false_alarm, const cascade::ChainCalibration* calibration,
             std::optional<double> significance)
    : false_alarm_(false_alarm) {
    // p-values that share one calibration are no independent draws at the stated rate: given the calibration, known pictures
    // are rejected at some rate near it, of which the interval speaks. A false alarm is the interval's failure or the test's.
    const bool measured = expected == "auto";
    const double each = measured ? false_alarm / 2 : false_alarm;
    expected_ = measured ? measured_range(calibration, significance, each) : given_range(expected);
    watch_.emplace(expected_, each);
}

void Watch::add(io::Outcome outcome) {
    if (outcome == io::Outcome::failed) return;
    const auto alarm = watch_->add(outcome == io::Outcome::unknown);
    if (!alarm) return;
    alarms_.push_back(*alarm);
    const std::int64_t length = alarm->at - alarm->since;
    log_warning("after " + std::to_string(alarm->at) +
                " pictures: " + percent(static_cast<double>(alarm->events) / static_cast<double>(length)) +
                " of the last " + std::to_string(length) + " were rejected, " +
                (alarm->side == Side::above ? "more than the " : "fewer than the ") + text_of(expected_) +
                " expected; the pictures are others than those that it was measured on (a false alarm in at most " +
                percent(false_alarm_) + " of runs)");
}

std::string Watch::record() const {
    nlohmann::ordered_json json = {{"expected", {expected_.lower, expected_.upper}},
                                   {"false_alarm", false_alarm_},
                                   {"pictures", watch_->observations()},
                                   {"alarms", nlohmann::ordered_json::array()}};
    for (const auto& alarm : alarms_) {
        json["alarms"].push_back({{"side", alarm.side == Side::above ? "above" : "below"},
                                  {"at", alarm.at},
                                  {"since", alarm.since},
                                  {"rejected", alarm.events}});
    }
    return json.dump();
}

} // namespace openset::infer
