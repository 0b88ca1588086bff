#include "openset/io/row.hpp"

namespace openset::io {

std::string_view to_string(Stage stage) {
    switch (stage) {
    case Stage::gate: return "gate";
    case Stage::species: return "species";
    case Stage::classifier: return "classifier";
    case Stage::unknown: return "unknown";
    }
    return "";
}

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
    case Outcome::known: return "known";
    case Outcome::unknown: return "unknown";
    case Outcome::failed: return "failed";
    }
    return "";
}

} // namespace openset::io
