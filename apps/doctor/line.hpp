#pragma once

#include <iostream>
#include <string>

namespace openset::doctor {

/// One line of what doctor says: a name, and in a second column what there is to tell.
inline void line(const std::string& name, const std::string& value) {
    std::string left = name;
    left.resize(22, ' ');
    std::cout << left << value << "\n";
}

} // namespace openset::doctor
