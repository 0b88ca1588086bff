#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>

#include "openset/io/fitted_file.hpp"

namespace openset::inspect {

/// What the fit of an OpenMax wrote about each class for people. A loaded detector has none of it: nothing is computed
/// from it.
class Diagnostics {
public:
    using Json = nlohmann::ordered_json;

    explicit Diagnostics(const io::FittedFile& fitted) : json_(Json::parse(fitted.diagnostics_json, nullptr, false)) {}

    /// An empty object where nothing is said of this one.
    Json of_class(std::size_t index) const {
        const bool is_told = json_.is_object() && json_.contains("classes") && json_["classes"].is_array() &&
                             index < json_["classes"].size() && json_["classes"][index].is_object();
        return is_told ? json_["classes"][index] : Json::object();
    }

private:
    Json json_;
};

} // namespace openset::inspect
