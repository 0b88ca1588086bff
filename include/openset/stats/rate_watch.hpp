#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

/// Says when the rate of an event in an endless stream leaves what is expected.
namespace openset::stats {

struct RateRange {
    double lower = 0, upper = 1; ///< shares, 0 <= lower <= upper <= 1
};

/// A sequential test of "each event happens with a probability within the range, whatever came before", which may be looked
/// at after every observation: the probability that it ever raises an alarm while that is so, however long the stream, is at
/// most `false_alarm`.
///
/// Each side of the range is held by a mixture of likelihood ratios against rates outside, begun anew at ever later places
/// with falling weights, so that a change after a long quiet time is seen too. Such a mixture is a non-negative
/// supermartingale that begins at 1, and Ville's inequality bounds the chance that it ever reaches 1 / false_alarm
/// (Ville 1939; Ramdas et al. 2023, Game-theoretic statistics and safe anytime-valid inference).
class RateWatch {
public:
    enum class Side { above, below };

    struct Alarm {
        Side side = Side::above;
        std::int64_t at = 0;     ///< observations until then, the last one among them
        std::int64_t since = 0;  ///< observations before the stretch that speaks most against the range
        std::int64_t events = 0; ///< in that stretch, of at - since
    };

    /// false_alarm  in (0, 1)
    RateWatch(RateRange expected, double false_alarm);

    /// The alarm that this observation raises: at most one a side in the whole stream.
    std::optional<Alarm> add(bool event);

    std::int64_t observations() const { return observations_; }

private:
    struct Start {
        std::int64_t at = 0, events = 0; ///< observations and events before it
    };

    /// One end of the range against rates beyond it.
    struct Bound {
        Bound(double bound, Side side);
        /// The mean over rates beyond, of so many observations that were events and others that were none.
        double likelihood_ratio(std::int64_t events, std::int64_t others) const;

        std::vector<std::pair<double, double>> log_ratios; ///< of an event, of another observation
    };

    double evidence(Side side, Alarm& strongest) const;
    void begin_where_due();

    Bound above_, below_;
    double enough_; ///< evidence that raises an alarm
    std::vector<Start> starts_;
    std::int64_t next_start_ = 0;
    std::int64_t observations_ = 0, events_ = 0;
    std::int64_t next_look_below_ = 16; ///< observations
    bool above_told_, below_told_;
};

} // namespace openset::stats
