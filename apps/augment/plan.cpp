#include "augment/plan.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <tuple>

#include "openset/base/sha256.hpp"

namespace openset::augment {
namespace {

std::string file_name(const Source& source) { return std::filesystem::path(source.path).filename().string(); }

std::uint64_t hash_of(const std::string& text) {
    const auto digits = sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    return std::stoull(digits.substr(0, 16), nullptr, 16);
}

/// Names that are given away once.
class Names {
public:
    /// STEM + ENDING, or what comes nearest to it.
    std::string take(const std::string& stem, const std::string& ending) {
        std::string name = stem + ending;
        for (int number = 2; !taken_.insert(name).second; ++number)
            name.assign(stem).append("_" + std::to_string(number)).append(ending);
        return name;
    }

private:
    std::set<std::string> taken_;
};

/// How many copies each picture of a class has. wanted  of the class
std::vector<std::size_t> shared_out(std::size_t wanted, std::span<const PlannedPicture> members) {
    std::vector<std::size_t> by_key(members.size());
    for (std::size_t i = 0; i < by_key.size(); ++i) by_key[i] = i;
    std::ranges::sort(by_key, {}, [&](std::size_t i) { return std::tuple(members[i].key, i); });
    std::vector<std::size_t> copies(members.size(), wanted / members.size());
    for (std::size_t i = 0; i < wanted % members.size(); ++i) ++copies[by_key[i]];
    return copies;
}

} // namespace

std::vector<PlannedPicture> plan(std::vector<Source> sources, const PlanOptions& options) {
    std::ranges::sort(sources, {},
                      [](const Source& source) { return std::tuple(source.label, file_name(source), source.path); });
    Names names;
    std::vector<PlannedPicture> pictures;
    std::map<std::string, std::size_t> class_sizes;
    for (Source& source : sources) {
        ++class_sizes[source.label];
        const std::filesystem::path file = file_name(source);
        PlannedPicture picture;
        picture.original = names.take(source.label + "/" + file.stem().string(), file.extension().string());
        picture.key = hash_of(std::to_string(options.seed) + "/" + picture.original);
        picture.source = std::move(source);
        pictures.push_back(std::move(picture));
    }
    std::size_t largest = 0;
    for (const auto& [label, size] : class_sizes) largest = std::max(largest, size);

    const std::size_t kept = options.originals ? 1 : 0, copies_of_each = static_cast<std::size_t>(options.copies);
    for (auto begin = pictures.begin(); begin != pictures.end();) {
        const std::size_t size = class_sizes[begin->source.label];
        const std::span<PlannedPicture> members(begin, size);
        const std::size_t wanted = (options.balance ? largest : size) * (kept + copies_of_each) - kept * size;
        const auto copies = shared_out(wanted, members);
        for (std::size_t i = 0; i < size; ++i) {
            const std::string& original = members[i].original;
            const std::string stem =
                original.substr(0, original.rfind(std::filesystem::path(original).extension().string()));
            for (std::size_t k = 1; k <= copies[i]; ++k)
                members[i].copies.push_back(names.take(stem + "-" + std::to_string(k), "." + options.ending));
            if (!options.originals) members[i].original.clear();
        }
        begin += static_cast<std::ptrdiff_t>(size);
    }
    return pictures;
}

} // namespace openset::augment
