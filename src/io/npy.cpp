#include "openset/io/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "base/descriptor.hpp"
#include "io/checked_json.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"

namespace openset::io {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are mapped as they lie on disk");

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t alignment = 64;     ///< of the values in files that NumPy writes
constexpr std::size_t growth_digits = 21; ///< room that NumPy leaves for the first axis

struct TypeNames {
    NpyType type;
    std::string_view descr, numpy;
    std::size_t bytes;
};
constexpr std::array types = {
    TypeNames{NpyType::float32, "<f4", "float32", 4},
    TypeNames{NpyType::float64, "<f8", "float64", 8},
    TypeNames{NpyType::int64, "<i8", "int64", 8},
};

const TypeNames& names_of(NpyType type) {
    return *std::ranges::find_if(types, [type](const TypeNames& names) { return names.type == type; });
}

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
    throw Error(ErrorKind::corrupt, name + ": " + what);
}

std::string save_again(const std::string& what) { return "; save it again: np.save(file, " + what + ")"; }

/// The header's Python dict: the three keys that NumPy writes, in any order, and nothing else.
class HeaderDict {
public:
    HeaderDict(std::string_view text, const std::string& name) : rest_(text), name_(name) {
        expect('{');
        while (!take('}')) {
            member();
            if (take(',')) continue;
            expect('}');
            break;
        }
        skip_space();
        if (!rest_.empty()) refuse_here("the end of the header");
        if (!descr_ || !fortran_order_ || !shape_) refuse_header("expected the keys descr, fortran_order and shape");
    }

    const std::string& descr() const { return *descr_; }
    bool fortran_order() const { return *fortran_order_; }
    const std::vector<std::int64_t>& shape() const { return *shape_; }

private:
    void member() {
        const std::string key = string();
        expect(':');
        const bool known = key == "descr" || key == "fortran_order" || key == "shape";
        if (!known) refuse_header("found the key " + in_quotes(key) + ", expected descr, fortran_order and shape");
        const bool twice = key == "descr"   ? descr_.has_value()
                           : key == "shape" ? shape_.has_value()
                                            : fortran_order_.has_value();
        if (twice) refuse_header("found the key " + key + " twice, expected it once");
        if (key == "descr") descr_ = type_descr();
        if (key == "fortran_order") fortran_order_ = boolean();
        if (key == "shape") shape_ = tuple();
    }

    std::string type_descr() {
        skip_space();
        if (rest_.starts_with('['))
            refuse_header("found an array of records, expected plain numbers; save one column of it");
        return string();
    }

    std::string string() {
        skip_space();
        const char quote = rest_.empty() ? '\0' : rest_.front();
        const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
        if (end == std::string_view::npos) refuse_here("a string in quotes");
        const std::string text(rest_.substr(1, end - 1));
        if (text.find('\\') != std::string::npos) refuse_here("a string without escapes");
        rest_.remove_prefix(end + 1);
        return text;
    }

    bool boolean() {
        skip_space();
        for (const bool value : {false, true}) {
            const std::string_view word = value ? "True" : "False";
            if (!rest_.starts_with(word)) continue;
            rest_.remove_prefix(word.size());
            return value;
        }
        refuse_here("True or False");
    }

    std::vector<std::int64_t> tuple() {
        constexpr std::size_t most_axes = 32; // NumPy's own limit
        std::vector<std::int64_t> shape;
        expect('(');
        while (!take(')')) {
            shape.push_back(length());
            if (shape.size() > most_axes) refuse_header("found more than 32 axes, expected at most 2");
            if (take(',')) continue;
            if (shape.size() == 1) refuse_here("a comma: the shape of one axis is (n,)");
            expect(')');
            break;
        }
        return shape;
    }

    std::int64_t length() {
        skip_space();
        std::int64_t value = 0;
        const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (problem != std::errc() || value < 0) refuse_here("the length of an axis, 0 or more");
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }

    bool take(char wanted) {
        skip_space();
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void expect(char wanted) {
        if (!take(wanted)) refuse_here(std::string(1, wanted));
    }

    [[noreturn]] void refuse_here(const std::string& expected) const {
        refuse_header("found " + (rest_.empty() ? "its end" : in_quotes(rest_.substr(0, 20))) + ", expected " +
                      expected);
    }

    [[noreturn]] void refuse_header(const std::string& what) const { refuse(name_, "in the .npy header: " + what); }

    std::string_view rest_;
    const std::string& name_;
    std::optional<std::string> descr_;
    std::optional<bool> fortran_order_;
    std::optional<std::vector<std::int64_t>> shape_;
};

/// Where the header's dict stands in the file.
struct Extent {
    std::size_t begin, end;
};

Extent extent_of_dict(std::string_view start, const std::string& name) {
    if (!start.starts_with(magic)) {
        refuse(name, start.empty() ? "is empty, expected an array as np.save writes it"
                                   : "is no .npy file: begins with " + in_quotes(start.substr(0, 6)) +
                                         ", expected an array as np.save writes it");
    }
    const auto byte = [&](std::size_t at) -> std::size_t {
        if (at >= start.size()) refuse(name, "ends within its header; copy it again");
        return static_cast<unsigned char>(start[at]);
    };
    const std::size_t major = byte(6), minor = byte(7);
    if (major < 1 || major > 3 || minor != 0) {
        refuse(name, "has version " + std::to_string(major) + "." + std::to_string(minor) +
                         " of the .npy format, expected 1.0, 2.0 or 3.0" + save_again("a"));
    }
    const std::size_t begin = major == 1 ? 10 : 12;
    std::size_t length = 0;
    for (std::size_t at = begin; at-- > 8;) length = length << 8 | byte(at);
    if (length > max_npy_header_bytes - begin) {
        refuse(name, "has a header of " + std::to_string(length) + " bytes, expected at most 10000" + save_again("a"));
    }
    if (begin + length > start.size()) refuse(name, "ends within its header; copy it again");
    return {begin, begin + length};
}

std::string other_type(const std::string& found, NpyType expected) {
    const TypeNames& wanted = names_of(expected);
    return "holds " + in_quotes(found) + ", expected " + std::string(wanted.descr) + " (" + std::string(wanted.numpy) +
           ")" + save_again("a.astype(np." + std::string(wanted.numpy) + ")");
}

/// What the values of this shape take; throws where that overflows, also where an axis of length 0 would hide it.
std::uint64_t checked_bytes(const std::vector<std::int64_t>& shape, NpyType type, const std::string& name) {
    constexpr std::int64_t most = std::int64_t{1} << 62;
    auto bytes = static_cast<std::int64_t>(bytes_of(type));
    bool none = false;
    for (const std::int64_t length : shape) {
        none = none || length == 0;
        if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(length, 1), &bytes) || bytes > most)
            refuse(name, "its header tells a shape of more than 2^62 bytes, which no file has; copy it again");
    }
    return none ? 0 : static_cast<std::uint64_t>(bytes);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

/// What is mapped at the moment, by the first address behind it.
class Mappings {
public:
    void add(const char* place, std::size_t bytes, std::filesystem::path path) {
        const std::scoped_lock lock(mutex_);
        by_end_.emplace(place + bytes, Place{place, std::move(path)});
    }
    void remove(const char* place, std::size_t bytes) {
        const std::scoped_lock lock(mutex_);
        by_end_.erase(place + bytes);
    }
    std::optional<std::filesystem::path> file_at(const char* address) {
        const std::scoped_lock lock(mutex_);
        const auto found = by_end_.upper_bound(address);
        if (found == by_end_.end() || address < found->second.begin) return std::nullopt;
        return found->second.path;
    }

private:
    struct Place {
        const char* begin;
        std::filesystem::path path;
    };
    std::mutex mutex_;
    std::map<const char*, Place> by_end_;
};

Mappings& mappings() {
    static Mappings all;
    return all;
}

/// A file mapped for reading, and only as long as it lives.
class Mapping {
public:
    explicit Mapping(const std::filesystem::path& path) try {
        const RegularFile file = open_regular(path);
        bytes_ = file.size;
        if (bytes_ == 0) return; // nothing can be mapped
        void* const place = ::mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file.descriptor.value(), 0);
        if (place == MAP_FAILED)
            throw Error(ErrorKind::unreadable, std::string("cannot be mapped: ") + std::strerror(errno));
        place_ = static_cast<const char*>(place);
        mappings().add(place_, bytes_, path);
    } catch (const Error& error) {
        throw Error(error.kind(), path.string() + ": " + error.what());
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (place_ == nullptr) return;
        mappings().remove(place_, bytes_);
        ::munmap(const_cast<char*>(place_), bytes_);
    }

    std::string_view bytes() const { return {place_, bytes_}; }

    /// Lets go of the pages that lie within [first, end) altogether.
    void let_go(std::size_t first, std::size_t end) const {
        static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        first = (first + page - 1) / page * page;
        end = end == bytes_ ? end : end / page * page;
        if (first < end) ::madvise(const_cast<char*>(place_) + first, end - first, MADV_DONTNEED);
    }

private:
    const char* place_ = nullptr;
    std::size_t bytes_ = 0;
};

} // namespace

std::string_view descr(NpyType type) { return names_of(type).descr; }
std::size_t bytes_of(NpyType type) { return names_of(type).bytes; }

std::optional<std::filesystem::path> mapped_file_at(const void* address) {
    return mappings().file_at(static_cast<const char*>(address));
}

NpyHeader parse_npy_header(std::string_view start, NpyType expected, const std::string& name) {
    const Extent extent = extent_of_dict(start, name);
    const HeaderDict dict(start.substr(extent.begin, extent.end - extent.begin), name);
    if (dict.descr() != descr(expected)) refuse(name, other_type(dict.descr(), expected));
    if (dict.fortran_order())
        refuse(name, "is in Fortran order, expected C order" + save_again("np.ascontiguousarray(a)"));
    if (extent.end % bytes_of(expected) != 0) {
        refuse(name, "has a header of " + std::to_string(extent.end) + " bytes, so that its values lie misaligned" +
                         save_again("a"));
    }
    return {expected, dict.shape(), extent.end, checked_bytes(dict.shape(), expected, name)};
}

std::string npy_header(NpyType type, const std::vector<std::int64_t>& shape) {
    std::string dict =
        "{'descr': '" + std::string(descr(type)) + "', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }";
    if (!shape.empty()) dict.append(growth_digits - std::to_string(shape.front()).size(), ' ');
    // NumPy pads by 1 to 64 spaces, never by none; the line end counts.
    constexpr std::size_t before = magic.size() + 2 + 2;
    dict.append(alignment - (before + dict.size() + 1) % alignment, ' ');
    dict += '\n';
    assert(dict.size() < 65'536);
    std::string header(magic);
    header += {'\1', '\0', static_cast<char>(dict.size() & 0xFF), static_cast<char>(dict.size() >> 8)};
    return header + dict;
}

template <typename Value>
void write_npy(const std::filesystem::path& path, std::span<const Value> values,
               const std::vector<std::int64_t>& shape) {
    const auto sink = open_atomic_file(path);
    sink->write(npy_header(npy_type<Value>(), shape));
    sink->write({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    sink->commit();
}

template <typename Value>
struct NpyArray<Value>::State {
    explicit State(const std::filesystem::path& file)
        : path(file), mapping(file),
          header(parse_npy_header(mapping.bytes().substr(0, max_npy_header_bytes), npy_type<Value>(), file.string())) {
        const std::uint64_t found = mapping.bytes().size(), expected = header.bytes + header.data_bytes;
        if (found == expected) return;
        refuse(path.string(), "has " + std::to_string(found) + " bytes, expected " + std::to_string(expected) +
                                  " for the shape " + shape_text(header.shape) + " that its header tells; it was cut " +
                                  "short or written over, copy it again");
    }

    std::filesystem::path path;
    Mapping mapping;
    NpyHeader header;
};

template <typename Value>
NpyArray<Value>::NpyArray(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
template <typename Value>
NpyArray<Value>::NpyArray(NpyArray&&) noexcept = default;
template <typename Value>
NpyArray<Value>& NpyArray<Value>::operator=(NpyArray&&) noexcept = default;
template <typename Value>
NpyArray<Value>::~NpyArray() = default;

template <typename Value>
const std::filesystem::path& NpyArray<Value>::path() const {
    return state_->path;
}

template <typename Value>
const std::vector<std::int64_t>& NpyArray<Value>::shape() const {
    return state_->header.shape;
}

template <typename Value>
std::span<const Value> NpyArray<Value>::values() const {
    const std::string_view bytes = state_->mapping.bytes();
    return {reinterpret_cast<const Value*>(bytes.data() + state_->header.bytes), // aligned, or the header is refused
            static_cast<std::size_t>(state_->header.data_bytes / sizeof(Value))};
}

template <typename Value>
void NpyArray<Value>::let_go(std::size_t first, std::size_t count) const {
    const std::size_t begin = state_->header.bytes + first * sizeof(Value);
    state_->mapping.let_go(begin, begin + count * sizeof(Value));
}

template class NpyArray<float>;
template class NpyArray<double>;
template class NpyArray<std::int64_t>;
template void write_npy(const std::filesystem::path&, std::span<const float>, const std::vector<std::int64_t>&);
template void write_npy(const std::filesystem::path&, std::span<const double>, const std::vector<std::int64_t>&);
template void write_npy(const std::filesystem::path&, std::span<const std::int64_t>, const std::vector<std::int64_t>&);

} // namespace openset::io
