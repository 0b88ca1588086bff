#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/cascade/pipeline.hpp"
#include "openset/flow/input.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"
#include "openset/io/activations.hpp"
#include "openset/io/row.hpp"
#include "openset/model/network.hpp"

namespace openset::flow {

/// A stage's network and how pictures are prepared for it. The network must outlive the run.
struct StageNetwork {
    cascade::Stage stage = cascade::Stage::classifier;
    model::Network* network = nullptr;
    image::PreprocessSpec preprocess; ///< the network's own, or what the config says instead
    int batch = 0;                    ///< most pictures a forward pass, where it is known; 0: as RunnerOptions say
};

/// For each stage the first one whose trunk and preprocessing are its own too, itself where it shares them with none
/// before it. What the first's network returned for a picture serves them all; each applies its own head.
std::vector<std::size_t> trunk_of(const std::vector<StageNetwork>& networks);

std::vector<image::PreprocessSpec> preprocess_of(const std::vector<StageNetwork>& networks);

/// What one stage did to one picture.
struct StageObservation {
    cascade::Stage stage;
    image::Size decoded;            ///< the picture as it was read
    int divisor = 1;                ///< of its sides: RunnerOptions::fast_decode
    const image::Picture& prepared; ///< resized and cropped
    const cascade::StageScores& scores;
    const io::Activations& activations; ///< one row
    const io::Row& row;                 ///< as it stands after this stage
};

struct RunnerOptions {
    int batch = 8; ///< most pictures a forward pass, 1 or more
    /// Each network's own size, of which `batch` is the largest, is found while it runs: the first passes serve as trials.
    bool find_batch = false;
    /// Networks compute on the thread that calls them, from floats: a pass takes that thread's CPU time, which other programs
    /// move less than wall time. Else they get bytes (Network::run_pictures).
    bool on_cpu = false;
    bool share_trunks = true; ///< stages of one trunk_of() need one forward pass between them; the rows are the same
    int jobs = 1;             ///< decode threads, 1 or more
    int threads = 1;          ///< inference threads, 1 or more
    image::DecodeOptions decode;
    /// JPEGs are decoded at half or a quarter of their size where that leaves more than twice what every stage's
    /// preprocessing resizes to: image::decode_divisor. Figures change a little.
    bool fast_decode = false;
    /// Most bytes that decoding takes at a time, all threads together: the contents of files, and apart from them what
    /// decoders and resizing need, each up to this. A picture waits until its part is free; one that alone needs more
    /// fails as too-large, whatever runs beside it.
    std::int64_t decode_memory = std::int64_t{1} << 30;
    /// No further picture is started while the prepared ones that wait take more: it matters where no preprocessing
    /// bounds their size.
    std::int64_t waiting_bytes = std::int64_t{1} << 30;
    int top = 5;             ///< labels listed in the classifier's figures
    bool all_stages = false; ///< later stages run for rejected pictures too; the verdict stays
    bool any_order = false;  ///< rows are delivered as they come, not in input order: no picture waits for a slower one
    bool keep_bytes = false; ///< the receiver needs the contents of inputs that are no files
    bool keep_activations = false; ///< the receiver needs what the classifier's network returned
    /// Told what each stage saw and computed, before the row is delivered; by several threads at once.
    std::function<void(const StageObservation&)> observe;
};

/// Where the time went. Seconds are the threads' of one kind, added up.
struct RunStatistics {
    struct Stage {
        cascade::Stage stage = cascade::Stage::classifier;
        std::int64_t pictures = 0;    ///< that the stage had a say about
        std::int64_t passed = 0;      ///< of these: through its network; an earlier stage's features served the others
        std::int64_t passes = 0;      ///< forward passes
        double normalise_seconds = 0; ///< bytes -> a batch of floats; with on_cpu, else a part of the next
        double forward_seconds = 0;   ///< the network
        double judge_seconds = 0;     ///< head, rule, detector
        int batch_found = 0;          ///< the fastest number of pictures a pass; 0: not looked for, or not found yet
        bool batch_outgrown = false;  ///< what was known or found of it found no memory

        double seconds() const { return normalise_seconds + forward_seconds + judge_seconds; }
        void add(const Stage& more);
    };
    double decode_seconds = 0;           ///< reading and decoding, on decode threads
    double resize_seconds = 0;           ///< resizing and cropping, on decode threads
    double prepare_cpu_seconds = 0;      ///< CPU time of these two: the rest was waiting for a disk or a core
    double decode_wait_seconds = 0;      ///< of decode threads, for room or memory: inference is the slower part
    double inference_wait_seconds = 0;   ///< of inference threads, for pictures: decoding is the slower part
    double deliver_seconds = 0;          ///< in the receiver of rows
    std::vector<Stage> stages;           ///< as networks were given
    std::int64_t warnings_not_shown = 0; ///< about pictures: the first few are logged as warnings, the rest as info
};

/// What has become of one input. Views: valid during the call that receives them.
struct Delivery {
    const io::Row& row;
    const Input& input; ///< its bytes are gone unless keep_bytes is set
    /// With keep_activations, and where the picture has passed the classifier's network: one row, all of it finite, the
    /// logits one a label (0 and z for the single logit z of two labels). Else no row.
    const io::Activations& activations;
};

/// Receives the rows in input order (RunnerOptions::any_order: as they come), one at a time. False stops the run: no later row is delivered.
using Receiver = std::function<bool(const Delivery&)>;

/// Runs every input through the pipeline's stages: one row per input, whatever happens to it.
///
/// networks  one for each of cascade::stages(pipeline), in that order
/// Decode threads read and prepare pictures; inference threads take a full batch of the latest stage that has one, else
/// what waits at the earliest stage, so that nothing ever waits for a batch to fill. Only what a stage lets pass goes
/// on; through a stage whose trunk has seen a picture already it goes at once. At most Runner::least_window or `batch *
/// (stages + threads) + jobs` pictures, and as many rows, are in flight, and their pixels take at most `waiting_bytes` and
/// one picture a decode thread: memory does not grow with the inputs. A network that runs out
/// of memory is given half the batch from then on; one that refuses a batch is asked picture by picture. On
/// cancellation no further input is started, and no picture goes to a network any longer but those that one has begun
/// with and, as rows have an order, those before them: their rows are delivered.
///
/// Rethrows what the receiver or the source throws, after the threads have ended.
RunStatistics run(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks, InputSource& inputs,
                  const Receiver& receive, const RunnerOptions& options, const Cancellation& cancellation);

/// run() in two steps: the first pictures are read and prepared while the networks are still being loaded.
class Runner {
public:
    /// Of pictures: before there are networks, and the least of a run. So many that what one of thirty is still asked fills
    /// a batch; 40 MB at 224x224.
    static constexpr int least_window = 256;

    /// Begins to read, decode and resize.
    /// head_start  pictures at most before finish(), whatever may be in flight later
    /// preprocess  of each stage; inputs and cancellation must outlive this
    Runner(const std::vector<image::PreprocessSpec>& preprocess, InputSource& inputs, const RunnerOptions& options,
           const Cancellation& cancellation, int head_start = least_window);

    /// A run that was not finished is stopped, without a row.
    ~Runner();

    /// The rest of the run, once: see run(). Throws Error(internal) where the networks have another preprocessing.
    RunStatistics finish(const cascade::Pipeline& pipeline, const std::vector<StageNetwork>& networks,
                         const Receiver& receive);

private:
    class Run;
    std::unique_ptr<Run> run_;
};

} // namespace openset::flow
