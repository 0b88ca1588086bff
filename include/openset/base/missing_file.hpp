#pragma once

#include <filesystem>
#include <string>

namespace openset {

/// `no such file, expected <what>; did you mean "X"?`: for a file that a user named and that is not there. X is a file of
/// its folder with a name close to its own; the question is left out where there is none.
/// what  what was expected there, such as "a pipeline config"
std::string no_such_file(const std::filesystem::path& path, const std::string& what);

} // namespace openset
