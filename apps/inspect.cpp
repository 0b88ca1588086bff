// openset inspect FILE: what a network or any of openset's own files is. No LibTorch in here.

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "inspect/fitted.hpp"
#include "inspect/kind.hpp"
#include "inspect/rows.hpp"
#include "inspect/scores.hpp"
#include "inspect/store.hpp"
#include "inspect/text.hpp"
#include "inspect/training.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/model/network_file.hpp"

using namespace openset;
using inspect::bytes_text;
using inspect::Kind;
using inspect::print_line;

namespace {

std::string size_text(const image::Size& size) {
    return std::to_string(size.height) + "x" + std::to_string(size.width) + " (height x width)";
}

std::string preprocess_text(const image::PreprocessSpec& spec) {
    static constexpr const char* interpolations[] = {"bilinear", "bicubic", "nearest"};
    std::string text;
    switch (spec.resize.mode) {
    case image::ResizeMode::none: text = "no resize"; break;
    case image::ResizeMode::shorter_side: text = "shorter side to " + std::to_string(spec.resize.shorter_side); break;
    case image::ResizeMode::squash: text = "squash to " + size_text(spec.resize.squash); break;
    }
    if (spec.resize.mode != image::ResizeMode::none) {
        text += std::string(", ") + interpolations[static_cast<int>(spec.resize.interpolation)];
        if (spec.resize.order == image::PassOrder::pillow13) text += ", pass order of Pillow 13";
    }
    static constexpr const char* places[] = {"centre", "top left", "top right", "bottom left", "bottom right"};
    text += spec.crop ? std::string(", ") + places[static_cast<int>(spec.crop_place)] + " crop " + size_text(*spec.crop)
                      : ", no crop";
    return text + (spec.mirror ? ", mirrored" : "");
}

/// Empty where nothing says that it is not what networks usually are.
std::string precision_text(const model::ModelInfo& info) {
    if (!info.quantisation) return "";
    const model::Quantisation& made = *info.quantisation;
    return "int8, made by openset quantize of the network with SHA-256 " + inspect::short_hash(made.source_sha256) +
           ", calibrated on " + std::to_string(made.pictures) + " pictures (" + made.observer + ")";
}

void print_text(const model::NetworkFile& file, bool all_labels) {
    const auto& [bytes, tensor_records, tensor_bytes, has_debug_records, info_json] = file.contents;
    const model::ModelInfo& info = file.info;
    print_line("file", file.path.string() + ", " + bytes_text(bytes));
    print_line("kind", "TorchScript network");
    print_line("sha256", file.sha256);
    print_line("name", info.name);
    print_line("architecture", info.arch);
    print_line("described by", file.info_source);
    print_line("weights", std::to_string(tensor_records) + " tensors, " + bytes_text(tensor_bytes) +
                              (has_debug_records ? "; carries debug records (source lines of where it was made)" : ""));
    print_line("precision", precision_text(info));
    print_line("activation", info.activation == model::Activation::softmax
                                 ? "softmax (one label a picture)"
                                 : "sigmoid (any number of labels a picture)");
    print_line("head", info.head);
    print_line("preprocess", preprocess_text(info.preprocess));
    std::ostringstream numbers;
    numbers << "mean " << info.preprocess.mean[0] << " " << info.preprocess.mean[1] << " " << info.preprocess.mean[2]
            << ", std " << info.preprocess.std[0] << " " << info.preprocess.std[1] << " " << info.preprocess.std[2];
    print_line("normalise", numbers.str());
    print_line("license", info.license);
    print_line("source", info.source);
    print_line("labels", std::to_string(info.labels.size()));
    const std::size_t shown = inspect::shown_of(info.labels.size(), all_labels);
    for (std::size_t i = 0; i < shown; ++i) std::cout << "  " << i << "  " << printable(info.labels[i]) << "\n";
    inspect::print_rest(shown, info.labels.size());
}

void print_json(const model::NetworkFile& file) {
    inspect::print_json({{"file", file.path.string()},
                         {"kind", "torchscript"},
                         {"bytes", file.contents.bytes},
                         {"sha256", file.sha256},
                         {"described_by", file.info_source},
                         {"tensors", file.contents.tensor_records},
                         {"tensor_bytes", file.contents.tensor_bytes},
                         {"debug_records", file.contents.has_debug_records},
                         {"info", nlohmann::ordered_json::parse(model::to_json(file.info))}});
}

void print_network(const std::string& path, const cli::NetworkDefaults& defaults, const inspect::Wanted& wanted) {
    const auto file = model::open_network_file(path, defaults.read());
    for (const std::string& assumption : file.assumptions) log_warning(assumption);
    wanted.json ? print_json(file) : print_text(file, wanted.all_labels);
}

void print(const std::string& path, const cli::NetworkDefaults& defaults, const inspect::Wanted& wanted) {
    switch (inspect::kind_of(path)) {
    case Kind::network: return print_network(path, defaults, wanted);
    case Kind::store: return inspect::print_store(path, wanted);
    case Kind::partial_store: return inspect::print_partial_store(path, wanted);
    case Kind::array: return inspect::print_array(path, wanted);
    case Kind::rows: return inspect::print_rows(path, wanted);
    case Kind::scores: return inspect::print_scores(path, wanted);
    case Kind::fitted: return inspect::print_fitted(path, wanted);
    case Kind::operating_point: return inspect::print_operating_point(path, wanted);
    case Kind::calibration: return inspect::print_calibration(path, wanted);
    case Kind::run_record: return inspect::print_run_record(path, wanted);
    case Kind::score_run: return inspect::print_score_run(path, wanted);
    case Kind::training: return inspect::print_training(path, wanted);
    case Kind::checkpoint: return inspect::print_checkpoint(path, wanted);
    case Kind::sweep: return inspect::print_sweep(path, wanted);
    }
}

} // namespace

int main(int argc, char** argv) {
    std::string path, format = "text";
    bool all_labels = false;
    cli::NetworkDefaults defaults;
    cli::Command command("openset inspect",
                         "Says what a file is, by its content. A network: labels, preprocessing, size, hash. Rows: how "
                         "many, with which outcomes, what made them. An activation store: arrays, classes, failed "
                         "pictures. A fitted detector: parameters and the tail of each class.",
                         {{"openset inspect cats8.pt", "labels, preprocessing, hash"},
                          {"openset inspect rows.jsonl.partial", "how far an interrupted run came"},
                          {"openset inspect cats8.openmax.json -f json", "a fit, with all digits"}});
    command.app()
        .add_option(
            "FILE", path,
            "network (TorchScript archive), activation store (a folder), array (.npy), fitted detector, scores, "
            "table of sweep, operating point, rows (jsonl, csv), run record, or record or checkpoint of a training")
        ->required();
    command.app()
        .add_option("-f,--format", format, "text or json")
        ->type_name("FORMAT")
        ->check(cli::one_of({"text", "json"}));
    command.app().add_flag("--all-labels", all_labels, "list every label, however many");
    defaults.add_options(command.app());
    return command.main(argc, argv, [&] {
        print(path, defaults, {format == "json", all_labels});
        return static_cast<int>(cli::exit_done);
    });
}
