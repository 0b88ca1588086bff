#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Arrays as NumPy stores them (numpy.lib.format: versions 1.0 to 3.0): little-endian, in C order, of the three types that
/// stores and fitted files are made of.
namespace openset::io {

enum class NpyType { float32, float64, int64 };

/// As NumPy spells it in a header: `<f4`, `<f8`, `<i8`.
std::string_view descr(NpyType type);

std::size_t bytes_of(NpyType type);

struct NpyHeader {
    NpyType type = NpyType::float32;
    std::vector<std::int64_t> shape; ///< empty: a single value
    std::uint64_t bytes = 0;         ///< of the header; the values begin behind it
    std::uint64_t data_bytes = 0;    ///< what the type and the shape take
};

/// Enough of a file's beginning for any header that is accepted: NumPy too refuses longer ones.
inline constexpr std::size_t max_npy_header_bytes = 10'012;

/// start     the file's first max_npy_header_bytes bytes, or all there are
/// expected  the only type that will do
/// name      of the file in messages
/// Throws Error(corrupt), with the Python expression that mends the file where there is one: no .npy file, an unknown
/// version, another type, Fortran order, sizes that overflow, values that would lie misaligned.
NpyHeader parse_npy_header(std::string_view start, NpyType expected, const std::string& name);

/// The header that NumPy writes (version 1.0), byte for byte. Its length does not depend on the first axis, whose 21 digits
/// it leaves room for: a file that grows row by row has its header patched in place.
std::string npy_header(NpyType type, const std::vector<std::int64_t>& shape);

template <typename Value>
constexpr NpyType npy_type();
template <>
constexpr NpyType npy_type<float>() {
    return NpyType::float32;
}
template <>
constexpr NpyType npy_type<double>() {
    return NpyType::float64;
}
template <>
constexpr NpyType npy_type<std::int64_t>() {
    return NpyType::int64;
}

/// Writes a whole array atomically, byte for byte as NumPy would. Throws Error(output).
/// values  as many as the shape says
template <typename Value>
void write_npy(const std::filesystem::path& path, std::span<const Value> values,
               const std::vector<std::int64_t>& shape);

/// A .npy file, mapped into memory and not read: opening it takes no time, whatever its size. The file must not be cut
/// short while it is mapped: looking at what is no longer there, or at what the disk cannot read, raises SIGBUS (see
/// mapped_file_at()). Value is float, double or std::int64_t.
template <typename Value>
class NpyArray {
public:
    /// Throws Error(not_found, unreadable), and Error(corrupt) as parse_npy_header() and where the file's size is not what
    /// its header says. Messages carry the path.
    explicit NpyArray(const std::filesystem::path& path);
    NpyArray(NpyArray&&) noexcept;
    NpyArray& operator=(NpyArray&&) noexcept;
    ~NpyArray();

    const std::filesystem::path& path() const;
    const std::vector<std::int64_t>& shape() const;
    std::span<const Value> values() const; ///< of all axes, the last running fastest

    /// Gives the memory of values that were looked at back to the system; they are read again when they are looked at
    /// again. Pages that they share with values outside stay.
    void let_go(std::size_t first, std::size_t count) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The file of the NpyArray that holds this address: what a handler of SIGBUS has to tell. None: it is no array's.
std::optional<std::filesystem::path> mapped_file_at(const void* address);

} // namespace openset::io
