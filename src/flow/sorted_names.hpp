#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace openset::flow {

/// Names without NUL, handed out in bytewise order. They lie in one piece: a name costs 5 bytes besides its own, so that
/// a folder of a million can be listed.
class SortedNames {
public:
    /// False where the names would take more than 4 GiB.
    [[nodiscard]] bool add(std::string_view name);
    /// To be called once, when all names are there.
    void sort();

    /// The next one, valid as long as this is; nullopt at the end.
    std::optional<std::string_view> next();

private:
    std::string text_; ///< every name and a NUL
    std::vector<std::uint32_t> begins_;
    std::size_t next_ = 0;
};

} // namespace openset::flow
