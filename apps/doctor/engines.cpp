#include "doctor/engines.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>
#include <utility>

#include "cli/exit_code.hpp"
#include "doctor/line.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "openset/base/thread_clock.hpp"
#include "openset/flow/input.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "pictures/engine_agreements.hpp"
#include "pictures/side_by_side.hpp"

namespace openset::doctor {
namespace {

constexpr std::size_t pictures_a_pass = 8; ///< LibTorch gains by batches; more than 8 adds little

/// Resized and cropped; none, and a warning, where the picture cannot be decoded.
std::optional<image::Picture> read_picture(const flow::Input& input, const image::PreprocessSpec& spec) {
    try {
        if (input.failure) throw Error(ErrorKind::unreadable, input.failure->message);
        const auto bytes = input.bytes ? *input.bytes : read_file(input.path);
        return image::resize_crop(image::decode(bytes).picture, spec);
    } catch (const Error& error) {
        log_warning(input.path + ": left out: " + error.what());
        return std::nullopt;
    }
}

/// The next pictures that can be decoded, as the network sees them; of count 0 at the end.
model::Batch next_batch(flow::InputSource& source, const image::PreprocessSpec& spec) {
    std::vector<image::Picture> pictures;
    while (pictures.size() < pictures_a_pass) {
        const auto input = source.next();
        if (!input) break;
        if (auto picture = read_picture(*input, spec)) pictures.push_back(*std::move(picture));
    }
    if (pictures.empty()) return {};
    std::vector<const image::Picture*> all;
    for (const image::Picture& picture : pictures) all.push_back(&picture);
    return model::normalised(all, spec);
}

struct Answer {
    model::Outputs outputs;
    model::Matrix logits;
    double milliseconds = 0; ///< a picture
};

Answer ask(model::Network& network, const model::Batch& batch) {
    const double start = thread_seconds();
    Answer answer{network.run(batch), {}, 0};
    answer.milliseconds = 1000 * (thread_seconds() - start) / batch.count;
    answer.logits = model::logits(network, answer.outputs);
    return answer;
}

/// Infinity where one of them is not a number, or they are not of one size.
double largest_difference(const model::Matrix& one, const model::Matrix& other) {
    if (one.values.size() != other.values.size()) return std::numeric_limits<double>::infinity();
    double largest = 0;
    for (std::size_t i = 0; i < one.values.size(); ++i) {
        const double apart = std::abs(static_cast<double>(one.values[i]) - static_cast<double>(other.values[i]));
        if (!std::isfinite(apart)) return std::numeric_limits<double>::infinity();
        largest = std::max(largest, apart);
    }
    return largest;
}

double largest_of(const model::Matrix& matrix) {
    double largest = 0;
    for (const float value : matrix.values) largest = std::max(largest, std::abs(static_cast<double>(value)));
    return largest;
}

void add(pictures::EngineAgreement& agreement, const Answer& torch, const Answer& onednn) {
    for (int i = 0; i < torch.logits.rows; ++i) {
        ++agreement.pictures;
        const bool same = pictures::likeliest(torch.logits.row(i)) == pictures::likeliest(onednn.logits.row(i));
        agreement.same_label += same ? 1 : 0;
    }
    const auto raise = [](double& largest, double value) { largest = std::max(largest, value); };
    raise(agreement.feature_difference, largest_difference(torch.outputs.features, onednn.outputs.features));
    raise(agreement.largest_feature, largest_of(torch.outputs.features));
    raise(agreement.logit_difference, largest_difference(torch.logits, onednn.logits));
    raise(agreement.largest_logit, largest_of(torch.logits));
}

pictures::EngineAgreement compare(model::Network& torch, model::Network& onednn, flow::InputSource& source) {
    pictures::EngineAgreement agreement;
    std::vector<double> torch_times, onednn_times;
    const image::PreprocessSpec& spec = torch.info().preprocess;
    for (model::Batch batch = next_batch(source, spec); batch.count > 0; batch = next_batch(source, spec)) {
        if (agreement.pictures == 0) {
            for (int pass = 0; pass < 2; ++pass) ask(torch, batch); // the first passes compile
            ask(onednn, batch);
        }
        // In turn, so that neither always finds the pictures in the cache.
        const bool torch_first = torch_times.size() % 2 == 0;
        Answer first = ask(torch_first ? torch : onednn, batch), second = ask(torch_first ? onednn : torch, batch);
        if (!torch_first) std::swap(first, second);
        add(agreement, first, second);
        torch_times.push_back(first.milliseconds);
        onednn_times.push_back(second.milliseconds);
    }
    if (agreement.pictures == 0)
        throw Error(ErrorKind::usage,
                    "--model: none of the pictures to try it on can be decoded, expected one or more");
    agreement.torch_milliseconds = pictures::median(torch_times);
    agreement.onednn_milliseconds = pictures::median(onednn_times);
    return agreement;
}

void tell(const pictures::EngineAgreement& found) {
    char figures[256];
    std::snprintf(figures, sizeof figures, "%lld; the same likeliest label for %lld",
                  static_cast<long long>(found.pictures), static_cast<long long>(found.same_label));
    line("pictures", figures);
    std::snprintf(figures, sizeof figures, "largest difference in a feature %.2g, in a logit %.2g (logits up to %.3g)",
                  found.feature_difference, found.logit_difference, found.largest_logit);
    line("agreement", figures);
    std::snprintf(figures, sizeof figures,
                  "%.1f ms a picture by LibTorch, %.1f ms by onednn (CPU time in batches of 8, medians)",
                  found.torch_milliseconds, found.onednn_milliseconds);
    line("speed", figures);
}

} // namespace

int compare_engines(const model::NetworkFile& network, const std::vector<std::string>& pictures,
                    const std::string& device) {
    if (device != "auto" && device != "cpu")
        throw Error(ErrorKind::usage, "--device " + device + ": with pictures two engines of the CPU are compared, " +
                                          "expected cpu or auto; without pictures any device can be tried");
    torch::prepare_process();
    for (const std::string& assumption : network.assumptions) log_warning(assumption);
    torch::LoadOptions how{.device = "cpu", .share_trunk = false, .engine = torch::Engine::torch};
    const auto torch = torch::load_network(network, how);
    how.engine = torch::Engine::onednn;
    const auto onednn = torch::load_network(network, how);
    for (const std::string& warning : torch->report().warnings) log_warning(warning);
    line("network", network.path.string());
    if (onednn->report().engine != "onednn") {
        for (const std::string& warning : onednn->report().warnings) std::cout << "\n" << warning << "\n";
        return cli::exit_done;
    }
    const auto source = flow::scan(pictures);
    auto agreement = compare(*torch, *onednn, *source);
    agreement.precision = onednn->report().precision;
    tell(agreement);
    const std::string file = pictures::record_agreement(network, torch->report().graph, agreement);
    if (!agreement.agrees()) {
        std::cout << "\nthe engine onednn DISAGREES with LibTorch: --engine auto will not use it, and it should be "
                     "reported\n";
        return cli::exit_failed;
    }
    std::cout << "\nthe engine onednn agrees with LibTorch on these pictures"
              << (!agreement.is_of_enough_pictures()
                      ? ", but --engine auto wants " + std::to_string(pictures::fewest_to_agree_on) + " or more\n"
                  : agreement.onednn_is_faster()
                      ? ": --engine auto uses it for this network, and others of its trunk, on this machine\n"
                      : ", but is no faster, so --engine auto stays with LibTorch\n");
    if (file.empty())
        log_warning("nothing remembers it, as neither XDG_CACHE_HOME nor HOME is set; use --engine onednn");
    else
        log_info(file + ": keeps what was found");
    return cli::exit_done;
}

} // namespace openset::doctor
