#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "detect/parameter_values.hpp"
#include "io/checked_json.hpp"
#include "openset/detect/detector.hpp"
#include "openset/detect/training_data.hpp"
#include "openset/io/fitted_file.hpp"

/// What the fits of the methods have in common. A fit makes a fitted file and loads it, so that what is written scores as
/// what was fitted by construction.
namespace openset::detect {

/// The beginning of a fitted file: all that every one of them tells of the network and its rows.
io::FittedFile begin_fitted(std::string_view method, const TrainingFacts& facts, const ParameterValues& values);

/// The same for a method that needs no rows.
io::FittedFile begin_unfitted(std::string_view method, std::int64_t classes, const ParameterValues& values);

/// What a fitted file tells of the activations that it was fitted on.
io::StoreMeta store_meta_of(const io::FittedFile& file);

/// Magnitude of the numbers in a fitted file: fits of float32 activations stay far below it, and what is computed from numbers up to
/// it stays finite.
inline constexpr double largest_fitted_value = 1e60;

/// Adds a sentence to the diagnostics' warnings.
void add_warning(io::FittedFile& file, const std::string& warning);

/// Adds a member to the diagnostics, for people.
void add_diagnostic(io::FittedFile& file, const std::string& key, const io::Json& value);

/// Reads the state of a fitted file. Everything throws Error(corrupt) that says what was found and what was expected.
class FittedState {
public:
    static constexpr std::int64_t any = -1;

    explicit FittedState(const io::FittedFile& file);

    double number(const std::string& key) const; ///< of a magnitude up to 1e60, as those of arrays
    std::int64_t whole(const std::string& key, std::int64_t min, std::int64_t max) const;

    /// columns  0: a vector; any: at least one, as many as there are
    const io::FittedArray& array(const std::string& name, std::int64_t rows, std::int64_t columns = 0) const;
    const io::FittedFloats& floats(const std::string& name, std::int64_t rows, std::int64_t columns = 0) const;

    std::int64_t classes() const { return std::ssize(file_.labels); } ///< at least 1

private:
    const io::FittedFile& file_;
    io::Json json_;
};

/// A detector that is what its fitted file says.
class FittedDetector : public Detector {
public:
    std::string_view method() const override { return file_.method; }
    Needs needs() const override { return needs_; }
    std::optional<io::FittedFile> fitted() const override { return file_; }

protected:
    /// features  columns that it looks at; 0: none
    FittedDetector(const io::FittedFile& file, std::int64_t features)
        : file_(file), needs_{.classes = std::ssize(file.labels), .features = features} {}

    const io::FittedFile& file() const { return file_; }
    std::size_t classes() const { return static_cast<std::size_t>(needs_.classes); }
    std::size_t features() const { return static_cast<std::size_t>(needs_.features); }

private:
    io::FittedFile file_;
    Needs needs_;
};

/// As Method::load. Throws what the constructor throws.
template <class OfMethod>
std::unique_ptr<Detector> load_as(const io::FittedFile& file) {
    return std::make_unique<OfMethod>(file);
}

} // namespace openset::detect
