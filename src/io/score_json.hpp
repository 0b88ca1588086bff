#pragma once

#include <optional>
#include <string>

#include "io/checked_json.hpp"

/// What operating points and calibrations have in common in JSON.
namespace openset::io {

/// A score or a threshold: JSON has no infinities, which are "inf" and "-inf".
nlohmann::ordered_json score_json(double value);

/// None where a problem was noted.
std::optional<double> read_score(const CheckedValue& value);

/// A digest; empty where there is none, or null.
std::string read_digest(CheckedObject& object, const std::string& key);

/// An object for people, as text; {} where there is none.
std::string read_notes(CheckedObject& object, const std::string& key);

} // namespace openset::io
