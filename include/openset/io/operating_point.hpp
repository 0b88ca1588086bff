#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

/// An operating point: a threshold that came from data, with what it was measured on and what was measured there
/// (format openset-operating-point/1). `sweep --pick` writes it, a pipeline config names it.
namespace openset::io {

struct OperatingPoint {
    /// Of the stage `unknown`: the detector's method, as in a fitted file (msp, openmax, openmax-notebook...). Of the gate:
    /// `mass` (score 1 - mass) or `rank` (score: best rank of an accepted label). Of the species filter: `mass` (score
    /// 1 - summed probability of the accepted labels).
    std::string method;
    std::string stage = "unknown"; ///< or gate, species

    /// In the unit of the score; a picture is rejected iff its score > threshold (methods.md). +inf rejects nothing, -inf
    /// everything but a score of -inf. Never NaN.
    double threshold = 0;
    /// Thresholds for the pictures that are predicted to have these labels; `threshold` is for all others.
    std::map<std::string, double> threshold_by_label;

    std::string rule;           ///< as `--pick` was given: tpr=0.95, youden...
    std::string fitted_sha256;  ///< of the fitted file whose scores these are; empty: a method without a fit
    std::string network_sha256; ///< of the network whose scores these are, where nothing was fitted; empty: not told
    std::string accept;         ///< gate and species: the config's `accept`, a JSON array; empty: not told
    std::string calibrated_on = "{}"; ///< JSON object for people: files, hashes, numbers of rows
    std::string measured = "{}";      ///< JSON object for people: rates with their intervals

    /// Whether it was picked with this file as its known or unknown rows. sha256  of the file
    bool was_calibrated_on(const std::string& sha256) const;

    /// The threshold for pictures that are predicted to have this label.
    double threshold_for(const std::string& predicted) const;
};

/// `threshold` is a number, or an object by label with "*" for the rest; infinities are the strings "inf" and "-inf".
std::string to_json(const OperatingPoint& point);

/// name  of the document in messages. Throws Error(corrupt) with everything that is wrong with it.
OperatingPoint parse_operating_point(std::string_view json, const std::string& name);

/// Throws as parse_operating_point(), and Error(not_found, unreadable), naming the file.
OperatingPoint read_operating_point(const std::filesystem::path& path);

} // namespace openset::io
