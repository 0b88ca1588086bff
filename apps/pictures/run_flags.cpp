#include "pictures/run_flags.hpp"

#include <algorithm>
#include <thread>

#include "cli/command.hpp"
#include "openset/base/error.hpp"

namespace openset::pictures {
namespace {

/// bf16 asks for the engine that has it.
void resolve_engine(RunFlags& flags) {
    const bool bf16 = flags.precision == "bf16";
    if (bf16 && flags.engine == "torch") {
        throw Error(ErrorKind::usage, "--precision bf16: the engine torch has none; expected --engine onednn or auto");
    }
    flags.load.engine = flags.engine == "onednn" || bf16 ? torch::Engine::onednn
                        : flags.engine == "torch"        ? torch::Engine::torch
                                                         : torch::Engine::automatic;
    flags.load.precision = bf16                        ? torch::Precision::bf16
                           : flags.precision == "fp16" ? torch::Precision::fp16
                                                       : torch::Precision::fp32;
}

int cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

} // namespace

void add_run_flags(CLI::App& app, RunFlags& flags) {
    flags.runner.jobs = cores();
    flags.runner.threads = 0;
    flags.runner.batch = 0;
    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    const auto more_flag = [&app](auto&&... arguments) { return app.add_flag(arguments...)->group(cli::more_options); };
    more("--max-pixels", flags.runner.decode.max_pixels, "larger pictures fail as too-large (default 178956970)")
        ->type_name("N")
        ->check(cli::whole_number(1, std::int64_t{1} << 31));
    more(
        "--decode-memory", flags.runner.decode_memory,
        "most bytes that files being decoded take at a time, all threads together, and apart from them most that their "
        "pixels take (default 1GiB); a picture that alone needs more fails as too-large")
        ->type_name("SIZE")
        ->transform(cli::byte_size());
    more("--exif-orientation", flags.exif_orientation, "ignore (as in training with Pillow) or apply")
        ->type_name("WHAT")
        ->check(cli::one_of({"ignore", "apply"}));
    more("-b,--batch", flags.runner.batch,
         "most pictures a forward pass (default: what is fastest here, found by trying and remembered)")
        ->type_name("N")
        ->check(cli::whole_number(1, 4096));
    more("-j,--jobs", flags.runner.jobs, "decode threads (default: one a core)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024));
    more("--threads", flags.runner.threads, "inference threads (default: one a core; two on a GPU)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024));
    more("--device", flags.load.device, "auto, cpu, cuda or cuda:N")->type_name("DEVICE");
    auto* const engine = more("--engine", flags.engine,
                              "what runs the networks: torch, onednn, or auto (default): onednn where \"openset doctor "
                              "--model\" found on this machine that the two agree");
    engine->type_name("ENGINE")->check(cli::one_of({"auto", "torch", "onednn"}));
    auto* const precision =
        more("--precision", flags.precision,
             "what the networks compute in: fp32 (auto, default); bf16 on processors that multiply in it, with the "
             "engine onednn; fp16: CUDA devices; int8: MODEL.int8.pt beside each MODEL.pt, as \"openset quantize\" "
             "makes it");
    precision->type_name("PRECISION")->check(cli::one_of({"auto", "fp32", "bf16", "fp16", "int8"}));
    auto* const as_saved = more_flag("--no-optimise,--no-optimize", flags.no_optimise,
                                     "run the networks as they were saved: slower, for comparison");
    as_saved->excludes(engine)->excludes(precision);
    more_flag("--no-share", flags.no_share,
              "one forward pass for each stage, also where stages are one network up to the head: for comparison");
}

void add_outcome_flags(CLI::App& app, RunFlags& flags) {
    app.add_flag("--strict", flags.strict, "stop at the first picture that fails, exit code 1")
        ->group(cli::more_options);
    app.add_option("--max-errors", flags.max_errors, "failed pictures that still count as success (default 0)")
        ->type_name("N")
        ->check(cli::whole_number(0, std::int64_t{1} << 62))
        ->group(cli::more_options);
    app.add_option("--progress", flags.progress, "auto, always, never or json (lines on standard error)")
        ->type_name("WHEN")
        ->check(cli::one_of({"auto", "always", "never", "json"}))
        ->group(cli::more_options);
}

void add_fast_decode(CLI::App& app, RunFlags& flags) {
    app.add_flag("--fast-decode", flags.runner.fast_decode,
                 "decode large JPEGs at 1/2 or 1/4 of their size: faster, and figures change a little")
        ->group(cli::more_options);
}

void resolve(RunFlags& flags) {
    flags.load.optimise = !flags.no_optimise;
    resolve_engine(flags);
    flags.load.share_trunk = flags.runner.share_trunks = !flags.no_share;
    flags.runner.decode.exif_orientation =
        flags.exif_orientation == "apply" ? image::ExifOrientation::apply : image::ExifOrientation::ignore;
}

void choose_settings(RunFlags& flags, const std::string& device) {
    const bool on_cpu = flags.runner.on_cpu = device == "cpu";
    if (flags.runner.threads == 0) flags.runner.threads = on_cpu ? cores() : 2;
    if (flags.runner.batch == 0) {
        flags.runner.find_batch = true;
        flags.runner.batch = on_cpu ? 16 : 256; // on a processor more is not faster, but takes memory
    }
}

} // namespace openset::pictures
