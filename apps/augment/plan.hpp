#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Which copies of which pictures are made, and where they go.
namespace openset::augment {

struct Source {
    std::string path, label;
};

struct PlanOptions {
    int copies = 6;        ///< of each picture
    bool balance = false;  ///< and as many more as make every class as large as the largest
    bool originals = true; ///< they are part of the result
    std::uint64_t seed = 0;
    std::string ending = "jpg"; ///< of copies
};

/// A picture and its copies. The names are relative to the folder of the result: LABEL/NAME.
struct PlannedPicture {
    Source source;
    std::string original;            ///< its own name; empty where originals are left out
    std::vector<std::string> copies; ///< "cat/1.jpg" has "cat/1-1.jpg", "cat/1-2.jpg"...
    /// Copy k is changed by Random(key, k), k from 1. It follows from the seed, the label and the file's name, so that a copy
    /// is the same whatever other pictures there are and wherever they lie.
    std::uint64_t key = 0;
};

/// In bytewise order of label, file's name and path, whatever the order of the sources. Two names that would be the same are
/// told apart by `_2`, `_3`...
///
/// Where copies are unequal, within a class as well as they can be, the keys decide who has one more.
std::vector<PlannedPicture> plan(std::vector<Source> sources, const PlanOptions& options);

} // namespace openset::augment
