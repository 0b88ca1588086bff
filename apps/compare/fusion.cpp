#include "compare/fusion.hpp"

#include <algorithm>
#include <functional>

#include "openset/base/error.hpp"
#include "openset/stats/conformal.hpp"
#include "openset/stats/fusion.hpp"

namespace openset::compare {
namespace {

using Fuse = std::function<double(std::span<const double> p)>;

std::vector<std::size_t> members_of(const io::ScoreTable& calibration) {
    std::vector<std::size_t> members;
    for (std::size_t column = 0; column < calibration.methods.size(); ++column) {
        const bool is_new = std::ranges::none_of(members, [&](std::size_t member) {
            return stats::spearman_correlation(calibration.scores[member], calibration.scores[column]) > same_ranking;
        });
        if (is_new) members.push_back(column);
    }
    return members;
}

void add_column(const std::string& name, const std::vector<std::size_t>& members,
                const std::vector<stats::ConformalScores>& calibrated, const Fuse& fuse, scores::Side& side) {
    std::vector<double> fused, p(members.size());
    for (std::size_t row = 0; row < static_cast<std::size_t>(side.table.rows); ++row) {
        for (std::size_t i = 0; i < members.size(); ++i)
            p[i] = calibrated[i].p_value(side.table.scores[members[i]][row]);
        fused.push_back(fuse(p));
    }
    side.table.methods.push_back(name);
    side.table.scores.push_back(std::move(fused));
    side.origins.push_back({name, {}, {}, {}, {}});
}

} // namespace

std::vector<std::string> add_fusion(const std::string& kind, const scores::Side& calibration, scores::Inputs& inputs) {
    if (calibration.table.methods != inputs.methods()) {
        throw Error(ErrorKind::usage, calibration.file.path.string() +
                                          ": has other score columns than --known, expected the same; score it with "
                                          "the same detectors");
    }
    const double step = 1 / (static_cast<double>(calibration.table.rows) + 1);
    const Fuse fuse = kind == "fisher" ? Fuse(stats::fisher_score)
                      : kind == "stouffer"
                          ? Fuse([step](std::span<const double> p) { return stats::stouffer_score(p, step); })
                          : Fuse(stats::mean_rank_score);
    const std::vector<std::size_t> members = members_of(calibration.table);
    std::vector<stats::ConformalScores> calibrated;
    std::vector<std::string> names;
    for (const std::size_t member : members) {
        calibrated.emplace_back(calibration.table.scores[member]);
        names.push_back(calibration.table.methods[member]);
    }
    const std::string name = kind + " of " + std::to_string(members.size());
    add_column(name, members, calibrated, fuse, inputs.known);
    for (scores::Side& side : inputs.unknown) add_column(name, members, calibrated, fuse, side);
    return names;
}

} // namespace openset::compare
