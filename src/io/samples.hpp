#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

/// The table of a store's pictures: samples.csv, with the columns path, label, status, error and row.
namespace openset::io {

/// A picture of a store.
struct Sample {
    std::string path;                  ///< any bytes
    std::string label;                 ///< a label of the network, or a class that it does not know; empty: none
    std::string error;                 ///< why the picture failed; empty iff it has a row
    std::optional<std::int64_t> row{}; ///< in the arrays; none: it failed
};

struct SampleCounts {
    std::int64_t rows = 0, failed = 0;
};

/// The first record, with its line end.
std::string samples_header();

/// One record, with its line end.
std::string to_csv_record(const Sample& sample);

/// Reads them one by one. Rows count up from 0, or it is an error. What a killed run left torn at the end is no record;
/// whole_bytes() is where it begins.
class SampleReader {
public:
    /// Throws Error of kind not_found, unreadable or corrupt; messages carry the path.
    explicit SampleReader(const std::filesystem::path& file);
    SampleReader(SampleReader&&) noexcept;
    ~SampleReader();

    /// None after the last whole record. Throws Error(corrupt, unreadable), naming the line.
    std::optional<Sample> next();

    /// Of the records handed out so far.
    const SampleCounts& counts() const;

    /// Bytes of the header and of the records handed out so far.
    std::uint64_t whole_bytes() const;

    /// Throws Error(corrupt) where the file was cut short; once next() has given none.
    void check_whole() const;

    /// Throws Error(corrupt) about the record that was handed out last.
    [[noreturn]] void refuse_last(const std::string& what) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace openset::io
