#include "doctor/engines.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>

#include "cli/exit_code.hpp"
#include "doctor/line.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "openset/flow/input.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "pictures/engine_agreements.hpp"

namespace openset::doctor {
namespace {

/// Milliseconds that this thread computed: those of a busy machine count as those of an idle one.
double thread_milliseconds() {
    std::timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

/// As the network sees it; none, and a warning, where the picture cannot be decoded.
std::optional<model::Batch> read_picture(const flow::Input& input, const image::PreprocessSpec& spec) {
    try {
        if (input.failure) throw Error(ErrorKind::unreadable, input.failure->message);
        const auto bytes = input.bytes ? *input.bytes : read_file(input.path);
        const auto picture = image::resize_crop(image::decode(bytes).picture, spec);
        model::Batch batch{1, picture.height, picture.width, {}};
        batch.data.resize(std::size_t{3} * static_cast<std::size_t>(picture.height) *
                          static_cast<std::size_t>(picture.width));
        image::normalise(picture, spec, batch.data);
        return batch;
    } catch (const Error& error) {
        log_warning(input.path + ": left out: " + error.what());
        return std::nullopt;
    }
}

struct Answer {
    model::Outputs outputs;
    model::Matrix logits;
    double milliseconds;
};

Answer ask(model::Network& network, const model::Batch& batch) {
    const double start = thread_milliseconds();
    Answer answer{network.run(batch), {}, 0};
    answer.milliseconds = thread_milliseconds() - start;
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

std::ptrdiff_t likeliest(const model::Matrix& logits) {
    if (logits.columns == 1) return logits.values.front() > 0 ? 1 : 0; // one of two labels
    return std::ranges::max_element(logits.values) - logits.values.begin();
}

/// The middle one; of an even number the lower of the two.
double median(std::vector<double> values) {
    const auto middle = values.begin() + (std::ssize(values) - 1) / 2;
    std::ranges::nth_element(values, middle);
    return *middle;
}

pictures::EngineAgreement compare(model::Network& torch, model::Network& onednn, flow::InputSource& source) {
    pictures::EngineAgreement agreement;
    std::vector<double> torch_times, onednn_times;
    const image::PreprocessSpec& spec = torch.info().preprocess;
    while (const auto input = source.next()) {
        const auto picture = read_picture(*input, spec);
        if (!picture) continue;
        if (agreement.pictures == 0) ask(torch, *picture); // the first passes compile
        const Answer a = ask(torch, *picture), b = ask(onednn, *picture);
        ++agreement.pictures;
        agreement.same_label += likeliest(a.logits) == likeliest(b.logits) ? 1 : 0;
        agreement.feature_difference =
            std::max(agreement.feature_difference, largest_difference(a.outputs.features, b.outputs.features));
        agreement.logit_difference = std::max(agreement.logit_difference, largest_difference(a.logits, b.logits));
        for (const float logit : a.logits.values)
            agreement.largest_logit = std::max(agreement.largest_logit, std::abs(static_cast<double>(logit)));
        torch_times.push_back(a.milliseconds);
        onednn_times.push_back(b.milliseconds);
    }
    if (agreement.pictures == 0)
        throw Error(ErrorKind::usage,
                    "--model: none of the pictures to try it on can be decoded, expected one or more");
    agreement.torch_milliseconds = median(torch_times);
    agreement.onednn_milliseconds = median(onednn_times);
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
    std::snprintf(figures, sizeof figures, "%.1f ms a picture by LibTorch, %.1f ms by onednn (one thread, medians)",
                  found.torch_milliseconds, found.onednn_milliseconds);
    line("speed", figures);
}

} // namespace

int compare_engines(const model::NetworkFile& network, const std::vector<std::string>& pictures) {
    torch::prepare_process();
    torch::LoadOptions how{.device = "cpu", .share_trunk = false, .engine = torch::Engine::torch};
    const auto torch = torch::load_network(network, how);
    how.engine = torch::Engine::onednn;
    const auto onednn = torch::load_network(network, how);
    line("network", network.path.string());
    if (onednn->report().engine != "onednn") {
        for (const std::string& warning : onednn->report().warnings) std::cout << "\n" << warning << "\n";
        return cli::exit_done;
    }
    const auto source = flow::scan(pictures);
    const auto agreement = compare(*torch, *onednn, *source);
    tell(agreement);
    const std::string file = pictures::record_agreement(network, agreement);
    if (!agreement.agrees()) {
        std::cout << "\nthe engine onednn DISAGREES with LibTorch: --engine auto will not use it, and it should be "
                     "reported\n";
        return cli::exit_failed;
    }
    std::cout << "\nthe engine onednn agrees with LibTorch on these pictures: "
              << (agreement.onednn_milliseconds < agreement.torch_milliseconds
                      ? "--engine auto uses it for this network on this machine\n"
                      : "but is no faster, so --engine auto stays with LibTorch\n");
    if (file.empty())
        log_warning("nothing remembers it, as neither XDG_CACHE_HOME nor HOME is set; use --engine onednn");
    else
        log_info(file + ": keeps what was found");
    return cli::exit_done;
}

} // namespace openset::doctor
