#include "openset/base/cache_folder.hpp"

#include <cstdlib>

namespace openset {

std::optional<std::filesystem::path> cache_folder() {
    const auto absolute = [](const char* variable) -> std::optional<std::filesystem::path> {
        const char* const value = std::getenv(variable);
        if (value == nullptr || !std::filesystem::path(value).is_absolute()) return std::nullopt;
        return value;
    };
    if (const auto cache = absolute("XDG_CACHE_HOME")) return *cache / "openset";
    if (const auto home = absolute("HOME")) return *home / ".cache" / "openset";
    return std::nullopt;
}

} // namespace openset
