#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openset/draw/world.hpp"

/// Which pictures of the drawn world make a data set, and where they lie in it.
namespace openset::apps_draw {

struct PlannedPicture {
    std::string set;   ///< gate, species, classifier; unknown, other, far: of classes that no network is trained with
    std::string split; ///< train, val, test
    std::string label; ///< name of the folder: what a network of the set is to say
    std::string name;  ///< of the file, without its ending: "limit_30-00001"
    const draw::WorldClass* what = nullptr;
    std::uint32_t number = 0; ///< for draw_world(): its own among all pictures of a seed

    /// "gate/train/round_sign/limit_30-00001"
    std::string path() const { return set + "/" + split + "/" + label + "/" + name; }
};

struct PlanOptions {
    std::string task = "all";   ///< gate, species, classifier, all
    std::int64_t count = 100;   ///< to train with: for each label of the gate, each kind of sign for the two others
    std::int64_t held_out = 20; ///< the same to validate, and the same to test
};

/// The most pictures of one class in one split: its numbers end there.
inline constexpr std::int64_t max_count = std::int64_t{1} << 21;

/// In the order of their folders. What is planned for small numbers is planned for larger ones too.
std::vector<PlannedPicture> plan(const PlanOptions& options);

} // namespace openset::apps_draw
