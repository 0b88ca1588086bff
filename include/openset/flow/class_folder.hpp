#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openset::flow {

/// The class of a picture in folders that are called by their classes (as torchvision's ImageFolder has them): the name of
/// the folder directly below the named one in which the picture lies, however deep. A picture that lies directly in a named
/// folder, is named itself or comes from a list has the name of the folder in which it lies; a member of an archive has the
/// first folder of its name in there, and without one what a file in the archive's place would have.
/// path   as flow::scan() gives it
/// named  what flow::scan() was told to walk; of several that hold the picture the longest counts
/// Empty where no folder tells: a bare file name.
std::string class_folder(std::string_view path, const std::vector<std::string>& named);

} // namespace openset::flow
