#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "discover/groups.hpp"

namespace openset::discover {

/// The pictures of a group that lie nearest to its centre, as JPEG; a picture that cannot be read is a free place.
/// root  where relative paths begin
std::vector<std::uint8_t> contact_sheet(const Rejected& rejected, const Group& group,
                                        const std::filesystem::path& root);

} // namespace openset::discover
