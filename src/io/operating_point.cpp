#include "openset/io/operating_point.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/checked_json.hpp"
#include "io/score_json.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/missing_file.hpp"

namespace openset::io {
namespace {

constexpr const char* point_format = "openset-operating-point/1";
constexpr std::uint64_t max_point_bytes = std::uint64_t{64} << 20;

using OrderedJson = nlohmann::ordered_json;

OrderedJson threshold_json(const OperatingPoint& point) {
    if (point.threshold_by_label.empty()) return score_json(point.threshold);
    OrderedJson by_label = OrderedJson::object();
    for (const auto& [label, threshold] : point.threshold_by_label) by_label[label] = score_json(threshold);
    by_label["*"] = score_json(point.threshold);
    return by_label;
}

void read_threshold(const CheckedValue& value, OperatingPoint& point) {
    if (!value.json().is_object()) {
        point.threshold = read_score(value).value_or(0);
        return;
    }
    auto object = value.object();
    if (!object) return;
    if (const auto rest = object->required("*", "the threshold of all other labels"))
        point.threshold = read_score(*rest).value_or(0);
    for (const auto& [label, threshold] : object->members())
        if (label != "*") point.threshold_by_label[label] = read_score(threshold).value_or(0);
}

OperatingPoint read_point(CheckedObject& object) {
    OperatingPoint point;
    if (!object.is_of_format(point_format)) return point;
    if (const auto method = object.required("method", "the method whose score it is"))
        point.method = method->text().value_or("");
    if (const auto stage = object.required("stage", "gate, species or unknown"))
        point.stage = stage->one_of({"gate", "species", "unknown"}).value_or("");
    if (const auto threshold = object.required("threshold", "a number, or an object by label"))
        read_threshold(*threshold, point);
    if (const auto rule = object.required("rule", "the rule that chose the threshold"))
        point.rule = rule->text().value_or("");
    point.fitted_sha256 = read_digest(object, "fitted_sha256");
    point.network_sha256 = read_digest(object, "network_sha256");
    if (const auto accept = object.optional("accept"); accept && accept->array("the labels that passed"))
        point.accept = accept->json().dump();
    point.calibrated_on = read_notes(object, "calibrated_on");
    point.measured = read_notes(object, "measured");
    object.refuse_other_keys();
    return point;
}

OrderedJson digest_json(const std::string& digest) { return digest.empty() ? OrderedJson() : OrderedJson(digest); }

} // namespace

bool OperatingPoint::was_calibrated_on(const std::string& sha256) const {
    const Json json = Json::parse(calibrated_on, nullptr, false);
    const auto is_file = [&sha256](const Json& side) {
        return side.is_object() && side.contains("sha256") && side["sha256"] == sha256;
    };
    if (!json.is_object()) return false;
    const Json unknown = json.value("unknown", Json::array());
    return is_file(json.value("known", Json())) || (unknown.is_array() && std::ranges::any_of(unknown, is_file));
}

double OperatingPoint::threshold_for(const std::string& predicted) const {
    const auto own = threshold_by_label.find(predicted);
    return own != threshold_by_label.end() ? own->second : threshold;
}

std::string to_json(const OperatingPoint& point) {
    OrderedJson json = {{"format", point_format}, {"method", point.method},
                        {"stage", point.stage},   {"threshold", threshold_json(point)},
                        {"rule", point.rule},     {"fitted_sha256", digest_json(point.fitted_sha256)}};
    if (!point.network_sha256.empty()) json["network_sha256"] = point.network_sha256;
    if (!point.accept.empty()) json["accept"] = OrderedJson::parse(point.accept);
    json["calibrated_on"] = OrderedJson::parse(point.calibrated_on);
    json["measured"] = OrderedJson::parse(point.measured);
    return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

OperatingPoint parse_operating_point(std::string_view json, const std::string& name) {
    JsonProblems problems(name);
    const auto document = parse_json(json, problems);
    OperatingPoint point;
    if (document) {
        if (auto object = CheckedValue(*document, "", problems).object("an operating point, as sweep --pick writes it"))
            point = read_point(*object);
    }
    problems.throw_if_any(ErrorKind::corrupt);
    return point;
}

OperatingPoint read_operating_point(const std::filesystem::path& path) {
    try {
        const auto bytes = read_file(path, max_point_bytes);
        return parse_operating_point({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::corrupt) throw;
        const std::string what = "an operating point, as sweep --pick writes it";
        throw Error(error.kind(), path.string() + ": " +
                                      (error.kind() == ErrorKind::not_found ? no_such_file(path, what) : error.what()));
    }
}

} // namespace openset::io
