#pragma once

#include <string>

#include "openset/base/error.hpp"

/// "kind: message" of the openset::Error that the call throws, "none" where it throws none.
template <typename Call>
std::string error_of(Call call) {
    try {
        call();
    } catch (const openset::Error& error) {
        return std::string(to_string(error.kind())) + ": " + error.what();
    }
    return "none";
}
