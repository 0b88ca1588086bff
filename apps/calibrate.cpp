// openset calibrate ROWS -o calibration.json: one budget of wrongly rejected known pictures for a whole chain

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "calibrate/known_rows.hpp"
#include "calibrate/measured.hpp"
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/number_text.hpp"
#include "scores/rate_text.hpp"
#include "scores/unit.hpp"

using namespace openset;

namespace {

struct CalibrateOptions {
    std::string known, held_out, method, gate_score = "mass", output;
    double budget = 0.05;
    bool per_class = false;
    std::uint64_t seed = 0;
};

std::string percent(double share) { return io::shortest(100 * share) + " %"; }

std::string calibrated_on(const CalibrateOptions& options, const calibrate::KnownRows& known) {
    nlohmann::ordered_json json = {
        {"file", known.file.string()}, {"sha256", sha256_hex_of_file(known.file)}, {"rows", known.chain.rows()}};
    if (known.failed > 0) json["failed"] = known.failed;
    json["seed"] = options.seed;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void tell(const io::Calibration& calibration, std::size_t rows) {
    for (const auto& [stage, point] : cascade::ChainCalibration(calibration).operating_points(calibration.budget))
        log_notice(point.stage + " rejects where " + scores::rule_text(point));
    const std::size_t ranking = calibration.least_shares ? calibration.least_shares->size() : 0;
    log_notice(scores::rows_text(static_cast<std::int64_t>(rows), "known") +
               (ranking > 0
                    ? ", of which " + std::to_string(rows - ranking) + " say how odd a score is at each stage and " +
                          std::to_string(ranking) + " rank the oddest of them"
                    : "") +
               ": a new known picture like them is rejected with probability " + percent(calibration.budget) +
               " at most, by " + (calibration.stages.size() > 1 ? "all stages together" : "this stage"));
}

void check(const CalibrateOptions& options) {
    if (!(options.budget > 0 && options.budget < 1))
        throw Error(ErrorKind::usage,
                    "--budget " + io::shortest(options.budget) + ": expected a share above 0 and below 1");
    cli::keep_apart({{"-o", options.output}}, {{"ROWS", options.known}, {"--held-out", options.held_out}});
    cli::check_output(options.output, "calibration of openset calibrate",
                      [](std::string_view head) { return head.starts_with("{\"format\":\"openset-calibration/"); });
}

int run(const CalibrateOptions& options) {
    check(options);
    const auto known = calibrate::read_known({options.known, options.method, options.gate_score});
    std::vector<std::size_t> all(known.chain.rows());
    std::iota(all.begin(), all.end(), 0);
    io::Calibration calibration = cascade::calibrate(known.chain, all, options.budget, options.per_class, options.seed);
    calibrate::Measured measured;
    if (options.held_out.empty()) {
        measured = calibrate::measure_by_folds(known.chain, options.budget, options.per_class, options.seed);
    } else {
        if (sha256_hex_of_file(options.held_out) == sha256_hex_of_file(options.known)) {
            throw Error(ErrorKind::usage, "--held-out " + options.held_out + ": holds the very rows of " +
                                              options.known +
                                              ", expected others; without --held-out ten folds of ROWS are measured");
        }
        const auto held_out = calibrate::read_known({options.held_out, options.method, options.gate_score});
        calibrate::require_same_chain(known, held_out);
        measured = calibrate::measure(cascade::ChainCalibration(calibration), held_out.chain);
    }
    calibration.calibrated_on = calibrated_on(options, known);
    calibration.measured_rows = measured.rows;
    calibration.measured_rejected = measured.all_rejected();
    calibration.measured_in_folds = measured.by_folds;
    calibration.measured = calibrate::to_json(measured).dump();
    tell(calibration, known.chain.rows());
    for (const std::string& line : calibrate::told(measured)) log_notice(line);
    write_file_atomically(options.output, io::to_json(calibration));
    log_notice("wrote " + options.output);
    return cli::exit_done;
}

void add_options(CLI::App& app, CalibrateOptions& options) {
    app.add_option("ROWS", options.known,
                   "held-out known pictures: rows of infer --all-stages (their record beside them), or a score file")
        ->type_name("FILE")
        ->required();
    app.add_option("-o,--output", options.output, "file for the calibration, which a pipeline config names")
        ->type_name("FILE")
        ->required();
    app.add_option("--budget", options.budget,
                   "share of known pictures that all stages together may reject (default 0.05)")
        ->type_name("A");
    app.add_option("--held-out", options.held_out,
                   "other known pictures to measure that share on (default: ten folds of ROWS)")
        ->type_name("FILE");
    app.add_flag("--per-class", options.per_class,
                 "rank the detector's score among pictures of the same predicted label, where they are enough");
    app.add_option("--method", options.method, "score file: its column (default: the only one)")->type_name("NAME");
    app.add_option(
           "--gate-score", options.gate_score,
           "what the gate rejects by: mass (default), the accepted labels' summed probability, or rank, the best "
           "rank of one")
        ->type_name("SCORE")
        ->check(cli::one_of({"mass", "rank"}))
        ->group(cli::more_options);
    app.add_option("--seed", options.seed, "of the split into halves and folds (default 0)")
        ->type_name("N")
        ->check(cli::whole_number(0, std::numeric_limits<std::int64_t>::max()))
        ->group(cli::more_options);
}

} // namespace

int main(int argc, char** argv) {
    CalibrateOptions options;
    cli::Command command(
        "openset calibrate",
        "Chooses the thresholds of gate, species filter and detector so that together they reject at most a stated "
        "share "
        "of known pictures, from known pictures alone. With the result infer prints p-values and takes --significance.",
        {{"openset calibrate known.jsonl --budget 0.05 -o calibration.json",
          "rows of infer --all-stages; then \"calibration\": \"calibration.json\" in the config"},
         {"openset calibrate known.csv --method openmax --per-class -o calibration.json",
          "a detector alone, by scores"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(options); });
}
