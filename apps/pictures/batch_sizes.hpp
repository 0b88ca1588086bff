#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "openset/io/run_record.hpp"

/// Which number of pictures a forward pass was found to be fastest, from run to run.
namespace openset::pictures {

/// `$XDG_CACHE_HOME/openset/batch_sizes.json`, ~/.cache where that is not set; empty where there is no home either.
std::filesystem::path batch_sizes_file();

/// What a batch size holds for beside the network: processor, cores, LibTorch, device, precision, number of inference
/// threads. record  of a run whose networks are loaded
std::string machine_of(const io::RunRecord& record, int threads);

/// By SHA-256 of the network. A file that is not there, is damaged or cannot be read knows nothing; the latter two are
/// said in the log (info).
std::map<std::string, int> read_batch_sizes(const std::filesystem::path& file, const std::string& machine);

inline constexpr int forget_batch_size = 0;

/// Adds what was found to what the file holds, and takes out what is to be forgotten, whole or not at all. That it cannot be written is said in the log (info)
/// and nothing else: the next run searches again.
void remember_batch_sizes(const std::filesystem::path& file, const std::string& machine,
                          const std::map<std::string, int>& found);

} // namespace openset::pictures
