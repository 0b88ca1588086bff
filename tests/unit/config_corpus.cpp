// Writes pipeline configs, most of them damaged, with the parser's verdict on each: what config_schema_check.py
// compares with the schema. A line: {"case": ..., "accepted": ..., "problems": ..., "config": ...}
//   config_corpus FILE

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/cascade/pipeline_config.hpp"
#include "openset/detect/detector.hpp"

namespace {

using openset::io::Json;
using Pointer = Json::json_pointer;

using Sink = std::function<void(const std::string& name, const Json& config)>;

/// Configs that between them use every key and every kind of value.
std::vector<std::pair<std::string, Json>> base_configs() {
    const Json top_k = Json::parse(R"({
        "openset": 1, "name": "cats",
        "gate": {"model": "imagenet.pt", "accept": ["281-284", "Egyptian_cat", 285], "rule": "top-k", "k": 5,
                 "preprocess": "imagenet"},
        "species": {"model": "cat_or_not.pt", "accept": ["cat"], "min_probability": 0.5,
                    "preprocess": {"resize": {"mode": "none", "size": 32}, "mean": [0, 0, 0], "std": [1, 1, 1]}},
        "classifier": {"model": "cats8.pt", "min_probability": {"Bombay": 0.9, "*": 0.8},
                       "preprocess": {"resize": {"mode": "shorter-side", "size": 256, "interpolation": "bilinear",
                                                 "order": "horizontal-first"},
                                      "crop": [224, 224], "mean": [0.485, 0.456, 0.406],
                                      "std": [0.229, 0.224, 0.225]}}})");
    Json mass = top_k;
    mass["gate"].erase("k");
    mass["gate"]["rule"] = "mass";
    mass["gate"]["min_mass"] = 0.25;
    mass["classifier"]["min_probability"] = 0.5;
    mass["classifier"]["preprocess"]["resize"] = {
        {"mode", "squash"}, {"size", {448, 224}}, {"interpolation", "bicubic"}, {"order", "pillow13"}};
    Json fitted = mass;
    fitted["unknown"] = {
        {"fitted", "cats8.openmax.json"}, {"method", "openmax"}, {"threshold", {{"Bombay", 0.9}, {"*", "p=0.8"}}}};
    fitted["gate"].erase("min_mass");
    fitted["gate"]["operating_point"] = "gate.json";
    fitted["species"].erase("min_probability");
    fitted["species"]["operating_point"] = "species.json";
    fitted["classifier"]["temperature"] = 1.5;
    Json calibrated = mass;
    calibrated["classifier"]["temperature"] = "temperature.json";
    calibrated["calibration"] = "calibration.json";
    calibrated["significance"] = 0.05;
    const Json least{{"openset", 1}, {"classifier", {{"model", "cats8.pt"}}}};
    return {{"top-k", top_k}, {"mass", mass}, {"fitted", fitted}, {"calibrated", calibrated}, {"least", least}};
}

const std::vector<Json>& other_values() {
    static const std::vector<Json> values = Json::parse(R"([
        null, true, false, 0, 1, -1, 2, 5, 0.5, 1.0, 1.5, 5.0, 1e-60, -0.0, 1e300, 65535, 65536, 2147483647, 2147483648,
        18446744073709551615, "", "x", "1", "cat", "imagenet", "Imagenet", "top-k", "top-1", "mass", "none", "squash",
        "shorter-side", "nearest", "pillow13", "\u0000", [], [null], [1], [1, 2], [0, 2], [1, 65536], [1, 2, 3],
        [1.0, 2.0], [0.5, 0.5, 0.5], [1, 2, 3, 4], ["a"], ["a", ""], ["a", 3, "4-5"], [-1], [1.5], [true], [[1]], [{}],
        {}, {"a": 0.5}, {"*": 1}, {"a": 2}, {"a": "b"}, {"a": null}, {"": 0.5}, {"model": "a.pt"}, "argmax", "inf", "p=0.5", "p=1.5", "q=1e-06", "p=", "p=1.00",
        "p=1.01", "p=0", "p=.5", "p=0.", "p=9.9e-1", "p=1e-0", "p=1e-", "p=10e-2", "p=1.e-2", "p=0e-2", "msp", "openmax",
        {"model": "a.pt", "accept": [1]}, {"mode": "none"}, {"mode": "squash", "size": 5},
        {"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 1]},
        {"resize": {"mode": "none", "size": "any"}, "mean": [-1e30, 0, 0], "std": [1e-30, 1, 1]},
        {"resize": {"mode": "squash", "size": [1, 1]}, "mean": [-1e300, 0, 0], "std": [1, 1, 1]}
    ])");
    return values;
}

void all_pointers(const Json& value, const Pointer& here, std::vector<Pointer>& found) {
    found.push_back(here);
    if (value.is_object()) {
        for (const auto& [key, member] : value.items()) all_pointers(member, here / key, found);
    } else if (value.is_array()) {
        for (std::size_t i = 0; i < value.size(); ++i) all_pointers(value[i], here / i, found);
    }
}

std::vector<std::string> misspellings(const std::string& key) {
    std::string swapped = key, upper = key, dashed = key;
    if (swapped.size() > 1) std::swap(swapped[0], swapped[1]);
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::ranges::replace(dashed, '_', '-');
    return {key + "s", key.substr(1), swapped, upper, dashed, " " + key};
}

void damage(const std::string& name, const Json& base, const Sink& sink) {
    std::vector<Pointer> places;
    all_pointers(base, Pointer(), places);
    for (const Pointer& place : places) {
        const std::string where = name + " " + place.to_string();
        for (const Json& value : other_values()) {
            Json config = base;
            config[place] = value;
            sink(where + " = " + value.dump(), config);
        }
        if (base[place].is_object()) {
            for (const std::string key :
                 {"comment",     "unknown",         "preprocess", "accept", "rule",   "k",
                  "min_mass",    "min_probability", "crop",       "order",  "size",   "name",
                  "threshold",   "operating_point", "epsilon",    "fitted", "method", "temperature",
                  "calibration", "significance"}) {
                for (const Json& value : {Json(1), Json("x"), Json{1, 2}}) {
                    Json config = base;
                    if (config[place].contains(key)) continue;
                    config[place][key] = value;
                    sink(where + " + " + key + " = " + value.dump(), config);
                }
            }
        }
        if (place.empty()) continue;
        Json without = base;
        if (base.at(place.parent_pointer()).is_array()) {
            without[place.parent_pointer()].erase(std::stoul(place.back()));
            sink(where + " erased", without);
            Json doubled = base;
            doubled[place.parent_pointer()].push_back(base[place]);
            sink(where + " doubled", doubled);
        } else {
            without[place.parent_pointer()].erase(place.back());
            sink(where + " erased", without);
            for (const std::string& key : misspellings(place.back())) {
                Json renamed = without;
                renamed[place.parent_pointer()][key] = base[place];
                sink(where + " renamed " + key, renamed);
            }
        }
    }
}

/// Every way in which the gate's rule and the parameters of all rules can meet.
void combine_rules(const Json& base, const Sink& sink) {
    const std::vector<Json> none_or{Json(), "top-k", "mass", "top-1", "best", 1};
    for (const Json& rule : none_or) {
        for (const Json& k : {Json(), Json(1), Json(3.0), Json(0), Json("3")}) {
            for (const Json& min_mass : {Json(), Json(0), Json(1), Json(0.5), Json(-0.5), Json("0.5")}) {
                Json config = base;
                config["gate"] = {{"model", "a.pt"}, {"accept", {1}}};
                if (!rule.is_null()) config["gate"]["rule"] = rule;
                if (!k.is_null()) config["gate"]["k"] = k;
                if (!min_mass.is_null()) config["gate"]["min_mass"] = min_mass;
                sink("rules " + rule.dump() + " " + k.dump() + " " + min_mass.dump(), config);
            }
        }
    }
}

/// Every way in which the keys of the unknown stage can meet.
void combine_unknown(const Json& base, const Sink& sink) {
    for (const Json& fitted : {Json(), Json("a.json")}) {
        for (const auto& method : openset::detect::methods()) {
            Json config = base;
            Json& unknown = config["unknown"] = {{"method", method.name}, {"threshold", 0.5}};
            if (!fitted.is_null()) unknown["fitted"] = fitted;
            sink("unknown " + unknown.dump(), config);
        }
    }
    const std::vector<Json> methods = {Json(), Json("openmx"), Json(1), Json("msp"), Json("openmax")};
    for (const Json& fitted : {Json(), Json("a.json")}) {
        for (const Json& method : methods) {
            for (const Json& threshold : {Json(), Json(0.5), Json("argmax"), Json("p=0.5"), Json{{"a", "argmax"}}}) {
                for (const Json& point : {Json(), Json("point.json"), Json("")}) {
                    for (const Json& epsilon : {Json(), Json(0.5), Json(2)}) {
                        Json config = base;
                        Json& unknown = config["unknown"] = Json::object();
                        if (!fitted.is_null()) unknown["fitted"] = fitted;
                        if (!method.is_null()) unknown["method"] = method;
                        if (!threshold.is_null()) unknown["threshold"] = threshold;
                        if (!point.is_null()) unknown["operating_point"] = point;
                        if (!epsilon.is_null()) unknown["epsilon"] = epsilon;
                        sink("unknown " + unknown.dump(), config);
                    }
                }
            }
        }
    }
}

/// Every way in which a resize mode and a size can meet.
void combine_resize(const Json& base, const Sink& sink) {
    for (const Json& mode : {Json(), Json("none"), Json("squash"), Json("shorter-side"), Json("crop"), Json(1)}) {
        for (const Json& size : {Json(), Json(1), Json(65535), Json(0), Json(65536), Json{1, 1}, Json{65535, 1},
                                 Json{0, 1}, Json{1, 2, 3}, Json("256"), Json(256.0), Json(256.5)}) {
            Json config = base;
            config["classifier"]["preprocess"] = {{"mean", {0, 0, 0}}, {"std", {1, 1, 1}}, {"resize", Json::object()}};
            if (!mode.is_null()) config["classifier"]["preprocess"]["resize"]["mode"] = mode;
            if (!size.is_null()) config["classifier"]["preprocess"]["resize"]["size"] = size;
            sink("resize " + mode.dump() + " " + size.dump(), config);
        }
    }
}

void our_configs(const Sink& sink) {
    for (const auto& entry : std::filesystem::directory_iterator(OPENSET_SOURCE_DIR "/configs")) {
        if (entry.path().extension() != ".json") continue;
        std::ifstream file(entry.path());
        sink(entry.path().filename().string(), Json::parse(file, nullptr, true, true));
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: config_corpus FILE\n";
        return 2;
    }
    std::ofstream file(argv[1]);
    const Sink sink = [&file](const std::string& name, const Json& config) {
        std::string problems;
        try {
            openset::cascade::parse_pipeline_config(config.dump(), "c", "");
        } catch (const openset::Error& error) {
            problems = error.what();
        }
        file << Json{{"case", name}, {"accepted", problems.empty()}, {"problems", problems}, {"config", config}}.dump()
             << '\n';
    };
    for (const auto& [name, base] : base_configs()) {
        sink(name, base);
        damage(name, base, sink);
    }
    const Json least = base_configs().back().second;
    combine_rules(least, sink);
    combine_unknown(least, sink);
    combine_resize(least, sink);
    our_configs(sink);
    file.close();
    return file ? 0 : 1;
}
