#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/checked_json.hpp"
#include "openset/cascade/pipeline_config.hpp"

/// The parts of a pipeline config that come from data: the unknown stage, and operating points of any stage.
namespace openset::cascade {

/// A path of the config, taken relative to its folder; what names it in messages.
std::optional<std::filesystem::path> read_path(const io::CheckedValue& value, const std::filesystem::path& folder,
                                               const std::string& what);

/// calibrated  the config names a calibration, which gives the threshold
UnknownConfig read_unknown(io::CheckedObject& stage, const std::filesystem::path& folder, bool calibrated);

/// other_keys  which an operating point makes meaningless
std::optional<std::filesystem::path> read_operating_point(io::CheckedObject& stage, const std::filesystem::path& folder,
                                                          const std::vector<std::string>& other_keys);

nlohmann::ordered_json unknown_to_json(const UnknownConfig& config);

Unknown resolve_unknown(const UnknownConfig& config, const StageLabels& labels, const NetworkConfig& classifier,
                        const PipelineFiles& files, io::JsonProblems& problems);

/// pointer  of what names the point
void set_operating_point(Gate& gate, const io::OperatingPoint& point, const std::string& pointer,
                         io::JsonProblems& problems);
void set_operating_point(Species& species, const io::OperatingPoint& point, const std::string& pointer,
                         io::JsonProblems& problems);

/// The config's calibration, and its significance.
void read_calibration(io::CheckedObject& root, const std::filesystem::path& folder, PipelineConfig& config);

/// Replaces the thresholds of the stages by those of the calibration.
void set_calibration(Pipeline& pipeline, const PipelineConfig& config, const PipelineFiles& files,
                     io::JsonProblems& problems);

} // namespace openset::cascade
