#pragma once

#include <string>
#include <utility>
#include <vector>

#include "openset/base/error.hpp"

namespace openset::cli {

/// What a flag such as --set gives as KEY=VALUE, in its order. Throws Error(usage) where there is no sign.
inline std::vector<std::pair<std::string, std::string>> key_values(const std::string& flag,
                                                                   const std::vector<std::string>& texts) {
    std::vector<std::pair<std::string, std::string>> parts;
    for (const std::string& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos)
            throw Error(ErrorKind::usage, flag + " " + text + ": expected KEY=VALUE, such as k=50");
        parts.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return parts;
}

} // namespace openset::cli
