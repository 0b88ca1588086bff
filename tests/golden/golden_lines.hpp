#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "io/checked_json.hpp"
#include "shared_data.hpp"

/// The lines of golden/NAME, each a JSON value.
inline std::vector<openset::io::Json> golden_lines(const std::string& name) {
    std::ifstream file(shared_data() / "golden" / name);
    std::vector<openset::io::Json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(openset::io::Json::parse(line));
    return lines;
}
