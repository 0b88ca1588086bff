#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

/// A folder for parsers that read files, made once for the process: in memory where there is such a place.
inline const std::filesystem::path& scratch_folder() {
    static const std::filesystem::path folder = [] {
        const std::filesystem::path memory = "/dev/shm";
        std::string name = ((std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
                            "openset-fuzz-XXXXXX")
                               .string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        static const std::string made = name;
        std::atexit([] {
            std::error_code ignored;
            std::filesystem::remove_all(made, ignored);
        });
        return std::filesystem::path(made);
    }();
    return folder;
}

inline std::filesystem::path write_scratch(const std::string& name, const std::string& content) {
    const auto file = scratch_folder() / name;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    return file;
}
