#pragma once

#include "openset/flow/loaded_pipeline.hpp"
#include "openset/flow/runner.hpp"
#include "openset/io/run_record.hpp"

namespace openset::pictures {

/// flow::Runner::finish() with the batch sizes that earlier runs on this machine have found for the networks, where the options leave
/// the size to be found; what this run finds is remembered for later ones.
/// record  of the run, with its networks
flow::RunStatistics finish(flow::Runner& runner, const flow::LoadedPipeline& loaded, const flow::Receiver& receive,
                           const flow::RunnerOptions& options, const io::RunRecord& record);

/// The whole of a run.
flow::RunStatistics run(const flow::LoadedPipeline& loaded, flow::InputSource& inputs, const flow::Receiver& receive,
                        const flow::RunnerOptions& options, const io::RunRecord& record,
                        const Cancellation& cancellation);

} // namespace openset::pictures
