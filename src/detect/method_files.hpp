#pragma once

#include "openset/detect/detector.hpp"

/// What the files of the methods define, each its own.
namespace openset::detect::method {

#define OPENSET_METHOD(name) Method name();
#include "detect/method_list.inc"
#undef OPENSET_METHOD

} // namespace openset::detect::method
