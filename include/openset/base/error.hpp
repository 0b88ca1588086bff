#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace openset {

/// What went wrong, as far as a caller has to tell cases apart.
/// The kinds from not_found to model are also the failure kinds of a row (`error.kind`).
enum class ErrorKind {
    usage,      ///< wrong flag, config or parameter: the user can mend it by typing something else
    not_found,  ///< no such file or folder
    unreadable, ///< there, but opening or reading it failed
    empty,      ///< a file of 0 bytes
    not_an_image,
    unsupported_format,
    truncated,
    corrupt,
    too_large,
    model,         ///< a network file or what a network returned
    out_of_memory, ///< a device had no room for a batch; a smaller one may pass
    output,        ///< a result could not be written
    internal,      ///< a mistake of ours
};

/// The kind as rows spell it: "not-found", "not-an-image", ...
std::string_view to_string(ErrorKind kind);

/// The one exception type of the library. The message is one line in lower case that names the thing, what was
/// found, what was expected and the way out; it carries no program name.
class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

    ErrorKind kind() const noexcept { return kind_; }

private:
    ErrorKind kind_;
};

} // namespace openset
