#pragma once

#include "openset/io/fitted_file.hpp"
#include "report/content.hpp"

namespace openset::report {

/// What a method that has no pictures of its own was fitted to: its formula, parameters and what the fit found; of a temperature
/// the reliability before and after.
Section method_section(const io::FittedFile& file);

} // namespace openset::report
