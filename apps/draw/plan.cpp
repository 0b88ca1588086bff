#include "draw/plan.hpp"

#include <array>
#include <functional>
#include <map>
#include <string_view>

namespace openset::apps_draw {
namespace {

using draw::WorldClass;
using draw::WorldLevel;
using draw::WorldUse;

constexpr int index_bits = 21, stream_bits = 5, class_bits = 6;
static_assert(max_count == std::int64_t{1} << index_bits && index_bits + stream_bits + class_bits == 32);

constexpr std::array<std::string_view, 6> sets = {"gate", "species", "classifier", "unknown", "other", "far"};
constexpr std::array<std::string_view, 3> splits = {"train", "val", "test"};
static_assert(sets.size() * splits.size() <= std::size_t{1} << stream_bits);

using Kinds = std::vector<std::size_t>; // places in world_classes()

class Planner {
public:
    explicit Planner(const PlanOptions& options) : options_(options) {}

    std::vector<PlannedPicture> take() { return std::move(pictures_); }

    /// The classes that networks are trained with, in folders of this name.
    void add_trained(std::size_t set, const std::function<std::string(const WorldClass&)>& label,
                     const std::function<std::int64_t(std::size_t kinds)>& times) {
        std::map<std::string, Kinds> labels;
        const auto classes = draw::world_classes();
        for (std::size_t i = 0; i < classes.size(); ++i) {
            const std::string name = label(classes[i]);
            if (classes[i].use == WorldUse::training && !name.empty()) labels[name].push_back(i);
        }
        for (std::size_t split = 0; split < splits.size(); ++split) {
            const std::int64_t many = split == 0 ? options_.count : options_.held_out;
            for (const auto& [name, kinds] : labels) add(set, split, name, kinds, many * times(kinds.size()));
        }
    }

    /// The classes of a level that no network is trained with.
    void add_unseen(std::size_t set, WorldLevel level) {
        const auto classes = draw::world_classes();
        for (const auto& [use, split] : {std::pair(WorldUse::validation, 1U), {WorldUse::test, 2U}}) {
            for (std::size_t i = 0; i < classes.size(); ++i) {
                if (classes[i].level == level && classes[i].use == use)
                    add(set, split, std::string(classes[i].name), {i}, options_.held_out);
            }
        }
    }

private:
    /// Kinds take turns.
    void add(std::size_t set, std::size_t split, const std::string& label, const Kinds& kinds, std::int64_t many) {
        for (std::int64_t i = 0; i < many; ++i) {
            const std::size_t kind = kinds[static_cast<std::size_t>(i) % kinds.size()];
            const std::int64_t index = i / std::ssize(kinds);
            const WorldClass& what = draw::world_classes()[kind];
            std::string digits = std::to_string(index + 1);
            digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
            const std::size_t stream = set * splits.size() + split;
            const auto number = static_cast<std::uint32_t>((kind << stream_bits | stream) << index_bits) |
                                static_cast<std::uint32_t>(index);
            pictures_.push_back({std::string(sets[set]), std::string(splits[split]), label,
                                 std::string(what.name) + "-" + digits, &what, number});
        }
    }

    const PlanOptions& options_;
    std::vector<PlannedPicture> pictures_;
};

} // namespace

std::vector<PlannedPicture> plan(const PlanOptions& options) {
    Planner planner(options);
    const auto wanted = [&](std::string_view task) { return options.task == "all" || options.task == task; };
    const auto once = [](std::size_t) { return std::int64_t{1}; };
    const auto for_each_kind = [](std::size_t kinds) { return static_cast<std::int64_t>(kinds); };
    if (wanted("gate"))
        planner.add_trained(
            0, [](const WorldClass& what) { return std::string(what.gate_label); }, once);
    if (wanted("species")) {
        planner.add_trained(
            1,
            [](const WorldClass& what) -> std::string {
                if (what.level == WorldLevel::thing) return "";
                return what.level == WorldLevel::family_sign ? "family" : "other";
            },
            for_each_kind);
    }
    if (wanted("classifier")) {
        planner.add_trained(
            2,
            [](const WorldClass& what) { return std::string(what.level == WorldLevel::family_sign ? what.name : ""); },
            once);
    }
    if (wanted("classifier")) planner.add_unseen(3, WorldLevel::family_sign);
    if (wanted("species")) planner.add_unseen(4, WorldLevel::other_sign);
    if (wanted("gate")) planner.add_unseen(5, WorldLevel::thing);
    return planner.take();
}

} // namespace openset::apps_draw
