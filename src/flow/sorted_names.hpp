#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace openset::flow {

/// Names of a folder's entries, handed out in bytewise order. They lie one behind the other in large blocks: a name costs
/// 5 bytes besides its own, so that a folder of a million can be listed.
class SortedNames {
public:
    /// name  1 to 1000 bytes, no NUL among them
    /// False where the names would take more than 4 GiB.
    [[nodiscard]] bool add(std::string_view name);
    /// To be called once, when all names are there.
    void sort();

    /// The next one, valid as long as this is; nullopt at the end.
    std::optional<std::string_view> next();

private:
    const char* name_at(std::uint32_t place) const;

    std::vector<std::unique_ptr<char[]>> blocks_; ///< every name and a NUL
    std::size_t free_ = 0;                        ///< in the last block
    std::vector<std::uint32_t> places_;           ///< a block's number and where the name begins in it, 16 bits each
    std::size_t next_ = 0;
};

} // namespace openset::flow
