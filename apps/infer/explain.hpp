#pragma once

#include <string>

#include "openset/cascade/pipeline.hpp"
#include "openset/flow/loaded_pipeline.hpp"
#include "openset/flow/runner.hpp"

namespace openset::infer {

struct ExplainOptions {
    std::string picture;        ///< a file, `archive.tar//member`, or - for standard input
    std::string preview;        ///< PNG file for what the networks see; empty: none
    flow::RunnerOptions runner; ///< how pictures are decoded, how many labels are listed, whether all stages run
};

/// Takes one picture through the pipeline and tells it as a story: what each network sees, its likeliest labels, the
/// rule with its figures, and the sentence that decided.
struct Explanation {
    std::string text;
    bool failed = false; ///< the picture has no verdict
};

/// Throws Error(usage) where the name does not stand for exactly one picture, Error(output) for the preview.
Explanation explain(const flow::LoadedPipeline& loaded, const ExplainOptions& options,
                    const Cancellation& cancellation);

} // namespace openset::infer
