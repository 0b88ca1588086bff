#include "train/features.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "cli/signals.hpp"
#include "extract/run.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/store_writer.hpp"
#include "train/task.hpp"

namespace openset::train {
namespace {

namespace fs = std::filesystem;
using image::CropPlace;

/// A way to look at a picture.
struct View {
    CropPlace place;
    bool mirror;

    std::string name() const {
        static constexpr const char* places[] = {"plain", "top-left", "top-right", "bottom-left", "bottom-right"};
        return std::string(mirror ? "mirrored-" : "") + places[static_cast<int>(place)];
    }
};

std::vector<View> views_called(const std::string& name) {
    std::vector<View> views{{CropPlace::centre, false}};
    if (name == "five-crop" || name == "ten-crop") {
        for (const CropPlace corner :
             {CropPlace::top_left, CropPlace::top_right, CropPlace::bottom_left, CropPlace::bottom_right})
            views.push_back({corner, false});
    }
    if (name == "mirror" || name == "ten-crop") {
        for (std::size_t i = 0, unmirrored = views.size(); i < unmirrored; ++i) views.push_back({views[i].place, true});
    }
    return views;
}

extract::Options extract_options(const Options& options, const model::NetworkFile& trunk,
                                 const std::vector<std::string>& paths, const fs::path& store) {
    extract::Options extraction;
    static_cast<pictures::RunFlags&>(extraction) = options;
    extraction.runner.keep_activations = true;
    extraction.runner.top = 0;
    extraction.model = trunk.path.string();
    extraction.inputs = input_flags(paths);
    extraction.output = store.string();
    extraction.resume = true;
    extraction.quiet = options.quiet;
    extraction.own_classes = true;
    extraction.max_errors = std::numeric_limits<std::int64_t>::max(); // counted by who asked for the features
    return extraction;
}

/// Fills the store, or leaves one as it is that the same run has filled.
void fill(const Options& options, const model::NetworkFile& trunk, const std::vector<std::string>& paths,
          const View& view, const fs::path& store, const Cancellation& cancellation) {
    extract::Options extraction = extract_options(options, trunk, paths, store);
    cascade::PipelineConfig config = extract::classifier_config(extraction);
    image::PreprocessSpec preprocess = trunk.info.preprocess;
    preprocess.crop_place = view.place;
    preprocess.mirror = view.mirror;
    if (view.mirror || view.place != CropPlace::centre) config.classifier.network.preprocess = preprocess;
    try {
        extract::run(extraction, config, cancellation);
    } catch (const Error& error) {
        const bool of_before = fs::exists(store) || fs::exists(io::partial_store(store));
        if (error.kind() != ErrorKind::usage || !of_before) throw;
        log_notice("computing the features anew: " + std::string(error.what()));
        extraction.resume = false;
        extraction.force = true;
        extract::run(extraction, config, cancellation);
    }
    if (cli::caught_signal() != 0) throw cli::Interrupted();
}

struct ViewOfAll {
    std::vector<std::string> paths, class_names;
    std::int64_t columns = 0, failed = 0;
    std::vector<float> values; ///< [pictures, columns]
};

ViewOfAll read_store(const fs::path& folder) {
    const io::ActivationStore store(folder);
    if (store.features() == 0) {
        throw Error(ErrorKind::usage, folder.string() +
                                          ": holds no features, expected a store of a network whose logits "
                                          "come from a last Linear");
    }
    store.check_finite();
    ViewOfAll view;
    view.columns = store.features();
    view.failed = store.meta().failed;
    store.for_each_sample([&view](std::int64_t, const std::string& path, const std::string& label) {
        view.paths.push_back(path);
        view.class_names.push_back(label);
    });
    view.values.reserve(static_cast<std::size_t>(store.rows() * store.features()));
    store.for_each_block([&view](std::int64_t, const io::Activations& block) {
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const auto features = block.features.row(row);
            view.values.insert(view.values.end(), features.begin(), features.end());
        }
    });
    return view;
}

/// View beside view for each picture.
Features interleave(const std::vector<ViewOfAll>& views, const std::string& where) {
    Features all;
    all.class_names = views.front().class_names;
    all.columns = views.front().columns;
    all.failed = views.front().failed;
    all.views = std::ssize(views);
    const auto columns = static_cast<std::size_t>(all.columns);
    all.values.reserve(views.size() * views.front().values.size());
    for (const ViewOfAll& view : views) {
        if (view.paths != views.front().paths)
            throw Error(ErrorKind::usage, where + ": its stores hold different pictures; remove it and run again");
    }
    for (std::size_t picture = 0; picture < all.class_names.size(); ++picture) {
        for (const ViewOfAll& view : views) {
            const auto first = view.values.begin() + static_cast<std::ptrdiff_t>(picture * columns);
            all.values.insert(all.values.end(), first, first + static_cast<std::ptrdiff_t>(columns));
        }
    }
    return all;
}

bool is_store(const std::vector<std::string>& paths) {
    return paths.size() == 1 && fs::exists(fs::path(paths.front()) / "logits.npy");
}

} // namespace

std::vector<float> Features::plain() const {
    if (views == 1) return values;
    std::vector<float> picked;
    picked.reserve(values.size() / static_cast<std::size_t>(views));
    for (std::int64_t picture = 0; picture < pictures(); ++picture) {
        const auto first = values.begin() + picture * views * columns;
        picked.insert(picked.end(), first, first + columns);
    }
    return picked;
}

const std::vector<std::string>& view_names() {
    static const std::vector<std::string> names{"plain", "mirror", "five-crop", "ten-crop"};
    return names;
}

Features features_of(const Options& options, const model::NetworkFile& trunk, const std::string& set,
                     const std::vector<std::string>& paths, const std::string& views,
                     const Cancellation& cancellation) {
    if (is_store(paths)) return interleave({read_store(paths.front())}, paths.front());
    std::error_code problem;
    fs::create_directories(options.cache, problem);
    if (problem)
        throw Error(ErrorKind::output, options.cache + ": cannot make the folder of features: " + problem.message());
    std::vector<ViewOfAll> read;
    for (const View& view : views_called(views)) {
        const fs::path store = fs::path(options.cache) / (set + "-" + view.name() + ".store");
        log_info(set + ": " + view.name());
        fill(options, trunk, paths, view, store, cancellation);
        read.push_back(read_store(store));
    }
    return interleave(read, options.cache);
}

} // namespace openset::train
