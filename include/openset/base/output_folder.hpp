#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace openset {

/// A folder of results that stands under its name only when it is whole: written as `<folder>.partial`, synced and renamed
/// by commit(). Every method throws Error(output) where something cannot be written, naming it and the reason.
///
/// A file at its top, the record, is what tells a folder of one's own from any other: nothing that lies in a folder without
/// one is ever removed.
class OutputFolder {
public:
    /// Makes, locks and empties `<folder>.partial`. Throws Error(output), with everything untouched, where another run is
    /// writing it, or where it, or what has the final name, holds something and no record.
    /// record  its name: "truth.csv"
    OutputFolder(const std::filesystem::path& folder, std::string record);
    OutputFolder(const OutputFolder&) = delete;
    OutputFolder& operator=(const OutputFolder&) = delete;
    /// Without commit() what was written is removed.
    ~OutputFolder();

    /// Writes a file, and makes the folders that lead to it. Any thread may call it, two with one name may not.
    /// file  relative to the folder
    void write(const std::filesystem::path& file, std::span<const std::uint8_t> bytes);

    /// Where the folder lies meanwhile, for who writes files into it by other means.
    const std::filesystem::path& partial() const;

    /// Writes the record, and gives the folder its name; what had it is removed.
    void commit(std::string_view record);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Whether a folder of this name holds something. Throws Error(output), to be told before the work is done, where an
/// OutputFolder would.
bool check_place_for_output_folder(const std::filesystem::path& folder, const std::string& record);

} // namespace openset
