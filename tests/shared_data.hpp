#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>

/// The folder of golden values and reference data: $OPENSET_SHARED, default ../shared beside the project.
inline std::filesystem::path shared_data() {
    const char* named = std::getenv("OPENSET_SHARED");
    return named != nullptr ? named : std::filesystem::path(OPENSET_SOURCE_DIR) / ".." / "shared";
}

/// Skips the test, saying so, where the file or folder is not there.
#define OPENSET_NEED_SHARED(relative)                                                                                  \
    if (!std::filesystem::exists(shared_data() / (relative))) {                                                        \
        std::cerr << "SKIPPED: no " << (shared_data() / (relative)).string() << " (set OPENSET_SHARED)\n";             \
        GTEST_SKIP() << "no " << (shared_data() / (relative)).string() << " (set OPENSET_SHARED)";                     \
    }
