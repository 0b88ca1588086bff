#include "openset/model/network_file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <zip.h>

#include "base/file_kind.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/sha256.hpp"

namespace openset::model {
namespace {

constexpr std::uint64_t largest_info = 64 << 20; // a million labels fit

constexpr const char* how_to_export = "expected a TorchScript archive, as torch.jit.script(model).save(path) writes it";

struct ZipCloser {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Zip = std::unique_ptr<zip_t, ZipCloser>;

/// The first bytes of a file; none where it cannot be read.
std::string head_of(const std::filesystem::path& path) {
    std::string head(512, '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(file.gcount()));
    return head;
}

/// What stands there in place of an archive that libzip reads.
std::string found_instead(const std::filesystem::path& path) {
    const std::string head = head_of(path), kind = kind_of_file(head);
    if (is_zip(head)) return "a damaged ZIP archive, or the beginning of one; copy it again as a whole, ";
    return "no ZIP archive" + (kind.empty() ? "; " : " but " + kind + "; ");
}

Zip open_zip(const std::filesystem::path& path) {
    int code = 0;
    if (Zip archive{zip_open(path.c_str(), ZIP_RDONLY, &code)}) return archive;
    // libzip says the same of some damaged archives.
    std::error_code ignored;
    if (code == ZIP_ER_NOENT && !std::filesystem::exists(path, ignored))
        throw Error(ErrorKind::not_found, path.string() + ": " + no_such_file(path, "a TorchScript archive"));
    if (code == ZIP_ER_OPEN || code == ZIP_ER_READ) {
        throw Error(ErrorKind::unreadable, path.string() + ": cannot open: " + std::strerror(errno));
    }
    throw Error(ErrorKind::model, path.string() + ": " + found_instead(path) + how_to_export);
}

std::string read_entry(zip_t* archive, zip_uint64_t index, std::uint64_t size, const std::string& where) {
    if (size > largest_info) {
        throw Error(ErrorKind::model,
                    where + ": " + std::to_string(size) + " bytes, expected at most " + std::to_string(largest_info));
    }
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> entry(zip_fopen_index(archive, index, 0), zip_fclose);
    std::string text(size, '\0');
    if (!entry || zip_fread(entry.get(), text.data(), size) != static_cast<zip_int64_t>(size)) {
        throw Error(ErrorKind::model, where + ": cannot be read, the archive is damaged; copy or export it again");
    }
    return text;
}

std::string read_beginning(zip_t* archive, zip_uint64_t index) {
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> entry(zip_fopen_index(archive, index, 0), zip_fclose);
    std::string text(4096, '\0');
    const zip_int64_t length = entry ? zip_fread(entry.get(), text.data(), text.size()) : 0;
    text.resize(static_cast<std::size_t>(std::max<zip_int64_t>(length, 0)));
    return text;
}

/// The name of an entry below the archive's top folder ("net/data/0" -> "data/0").
std::string_view below_top_folder(std::string_view name) {
    const auto slash = name.find('/');
    return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

/// The first class that a pickle names, "module.Class"; torch.save() writes them as `c`, the module, the class, a line each.
std::string first_class(std::string_view pickle) {
    const auto is_name = [](std::string_view text) {
        return !text.empty() &&
               std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
    };
    for (auto at = pickle.find('c'); at != std::string_view::npos; at = pickle.find('c', at + 1)) {
        const auto middle = pickle.find('\n', at), end = pickle.find('\n', middle + 1);
        if (middle == std::string_view::npos || end == std::string_view::npos) break;
        const auto module = pickle.substr(at + 1, middle - at - 1), name = pickle.substr(middle + 1, end - middle - 1);
        if (is_name(module) && is_name(name)) return std::string(module) + "." + std::string(name);
    }
    return "";
}

/// What torch.save() wrote.
std::string kind_of_pickle(std::string_view pickle) {
    const std::string name = first_class(pickle);
    if (name.empty()) return "weights alone or a pickled module";
    const bool is_weights =
        name.starts_with("collections.") || name.starts_with("torch._utils.") || name.starts_with("torch.FloatStorage");
    return is_weights ? "weights alone (a state_dict)" : "a pickled Python module (" + name + ")";
}

/// A ZIP archive that is no TorchScript archive.
[[noreturn]] void refuse_without_code(const std::filesystem::path& path, const std::optional<std::string>& pickle) {
    const std::string found = pickle ? kind_of_pickle(*pickle) + ", from torch.save()," : "a ZIP archive";
    throw Error(ErrorKind::model, path.string() + ": " + found + " without TorchScript code; " + how_to_export +
                                      (pickle ? "; load it in Python, then save it so" : ""));
}

std::string read_sidecar(const std::filesystem::path& path) {
    try {
        const auto bytes = read_file(path, largest_info);
        return {bytes.begin(), bytes.end()};
    } catch (const Error& error) {
        throw Error(error.kind(), path.string() + ": " + error.what());
    }
}

} // namespace

ArchiveContents read_archive(const std::filesystem::path& path) {
    std::error_code problem;
    if (std::filesystem::is_directory(path, problem)) {
        throw Error(ErrorKind::model, path.string() + ": is a folder; " + how_to_export);
    }
    const Zip archive = open_zip(path);
    ArchiveContents contents;
    contents.bytes = std::filesystem::file_size(path, problem);
    if (problem) throw Error(ErrorKind::unreadable, path.string() + ": cannot read: " + problem.message());
    bool has_code = false;
    std::optional<zip_uint64_t> pickle_index;
    const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
        zip_stat_t entry{};
        const auto index = static_cast<zip_uint64_t>(i);
        if (zip_stat_index(archive.get(), index, 0, &entry) != 0 || (entry.valid & ZIP_STAT_NAME) == 0) continue;
        const std::string_view name = below_top_folder(entry.name);
        if (name.starts_with("data/") || name.starts_with("constants/")) {
            ++contents.tensor_records;
            contents.tensor_bytes += entry.size;
        }
        if (name == "constants.pkl") has_code = true;
        if (name.ends_with(".debug_pkl")) contents.has_debug_records = true;
        if (name == "data.pkl") pickle_index = index;
        if (name == "extra/openset.json") {
            contents.info_json = read_entry(archive.get(), index, entry.size, path.string() + ": openset.json");
        }
    }
    if (!has_code)
        refuse_without_code(path,
                            pickle_index ? std::optional(read_beginning(archive.get(), *pickle_index)) : std::nullopt);
    return contents;
}

NetworkFile open_network_file(const std::filesystem::path& path, const InfoDefaults& defaults) {
    NetworkFile file;
    file.path = path;
    file.contents = read_archive(path);
    file.sha256 = sha256_hex_of_file(path);

    std::filesystem::path sidecar = path;
    sidecar += ".openset.json";
    std::error_code unknown;
    // A name too long for a file cannot be one; what else hides a sidecar is told by reading it.
    const bool has_sidecar =
        std::filesystem::exists(sidecar, unknown) || (unknown && unknown != std::errc::filename_too_long);
    if (file.contents.info_json) {
        file.info_source = "openset.json inside";
        file.info = parse_model_info(*file.contents.info_json, path.string() + ": openset.json");
    } else if (has_sidecar) {
        file.info_source = sidecar.string();
        file.info = parse_model_info(read_sidecar(sidecar), sidecar.string());
    } else {
        file.info_source = "assumed";
        file.info.name = path.stem().string();
        file.info.labels = defaults.labels;
        file.info.preprocess = defaults.preprocess.value_or(imagenet_preprocess());
        file.assumptions.push_back(
            path.string() + ": carries no openset.json and " + sidecar.filename().string() +
            " is not beside it; assumed: softmax" +
            (defaults.preprocess ? "" : ", ImageNet's preprocessing (shorter side 256, crop 224)") +
            (defaults.labels.empty() ? ", the output's ids as labels" : ""));
        return file;
    }
    if (file.info.labels.empty()) {
        file.info.labels = defaults.labels;
    } else if (!defaults.labels.empty()) {
        file.assumptions.push_back(path.string() + ": carries " + std::to_string(file.info.labels.size()) +
                                   " labels of its own (" + file.info_source + "); the labels given are not used");
    }
    return file;
}

} // namespace openset::model
