#pragma once

#include <string>

#include "openset/base/error.hpp"
#include "openset/flow/input.hpp"

namespace openset::flow {

/// An input that is known to fail before anything was read of it.
inline Input failed_input(std::string path, ErrorKind kind, std::string message) {
    return {std::move(path), std::nullopt, io::Failure{std::string(to_string(kind)), std::move(message)}};
}

} // namespace openset::flow
