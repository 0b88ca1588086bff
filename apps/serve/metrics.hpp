#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "openset/io/row.hpp"
#include "serve/pipelines.hpp"

namespace openset::serve {

/// What the server counts; any thread.
class Metrics {
public:
    /// A request that has been answered.
    void add_response(int status);

    /// A picture that has been answered with a row.
    void add_prediction(const std::string& pipeline, const io::Row& row, std::chrono::duration<double> took);

    /// Prometheus' text format, version 0.0.4.
    std::string text(int in_flight, const Pipelines::Reloads& reloads) const;

private:
    static constexpr std::array<double, 11> bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                      0.5,   1,    2.5,   5,    10}; ///< seconds

    struct Latency {
        std::array<std::int64_t, bounds.size()> at_most{}; ///< cumulative, as Prometheus has them
        std::int64_t count = 0;
        double sum = 0;
    };

    mutable std::mutex mutex_; ///< guards everything below
    std::map<int, std::int64_t> responses_;
    std::map<std::pair<std::string, std::string>, std::int64_t> predictions_; ///< by pipeline and outcome
    std::map<std::string, Latency> latencies_;                                ///< by pipeline
};

} // namespace openset::serve
