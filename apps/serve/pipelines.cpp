#include "serve/pipelines.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <utility>

#include "cli/text_file.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/torch/runtime.hpp"
#include "pictures/int8_networks.hpp"
#include "pictures/networks.hpp"
#include "pictures/run.hpp"

namespace openset::serve {
namespace {

cascade::PipelineConfig parse_config(const std::string& file) {
    return cascade::parse_pipeline_config(cli::read_text_file(file, "a pipeline config, as openset init writes one"),
                                          file, std::filesystem::path(file).parent_path());
}

cascade::PipelineConfig read_config(const std::string& file, const Options& options) {
    auto config = parse_config(file);
    if (options.precision == "int8") config = pictures::with_int8_networks(std::move(config), false);
    return config;
}

/// The config and every file that it names, with what may describe the networks beside them.
std::vector<std::filesystem::path> files_of(const std::string& config_file, const Options& options) {
    std::vector<std::filesystem::path> files = {config_file};
    const auto add = [&files](cascade::PipelineConfig config) {
        for (const std::filesystem::path* path : cascade::paths_of(config)) {
            files.push_back(*path);
            files.emplace_back(path->string() + ".openset.json"); // there is one beside a network only, and not always
        }
    };
    add(parse_config(config_file));
    add(read_config(config_file, options)); // int8 networks are made from those that the config names
    return files;
}

} // namespace

Pipeline::Pipeline(const std::string& config_file, const Options& options) {
    io::RunRecord record;
    loaded_ = pictures::load_networks(read_config(config_file, options), config_file, options.load,
                                      {.allow_mismatch = options.allow_mismatch,
                                       .labels = {},
                                       .preprocess = {},
                                       .fast_decode = options.runner.fast_decode},
                                      record);
    pictures::tell_shared_trunks(record);
    pictures::RunFlags flags = options;
    pictures::choose_settings(flags, record.device);
    runner_ = flags.runner;
    closed_ = cascade::closed_set(loaded_.pipeline);
    open_set_ = std::make_unique<flow::PictureService>(
        [this, record](flow::InputSource& inputs, const flow::Receiver& receive) {
            const Cancellation never; // ends with its inputs, so that nobody is left without an answer
            pictures::run(loaded_, inputs, receive, runner_, record, never);
        });
}

flow::PictureService& Pipeline::service(bool open_set) {
    if (open_set) return *open_set_;
    const std::scoped_lock lock(mutex_);
    if (!closed_set_) {
        closed_set_ =
            std::make_unique<flow::PictureService>([this](flow::InputSource& inputs, const flow::Receiver& receive) {
                const Cancellation never;
                flow::RunnerOptions runner = runner_;
                runner.find_batch = false;
                flow::run(closed_, {loaded_.networks().back()}, inputs, receive, runner, never);
            });
    }
    return *closed_set_;
}

bool Pipeline::alive() const {
    const std::scoped_lock lock(mutex_);
    return open_set_->alive() && (!closed_set_ || closed_set_->alive());
}

Pipelines::Pipelines(const Options& options) : options_(options) {
    for (const std::string& file : options.configs) {
        Served served;
        served.config_file = file;
        served.files = files_of(file, options);
        served.loaded = served.seen = signature_of(served.files);
        served.pipeline = std::make_shared<Pipeline>(file, options);
        if (const auto other = find(served.pipeline->name()); other && !served_.empty()) {
            throw Error(ErrorKind::usage, file + ": a second pipeline named \"" + other->name() +
                                              "\", expected a name for each; give one of them another /name");
        }
        served_.push_back(std::move(served));
    }
}

std::shared_ptr<Pipeline> Pipelines::find(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    for (const Served& served : served_) {
        if (name.empty() || served.pipeline->name() == name) return served.pipeline;
    }
    return nullptr;
}

std::vector<std::shared_ptr<Pipeline>> Pipelines::all() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::shared_ptr<Pipeline>> result;
    for (const Served& served : served_) result.push_back(served.pipeline);
    return result;
}

bool Pipelines::alive() const {
    const auto pipelines = all();
    return std::ranges::all_of(pipelines, [](const auto& pipeline) { return pipeline->alive(); });
}

Pipelines::Reloads Pipelines::reloads() const {
    const std::scoped_lock lock(mutex_);
    return reloads_;
}

Pipelines::Signature Pipelines::signature_of(const std::vector<std::filesystem::path>& files) {
    Signature result;
    for (const auto& file : files) {
        struct stat facts {};
        if (stat(file.c_str(), &facts) != 0) {
            result.emplace_back("none");
        } else {
            result.push_back(std::to_string(facts.st_ino) + " " + std::to_string(facts.st_size) + " " +
                             std::to_string(facts.st_mtim.tv_sec) + "." + std::to_string(facts.st_mtim.tv_nsec));
        }
    }
    return result;
}

/// Not on a thread that answers: the last answer would wait for it, and what such a thread's allocator keeps cannot be given back.
void Pipelines::end_replaced() {
    const auto is_ours_alone = [](const std::shared_ptr<Pipeline>& pipeline) { return pipeline.use_count() == 1; };
    if (std::erase_if(replaced_, is_ours_alone) > 0) torch::give_back_memory();
}

void Pipelines::reload_changed() {
    end_replaced();
    for (Served& served : served_) {
        const Signature now = signature_of(served.files);
        const bool stands_still = now == served.seen;
        served.seen = now;
        if (stands_still && now != served.loaded) reload(served);
    }
}

void Pipelines::reload(Served& served) {
    served.loaded = served.seen; // tried once, whatever comes of it
    try {
        served.files = files_of(served.config_file, options_); // also where loading fails: one that is missing may come
        served.loaded = served.seen = signature_of(served.files);
        auto fresh = std::make_shared<Pipeline>(served.config_file, options_);
        const auto other = find(fresh->name());
        if (other && other != served.pipeline)
            throw Error(ErrorKind::usage, served.config_file + ": its new name \"" + fresh->name() +
                                              "\" is another pipeline's, expected one of its own");
        const std::string name = fresh->name();
        {
            const std::scoped_lock lock(mutex_);
            served.pipeline.swap(fresh);
            ++reloads_.done;
        }
        log_notice(served.config_file + ": loaded again as " + name);
        replaced_.push_back(std::move(fresh)); // the pipeline of before
    } catch (const std::exception& error) {
        const std::scoped_lock lock(mutex_);
        ++reloads_.refused;
        log_error(served.config_file +
                  ": changed, but not loaded again; the pipeline of before goes on: " + error.what());
    }
}

} // namespace openset::serve
