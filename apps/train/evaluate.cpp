#include "train/evaluate.hpp"

#include "cli/signals.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/flow/runner.hpp"
#include "pictures/networks.hpp"
#include "pictures/run.hpp"

namespace openset::train {
namespace {

class ExampleSource : public flow::InputSource {
public:
    explicit ExampleSource(const std::vector<Example>& examples) : examples_(examples) {}

    std::optional<flow::Input> next() override {
        if (next_ == examples_.size()) return std::nullopt;
        return flow::Input{examples_[next_++].path, std::nullopt, std::nullopt};
    }

private:
    const std::vector<Example>& examples_;
    std::size_t next_ = 0;
};

} // namespace

Judged evaluate(const Options& options, const std::string& network, const std::string& set,
                const std::vector<Example>& examples, const Cancellation& cancellation) {
    cascade::PipelineConfig config;
    config.name = options.name;
    config.classifier.network.model = network;
    flow::PipelineLoadOptions how;
    how.closed_set = true;
    io::RunRecord record;
    const auto loaded = pictures::load_networks(config, network, options.load, how, record);

    pictures::RunFlags flags = options;
    pictures::choose_settings(flags, record.device);
    flow::RunnerOptions runner = flags.runner;
    runner.keep_activations = true;
    runner.top = 0;
    Judged judged{set, "", {}, {}, 0, 0};
    ExampleSource source(examples);
    std::size_t next = 0;
    const auto receive = [&](const flow::Delivery& delivery) {
        const Example& example = examples[next++];
        if (delivery.row.failure) {
            ++judged.failed;
            log_warning(printable(example.path) + ": " + delivery.row.failure->message);
            return true;
        }
        const auto logits = delivery.activations.logits.row(0);
        judged.logits.insert(judged.logits.end(), logits.begin(), logits.end());
        judged.labels.push_back(example.label);
        return true;
    };
    pictures::run(loaded, source, receive, runner, record, cancellation);
    if (cli::caught_signal() != 0) throw cli::Interrupted();
    return judged;
}

} // namespace openset::train
