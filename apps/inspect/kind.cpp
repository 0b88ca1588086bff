#include "inspect/kind.hpp"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/text_file.hpp"
#include "inspect/training.hpp"
#include "openset/base/error.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/row_reader.hpp"
#include "openset/io/run_record.hpp"

namespace openset::inspect {
namespace {

namespace fs = std::filesystem;

std::string first_bytes(const fs::path& file) {
    std::error_code ignored; // who reads the file says why it cannot be read
    if (!fs::is_regular_file(file, ignored)) return "";
    std::string bytes(256, '\0');
    std::ifstream stream(file, std::ios::binary);
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    return bytes;
}

bool is_row_file(const fs::path& file, const std::string& bytes) {
    std::error_code ignored; // of an empty file the run record beside it tells
    return io::begins_like_rows(bytes) ||
           (bytes.empty() && fs::is_regular_file(file, ignored) && fs::exists(io::run_record_path(file), ignored));
}

/// With or without comments.
bool is_json_document(const std::string& bytes) {
    const auto first = bytes.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return false;
    return bytes[first] == '{' || bytes.compare(first, 2, "//") == 0 || bytes.compare(first, 2, "/*") == 0;
}

/// What is no JSON to its end counts as a run record: reading it says where it goes wrong.
Kind kind_of_json(const fs::path& file) {
    static constexpr std::array<std::pair<const char*, Kind>, 6> formats = {{
        {"openset-calibration/", Kind::calibration},
        {"openset-fitted/", Kind::fitted},
        {"openset-operating-point/", Kind::operating_point},
        {"openset-score-run/", Kind::score_run},
        {"openset-run/", Kind::run_record},
        {"openset-training/", Kind::training},
    }};
    const std::string text = cli::read_text_file(file.string(), known_kinds);
    const auto json = nlohmann::json::parse(text, nullptr, false, true); // configs may have comments
    if (!json.is_object()) return Kind::run_record;
    if (json.contains("openset") && !json.contains("format")) {
        throw Error(ErrorKind::usage, file.string() + ": is a pipeline config, expected " + known_kinds +
                                          "; openset infer -c " + file.string() + " --dry-run checks it");
    }
    const std::string format =
        json.contains("format") && json["format"].is_string() ? json["format"].get<std::string>() : "";
    for (const auto& [name, kind] : formats)
        if (format.starts_with(name)) return kind;
    throw Error(ErrorKind::usage, file.string() + ": is JSON" +
                                      (format.empty() ? "" : " of format " + printable(format)) + ", expected " +
                                      known_kinds);
}

Kind kind_of_folder(fs::path folder) {
    if (!folder.has_filename()) folder = folder.parent_path(); // a slash at its end
    return folder.extension() == ".partial" ? Kind::partial_store : Kind::store;
}

} // namespace

Kind kind_of(const fs::path& path) {
    std::error_code ignored; // opening says why
    const auto type = fs::status(path, ignored).type();
    if (type == fs::file_type::not_found)
        throw Error(ErrorKind::not_found, path.string() + ": " + no_such_file(path, known_kinds));
    if (type == fs::file_type::directory) return kind_of_folder(path);
    const std::string bytes = first_bytes(path);
    if (bytes.starts_with("path,label,predicted,confidence")) return Kind::scores;
    if (bytes.starts_with("threshold,known_accuracy,")) return Kind::sweep;
    if (bytes.starts_with("\x93NUMPY")) return Kind::array;
    if (is_row_file(path, bytes)) return Kind::rows;
    if (is_json_document(bytes)) return kind_of_json(path);
    return bytes.starts_with("PK") && !checkpoint_facts(path).empty() ? Kind::checkpoint : Kind::network;
}

} // namespace openset::inspect
