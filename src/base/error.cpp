#include "openset/base/error.hpp"

namespace openset {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::usage: return "usage";
    case ErrorKind::not_found: return "not-found";
    case ErrorKind::unreadable: return "unreadable";
    case ErrorKind::empty: return "empty";
    case ErrorKind::not_an_image: return "not-an-image";
    case ErrorKind::unsupported_format: return "unsupported-format";
    case ErrorKind::truncated: return "truncated";
    case ErrorKind::corrupt: return "corrupt";
    case ErrorKind::too_large: return "too-large";
    case ErrorKind::model: return "model";
    case ErrorKind::out_of_memory: return "out-of-memory";
    case ErrorKind::output: return "output";
    case ErrorKind::internal: return "internal";
    }
    return "internal";
}

} // namespace openset
