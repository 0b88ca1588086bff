#include "serve/metrics.hpp"

#include "cli/version.hpp"
#include "openset/io/number_text.hpp"

namespace openset::serve {
namespace {

/// A label's value as the format wants it.
std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\' || c == '"') result += '\\';
        result += c == '\n' ? ' ' : c;
    }
    return result;
}

std::string head(const std::string& name, const std::string& type, const std::string& help) {
    return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

} // namespace

void Metrics::add_response(int status) {
    const std::scoped_lock lock(mutex_);
    ++responses_[status];
}

void Metrics::add_prediction(const std::string& pipeline, const io::Row& row, std::chrono::duration<double> took) {
    const std::scoped_lock lock(mutex_);
    ++predictions_[{pipeline, std::string(to_string(row.verdict.outcome))}];
    Latency& latency = latencies_[pipeline];
    for (std::size_t i = 0; i < bounds.size(); ++i) latency.at_most[i] += took.count() <= bounds[i] ? 1 : 0;
    ++latency.count;
    latency.sum += took.count();
}

std::string Metrics::text(int in_flight, const Pipelines::Reloads& reloads) const {
    const std::scoped_lock lock(mutex_);
    std::string result = head("openset_info", "gauge", "The version.") + "openset_info{version=\"" +
                         std::string(cli::version) + "\"} 1\n";
    result += head("openset_in_flight", "gauge", "Predictions that are being received or answered.");
    result += "openset_in_flight " + std::to_string(in_flight) + "\n";
    result += head("openset_responses_total", "counter", "Answered requests by HTTP status.");
    for (const auto& [status, count] : responses_)
        result += "openset_responses_total{status=\"" + std::to_string(status) + "\"} " + std::to_string(count) + "\n";
    result += head("openset_predictions_total", "counter", "Pictures by pipeline and outcome.");
    for (const auto& [which, count] : predictions_)
        result += "openset_predictions_total{pipeline=\"" + escaped(which.first) + "\",outcome=\"" + which.second +
                  "\"} " + std::to_string(count) + "\n";
    result += head("openset_prediction_seconds", "histogram", "From the whole request to its row.");
    for (const auto& [pipeline, latency] : latencies_) {
        const std::string label = "{pipeline=\"" + escaped(pipeline) + "\"";
        for (std::size_t i = 0; i < bounds.size(); ++i)
            result += "openset_prediction_seconds_bucket" + label + ",le=\"" + io::shortest(bounds[i]) + "\"} " +
                      std::to_string(latency.at_most[i]) + "\n";
        result += "openset_prediction_seconds_bucket" + label + ",le=\"+Inf\"} " + std::to_string(latency.count) + "\n";
        result += "openset_prediction_seconds_sum" + label + "} " + io::shortest(latency.sum) + "\n";
        result += "openset_prediction_seconds_count" + label + "} " + std::to_string(latency.count) + "\n";
    }
    result += head("openset_reloads_total", "counter", "Changed configs, by whether they were taken.");
    result += "openset_reloads_total{result=\"done\"} " + std::to_string(reloads.done) + "\n";
    result += "openset_reloads_total{result=\"refused\"} " + std::to_string(reloads.refused) + "\n";
    return result;
}

} // namespace openset::serve
