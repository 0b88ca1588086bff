#pragma once

#include <string_view>

#include "draw/brush.hpp"
#include "openset/base/random.hpp"

/// What pictures of the world are of, drawn between -1 and 1.
namespace openset::draw {

/// Draws one; false where no thing has this name.
bool draw_thing(std::string_view name, Brush brush, Random& random);
bool draw_sign(std::string_view name, Brush brush, Random& random);

} // namespace openset::draw
