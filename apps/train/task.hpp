#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "pictures/inputs.hpp"
#include "train/options.hpp"

namespace openset::train {

/// A picture and what it shows, as the folder or the table says it.
struct LabelledPicture {
    std::string path;
    std::string class_name;
    bool in_archive = false;
};

/// How the inputs of a run name a table, or folders and files.
pictures::InputFlags input_flags(const std::vector<std::string>& paths);

/// Whether they name an activation store instead of pictures.
bool is_store(const std::vector<std::string>& paths);

/// Throws Error(usage) where a file lies beside folders of classes: it would be of a class called after the folder around.
void refuse_strays(const std::vector<std::string>& folders);

/// The pictures of folders, or of a table, of classes, in the order in which runs see them.
/// Throws Error(usage) where a picture has no class, and where a name stands for nothing.
std::vector<LabelledPicture> pictures_in(const std::vector<std::string>& paths, const Cancellation& cancellation);

/// Throws Error(usage) where there is nothing to tell apart, or where the pictures of --validation show nothing of what is
/// taught: to be told before anything is computed. Reads no picture.
void check_names(const Options& options, const Cancellation& cancellation);

/// Names, sizes and times of files, as a hash: a picture that was replaced under its name is another.
/// paths  of an archive's member (`photos.tar//1.jpg`) the archive is looked at
std::string files_sha256(const std::vector<std::string>& paths);

/// --dry-run: how many pictures of which label would learn, judge and be asked. Reads no picture.
/// Throws as pictures_in() and Task().
std::string text_of_plan(const Options& options, const Cancellation& cancellation);

std::set<std::string> classes_of(const std::vector<LabelledPicture>& pictures);

/// The classes of the pictures in the folders of --positive-dir.
std::set<std::string> family_of(const Options& options, const Cancellation& cancellation);

/// What is to be told apart: the labels of the network that is made, and which classes of pictures they stand for.
class Task {
public:
    /// classes  of all pictures that there are to learn from
    /// family   of those in the folders of --positive-dir
    /// Labels are the classes in bytewise order; of a filter the two of --filter-labels.
    /// Throws Error(usage) where there is nothing to tell apart.
    Task(const Options& options, const std::set<std::string>& classes, std::set<std::string> family);

    const std::vector<std::string>& labels() const { return labels_; }
    bool is_filter() const { return is_filter_; }

    /// The label of a class; none where the network is not taught it. A filter takes every class that is not the family's
    /// for one of the others.
    std::optional<std::int64_t> label_of(const std::string& class_name) const;

private:
    std::vector<std::string> labels_;
    std::map<std::string, std::int64_t> ids_;
    bool is_filter_ = false;
};

/// Pictures of which some learn and the others judge.
struct Split {
    std::vector<std::size_t> training, validation; ///< positions, ascending
};

/// Throws Error(usage): the folder of --validation has nothing of what is taught.
[[noreturn]] void refuse_empty_validation(const Options& options);

/// Takes of every label the same share for validation, at least one where it has two; which ones follows from the seed
/// and the numbers of the pictures alone.
/// share  0 to below 1
Split split_by_label(const std::vector<std::int64_t>& labels, double share, std::uint64_t seed);

/// The number of the fold, 0 to folds - 1, in which each picture judges; every label is spread evenly.
std::vector<int> folds_by_label(const std::vector<std::int64_t>& labels, int folds, std::uint64_t seed);

} // namespace openset::train
