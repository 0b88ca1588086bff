#include "calibrate/measured.hpp"

#include <nlohmann/json.hpp>
#include <numeric>

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "scores/rate_text.hpp"

namespace openset::calibrate {
namespace {

using cascade::RejectedBy;
using Json = nlohmann::ordered_json;

constexpr std::size_t folds = 10;

const std::vector<std::pair<RejectedBy, const char*>> names = {{RejectedBy::gate, "gate"},
                                                               {RejectedBy::species, "species"},
                                                               {RejectedBy::classifier, "classifier"},
                                                               {RejectedBy::unknown, "unknown"}};

void count(const cascade::ChainRows& rows, std::size_t row, const std::map<io::Stage, io::OperatingPoint>& points,
           Measured& measured) {
    ++measured.rows;
    ++measured.rejected[cascade::rejected_by(rows, row, points)];
}

} // namespace

std::int64_t Measured::all_rejected() const {
    const auto accepted = rejected.find(RejectedBy::nothing);
    return rows - (accepted != rejected.end() ? accepted->second : 0);
}

Measured measure(const cascade::ChainCalibration& calibration, const cascade::ChainRows& held_out) {
    Measured measured;
    const auto points = calibration.operating_points(calibration.budget());
    for (std::size_t row = 0; row < held_out.rows(); ++row) count(held_out, row, points, measured);
    return measured;
}

Measured measure_by_folds(const cascade::ChainRows& rows, double budget, bool by_label, std::uint64_t seed) {
    std::vector<std::size_t> order(rows.rows());
    std::iota(order.begin(), order.end(), 0);
    Random(seed, 1).shuffle(order); // another stream than the calibration's own split
    Measured measured;
    measured.by_folds = true;
    for (std::size_t fold = 0; fold < folds; ++fold) {
        std::vector<std::size_t> others;
        for (std::size_t i = 0; i < order.size(); ++i)
            if (i % folds != fold) others.push_back(order[i]);
        std::optional<cascade::ChainCalibration> calibration;
        try {
            calibration.emplace(cascade::calibrate(rows, others, budget, by_label, seed));
        } catch (const Error&) {
            return {}; // enough rows for one calibration, but not for ten on nine tenths of them
        }
        const auto points = calibration->operating_points(budget);
        for (std::size_t i = fold; i < order.size(); i += folds) count(rows, order[i], points, measured);
    }
    return measured;
}

Json to_json(const Measured& measured) {
    if (measured.rows == 0) return Json::object();
    Json json = {{"how", measured.by_folds ? "10 folds: each row was held out of a calibration on the nine others"
                                           : "held-out file"},
                 {"known_rejection", scores::rate_json(measured.all_rejected(), measured.rows)}};
    for (const auto& [by, name] : names) {
        const auto found = measured.rejected.find(by);
        if (found != measured.rejected.end()) json["rejected_by"][name] = found->second;
    }
    return json;
}

std::vector<std::string> told(const Measured& measured) {
    if (measured.rows == 0)
        return {"not measured: the rows are too few to hold some of them out; --held-out FILE measures on others"};
    std::string by;
    for (const auto& [which, name] : names) {
        const auto found = measured.rejected.find(which);
        if (found != measured.rejected.end())
            by += (by.empty() ? ": " : ", ") + std::string(name) + " " + std::to_string(found->second);
    }
    return {std::string("measured on known rows that were held out") + (measured.by_folds ? ", in ten folds" : "") +
            ": rejected " + scores::rate_text(measured.all_rejected(), measured.rows) + by};
}

} // namespace openset::calibrate
