// openset inspect FILE: what a network, a row file or a run record is. No LibTorch in here.

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "inspect/rows.hpp"
#include "inspect/text.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/printable.hpp"
#include "openset/model/network_file.hpp"

using namespace openset;
using inspect::megabytes;
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
    return text + (spec.crop ? ", centre crop " + size_text(*spec.crop) : ", no crop");
}

void print_text(const model::NetworkFile& file, bool all_labels) {
    const auto& [bytes, tensor_records, tensor_bytes, has_debug_records, info_json] = file.contents;
    const model::ModelInfo& info = file.info;
    print_line("file", file.path.string() + ", " + megabytes(bytes));
    print_line("kind", "TorchScript network");
    print_line("sha256", file.sha256);
    print_line("name", info.name);
    print_line("architecture", info.arch);
    print_line("described by", file.info_source);
    print_line("weights", std::to_string(tensor_records) + " tensors, " + megabytes(tensor_bytes) +
                              (has_debug_records ? "; carries debug records (source lines of where it was made)" : ""));
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
    const std::size_t shown = all_labels ? info.labels.size() : std::min<std::size_t>(info.labels.size(), 20);
    for (std::size_t i = 0; i < shown; ++i) std::cout << "  " << i << "  " << printable(info.labels[i]) << "\n";
    if (shown < info.labels.size()) std::cout << "  ... (--all-labels lists them)\n";
}

void print_json(const model::NetworkFile& file) {
    const nlohmann::ordered_json json = {{"file", file.path.string()},
                                         {"kind", "torchscript"},
                                         {"bytes", file.contents.bytes},
                                         {"sha256", file.sha256},
                                         {"described_by", file.info_source},
                                         {"tensors", file.contents.tensor_records},
                                         {"tensor_bytes", file.contents.tensor_bytes},
                                         {"debug_records", file.contents.has_debug_records},
                                         {"info", nlohmann::ordered_json::parse(model::to_json(file.info))}};
    std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

} // namespace

int main(int argc, char** argv) {
    std::string path, format = "text";
    bool all_labels = false;
    cli::NetworkDefaults defaults;
    cli::Command command("openset inspect",
                         "Says what a file is, by its content. A network: labels, preprocessing, size, hash. Rows: how "
                         "many, with which outcomes, what made them. A run record: the run.",
                         {{"openset inspect cats8.pt", "labels, preprocessing, hash"},
                          {"openset inspect rows.jsonl.partial", "how far an interrupted run came"},
                          {"openset inspect rows.csv -f json", "the same for programs"}});
    command.app()
        .add_option("FILE", path, "network (TorchScript archive), rows (jsonl, csv) or run record (.run.json)")
        ->required();
    command.app()
        .add_option("-f,--format", format, "text or json")
        ->type_name("FORMAT")
        ->check(cli::one_of({"text", "json"}));
    command.app().add_flag("--all-labels", all_labels, "list every label, however many");
    defaults.add_options(command.app());
    return command.main(argc, argv, [&] {
        const inspect::Wanted wanted{format == "json", all_labels};
        std::error_code unknown; // opening says why
        if (std::filesystem::status(path, unknown).type() == std::filesystem::file_type::not_found) {
            throw Error(ErrorKind::not_found,
                        path + ": " + no_such_file(path, "a network (TorchScript archive), rows or a run record"));
        }
        if (inspect::is_row_file(path)) {
            inspect::print_rows(path, wanted);
        } else if (inspect::is_json_document(path)) {
            inspect::print_run_record(path, wanted);
        } else {
            const auto file = model::open_network_file(path, defaults.read());
            for (const std::string& assumption : file.assumptions) log_warning(assumption);
            wanted.json ? print_json(file) : print_text(file, all_labels);
        }
        return static_cast<int>(cli::exit_done);
    });
}
