#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/detect/detector.hpp"
#include "openset/io/fitted_file.hpp"

namespace openset::detect {

/// All parameters of a method: those that were given, and the defaults of the others.
class ParameterValues {
public:
    static constexpr std::int64_t no_limit = std::int64_t{1} << 53;

    /// Of what was typed. Throws Error(usage) with a did-you-mean: no such parameter of the method.
    ParameterValues(std::string_view method, const std::vector<Parameter>& declared, const Parameters& typed);

    /// Of a fitted file. Throws Error(corrupt): a parameter that is missing, or one too many.
    ParameterValues(const io::FittedFile& file, const std::vector<Parameter>& declared);

    // Throw Error, usage or corrupt as above, where the text is no such value.

    std::int64_t whole(const std::string& name, std::int64_t min, std::int64_t max = no_limit) const;
    /// min, max  included; finite
    double number(const std::string& name, double min, double max) const;
    /// Greater than 0, finite.
    double positive(const std::string& name) const;
    std::string one_of(const std::string& name, const std::vector<std::string>& choices) const;
    bool is_auto(const std::string& name) const { return text(name) == "auto"; }

    /// The object that a fitted file has as its params, keys with `_` for `-`.
    std::string to_json() const;

private:
    const std::string& text(const std::string& name) const { return texts_.at(name); }
    std::string found(const std::string& name) const; ///< the beginning of a message

    ErrorKind kind_;
    std::string where_; ///< in messages, in front of the parameter's name
    std::map<std::string, std::string> texts_;
};

} // namespace openset::detect
