#pragma once

#include <span>
#include <string>

#include "openset/image/picture.hpp"

/// Pictures that are made: nothing here reads a file or knows a network. A picture depends on nothing but the arguments;
/// every function may be called by any number of threads.
namespace openset::draw {

/// One picture of a contact sheet.
struct Tile {
    image::Picture picture; ///< of any size; empty for a place that is left free
    std::string caption;    ///< below it, shortened to its width; characters that are not ASCII become '?'
};

struct ContactSheetOptions {
    int columns = 8;     ///< at least 1
    int tile_size = 128; ///< pixels, at least 16: the box into which a picture is fitted, never enlarged
};

/// The pictures row by row on white. Throws Error(usage) where an option is out of range or the sheet would have sides of
/// more than 65,500 pixels, which no JPEG holds.
image::Picture contact_sheet(std::span<const Tile> tiles, const ContactSheetOptions& options = {});

} // namespace openset::draw
