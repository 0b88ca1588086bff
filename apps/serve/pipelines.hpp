#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "openset/flow/loaded_pipeline.hpp"
#include "openset/flow/picture_service.hpp"
#include "serve/options.hpp"

namespace openset::serve {

/// A config's networks in memory, and what answers pictures with them.
class Pipeline {
public:
    /// Loads everything the config names.
    Pipeline(const std::string& config_file, const Options& options);

    const std::string& name() const { return loaded_.pipeline.name; }
    const cascade::Pipeline& rules(bool open_set) const { return open_set ? loaded_.pipeline : closed_; }
    /// Whether its runs go on. Any thread.
    bool alive() const;

    /// open_set  false: the classifier alone, rejecting nothing
    flow::PictureService& service(bool open_set);

private:
    flow::LoadedPipeline loaded_;
    cascade::Pipeline closed_;
    flow::RunnerOptions runner_;
    std::unique_ptr<flow::PictureService> open_set_, closed_set_;
    mutable std::mutex mutex_; ///< guards closed_set_, made when it is first asked for
};

/// The pipelines that are served, each taken anew when one of its files has changed. Any thread may ask.
class Pipelines {
public:
    /// Throws what loading throws, and Error(usage) where two configs have one name.
    explicit Pipelines(const Options& options);

    /// The pipeline of the name, the first for the empty name; null where there is none. It stays whole for as long as it
    /// is held, whatever is loaded in its place.
    std::shared_ptr<Pipeline> find(const std::string& name) const;
    std::vector<std::shared_ptr<Pipeline>> all() const;

    /// Loads the configs whose files have changed and stand still since the last call. One that cannot be loaded is told on
    /// the log, and the pipeline of before goes on. For one thread.
    void reload_changed();

    /// Whether the runs of all of them go on. Any thread.
    bool alive() const;

    struct Reloads {
        std::int64_t done = 0, refused = 0;
    };
    Reloads reloads() const;

private:
    /// A file's identity, size and time.
    using Signature = std::vector<std::string>;

    struct Served {
        std::string config_file;
        std::vector<std::filesystem::path> files; ///< the config and what it names
        Signature loaded, seen;                   ///< of the pipeline, of the last look
        std::shared_ptr<Pipeline> pipeline;
    };

    static Signature signature_of(const std::vector<std::filesystem::path>& files);
    void end_replaced();
    void reload(Served& served);

    const Options& options_;
    mutable std::mutex mutex_; ///< guards the pointers and the counts; the rest is reload_changed()'s alone
    std::vector<Served> served_;
    std::vector<std::shared_ptr<Pipeline>> replaced_; ///< those of before, until no request holds them: they end here
    Reloads reloads_;
};

} // namespace openset::serve
