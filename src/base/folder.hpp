#pragma once

#include <filesystem>
#include <functional>

#include "base/descriptor.hpp"

/// Folders that stand under their names only when they are whole. Throws Error(output), naming the folder and the reason.
namespace openset {

/// The name without a slash at its end, so that more can be written to it.
std::filesystem::path without_slash(std::filesystem::path folder);

/// Throws Error(output) where the folder's place is missing, or where something has its name that is no folder: a file, or
/// a link, which a folder cannot replace.
void check_place_for_folder(const std::filesystem::path& folder);

/// Locks a folder for this process until the descriptor is closed. Throws Error(output) where another process holds the
/// lock; where the file system knows no locks, nothing is locked.
Descriptor lock_folder(const std::filesystem::path& folder);

/// Waits until the disk has the names in a folder.
void sync_folder(const std::filesystem::path& folder);

/// Gives a folder the name of another, which need not be there.
/// remove_old  is called with the one that had the name, wherever it is then
void replace_folder(const std::filesystem::path& from, const std::filesystem::path& to,
                    const std::function<void(const std::filesystem::path& old)>& remove_old);

} // namespace openset
