#include "openset/stats/rate_watch.hpp"

#include <algorithm>
#include <cmath>

namespace openset::stats {
namespace {

/// Odds of the alternatives: the bound's times sqrt(2)^i, i = 1 to 16, or divided by that.
constexpr int alternatives = 16;
/// Evidence for a lower rate rises with every observation that is no event, most of them; it is looked at this seldom.
constexpr std::int64_t looks_apart = 16;

/// Starts lie 20 apart, later a tenth of the way so far: a change is seen at most that much late.
std::int64_t start_after(std::int64_t start) { return start + std::max<std::int64_t>(20, start / 10); }

/// Of the starts, numbered from 0; all of them sum to 1.
double weight(std::size_t number) { return 1.0 / (static_cast<double>(number + 1) * static_cast<double>(number + 2)); }

} // namespace

RateWatch::Bound::Bound(double bound, Side side) {
    // An event that never should happen, or always: no ratio tells more than that to the smallest rate that is one.
    const double odds = std::clamp(bound, 1e-12, 1 - 1e-12) / (1 - std::clamp(bound, 1e-12, 1 - 1e-12));
    for (int i = 1; i <= alternatives; ++i) {
        const double other_odds = odds * std::pow(2.0, (side == Side::above ? 0.5 : -0.5) * i);
        const double others = std::log1p(odds) - std::log1p(other_odds); // of (1 - rate) / (1 - bound)
        log_ratios.emplace_back(others + std::log(other_odds / odds), others);
    }
}

double RateWatch::Bound::likelihood_ratio(std::int64_t events, std::int64_t others) const {
    double sum = 0;
    for (const auto& [of_event, of_other] : log_ratios)
        sum += std::exp(static_cast<double>(events) * of_event + static_cast<double>(others) * of_other);
    return sum / alternatives;
}

// A bound of 0 or 1 has nothing beyond it. Each side gets half of the false alarms.
RateWatch::RateWatch(RateRange expected, double false_alarm)
    : above_(expected.upper, Side::above), below_(expected.lower, Side::below), enough_(2 / false_alarm),
      above_told_(expected.upper >= 1), below_told_(expected.lower <= 0) {}

std::optional<RateWatch::Alarm> RateWatch::add(bool event) {
    begin_where_due();
    ++observations_;
    events_ += event ? 1 : 0;
    // Evidence for a higher rate rises with an event alone, for a lower one without.
    bool& told = event ? above_told_ : below_told_;
    if (told || (!event && observations_ < next_look_below_)) return std::nullopt;
    if (!event) next_look_below_ = observations_ + looks_apart;
    Alarm alarm;
    alarm.side = event ? Side::above : Side::below;
    alarm.at = observations_;
    if (!(evidence(alarm.side, alarm) >= enough_)) return std::nullopt;
    told = true;
    return alarm;
}

void RateWatch::begin_where_due() {
    if (observations_ != next_start_) return;
    starts_.push_back({observations_, events_});
    next_start_ = start_after(observations_);
}

double RateWatch::evidence(Side side, Alarm& strongest) const {
    const Bound& bound = side == Side::above ? above_ : below_;
    double sum = 0, most = -1;
    for (std::size_t i = 0; i < starts_.size(); ++i) {
        const std::int64_t events = events_ - starts_[i].events;
        const std::int64_t others = observations_ - starts_[i].at - events;
        const double part = weight(i) * bound.likelihood_ratio(events, others);
        sum += part;
        if (part > most) {
            most = part;
            strongest.since = starts_[i].at;
            strongest.events = events;
        }
    }
    return sum;
}

} // namespace openset::stats
