#include "pictures/batch_sizes.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "openset/base/byte_sink.hpp"
#include "openset/base/cache_folder.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "pictures/processor.hpp"

namespace openset::pictures {
namespace {

using Json = nlohmann::json;

constexpr const char* format = "openset-batch-sizes/1";
constexpr int most = 4096; ///< as --batch
constexpr std::uint64_t max_bytes = std::uint64_t{1} << 20;

/// The whole file; an empty document where there is none of this format.
Json read_document(const std::filesystem::path& file) {
    const Json empty = {{"format", format}, {"machines", Json::object()}};
    try {
        const auto bytes = read_file(file, max_bytes);
        Json document = Json::parse(bytes, nullptr, false);
        const bool sound = document.is_object() && document.value("format", Json()) == format &&
                           document.value("machines", Json()).is_object();
        if (sound) return document;
        log_info(file.string() + ": holds no batch sizes, expected " + format + "; they are found anew");
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_found)
            log_info(file.string() + ": cannot be read (" + error.what() + "); batch sizes are found anew");
    }
    return empty;
}

} // namespace

std::filesystem::path batch_sizes_file() {
    const auto folder = cache_folder();
    return folder ? *folder / "batch_sizes.json" : std::filesystem::path();
}

std::string machine_of(const io::RunRecord& record, int threads) {
    return processor_name() + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, LibTorch " +
           record.libtorch_version + ", " + record.device + ", " + record.precision +
           (record.optimised ? "" : ", not optimised") + ", " + std::to_string(threads) + " inference threads";
}

std::map<std::string, int> read_batch_sizes(const std::filesystem::path& file, const std::string& machine) {
    std::map<std::string, int> sizes;
    if (file.empty()) return sizes;
    const Json document = read_document(file);
    const Json networks = document["machines"].value(machine, Json::object());
    if (!networks.is_object()) return sizes;
    for (const auto& [sha256, size] : networks.items()) {
        if (size.is_number_unsigned() && size >= 1 && size <= most) sizes.emplace(sha256, size.get<int>());
    }
    return sizes;
}

void remember_batch_sizes(const std::filesystem::path& file, const std::string& machine,
                          const std::map<std::string, int>& found) {
    if (file.empty() || found.empty()) return;
    Json document = read_document(file);
    Json& networks = document["machines"][machine];
    if (!networks.is_object()) networks = Json::object();
    for (const auto& [sha256, size] : found) {
        if (size == forget_batch_size)
            networks.erase(sha256);
        else
            networks[sha256] = size;
    }
    try {
        std::error_code ignored; // writing says what is wrong
        std::filesystem::create_directories(file.parent_path(), ignored);
        write_file_atomically(file, document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    } catch (const Error& error) {
        log_info("batch sizes are not remembered: " + std::string(error.what()));
    }
}

} // namespace openset::pictures
