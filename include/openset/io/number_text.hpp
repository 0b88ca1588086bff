#pragma once

#include <string>

namespace openset::io {

/// The shortest decimal text that reads back to the same value ("inf", "-inf" and "nan" for those).
std::string shortest(double value);
std::string shortest(float value);

} // namespace openset::io
