#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "openset/io/row.hpp"

namespace openset::infer {

/// Puts pictures into a folder for each verdict: FOLDER/tabby/, FOLDER/unknown/, FOLDER/failed/.
///
/// A picture that is a file becomes a symbolic link with an absolute target, or a copy; one whose bytes are given (a
/// member of a tar file, standard input) becomes a file. It keeps the last component of its path as its name; where
/// another picture has that name already it is `name-2.jpg`, `name-3.jpg` and so on, in the order of add(). Nothing that
/// exists is replaced, and what is there already, the same link or a file of the same bytes, is left: the same run again
/// changes nothing.
///
/// Labels become names of folders by replacing what names cannot have (`/`, control characters, a dot at the start) with
/// `_` and shortening them to 255 bytes. The labels `unknown` and `failed` get a trailing `_`, and so do those that read
/// like these with such a trail.
class SortInto {
public:
    /// labels  all that a verdict may be: two whose folders would have one name are kept apart by a hash of the label,
    ///         the same whatever pictures come
    /// copy    files are copied, not linked
    SortInto(std::filesystem::path folder, const std::vector<std::string>& labels, bool copy);

    /// bytes  of a picture that is no file; null for one that is
    /// A failed picture that was not found is left out; one that is there but cannot be copied is linked.
    /// Throws Error(output), naming the file and the reason.
    void add(const io::Row& row, const std::vector<std::uint8_t>* bytes);

private:
    struct Folder {
        std::filesystem::path path;
        std::unordered_map<std::string, int> next_number; ///< of names that two pictures had, where to look first
    };

    Folder& folder_of(const io::Verdict& verdict);
    void link(Folder& folder, const std::string& name, const std::filesystem::path& picture);
    void copy(Folder& folder, const std::string& name, const std::vector<std::uint8_t>& bytes);

    std::filesystem::path root_, working_folder_;
    bool copy_;
    std::map<std::string, std::string> folder_names_; ///< by label
    std::map<std::string, Folder> folders_;           ///< those that are there, by name
};

/// The name of a label's folder, by label, for labels that all differ.
std::map<std::string, std::string> label_folders(const std::vector<std::string>& labels);

/// `name` for number 1, `stem-2.ending` for number 2 and so on, of at most 255 bytes.
std::string numbered_name(const std::string& name, int number);

} // namespace openset::infer
