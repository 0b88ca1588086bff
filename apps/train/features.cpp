#include "train/features.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/signals.hpp"
#include "extract/run.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/store_writer.hpp"
#include "pictures/resume.hpp"
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

    /// For messages: "as they are", "mirrored", "mirrored, top left"
    std::string text() const {
        if (place == CropPlace::centre) return mirror ? "mirrored" : "as they are";
        static constexpr const char* corners[] = {"", "top left", "top right", "bottom left", "bottom right"};
        return std::string(mirror ? "mirrored, " : "") + corners[static_cast<int>(place)];
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

std::vector<std::string> names_of(const std::vector<std::string>& paths, const Cancellation& cancellation) {
    pictures::Inputs inputs(input_flags(paths));
    const auto source = inputs.open(cancellation, 0);
    std::vector<std::string> names;
    while (const auto path = pictures::next_path(*source)) names.push_back(*path);
    return names;
}

/// The first few pictures that failed, and where all of them stand.
void warn_of_failures(const fs::path& store) {
    constexpr std::int64_t most = 3;
    std::int64_t failed = 0;
    io::for_each_picture(store, [&failed](const io::StoreSample& sample) {
        if (!sample.error.empty() && failed++ < most) log_warning(printable(sample.path) + ": " + sample.error);
    });
    if (failed > most)
        log_warning("and " + std::to_string(failed - most) + " more pictures failed; " +
                    (store / "samples.csv").string() + " lists all " + std::to_string(failed));
}

/// Fills the store, or leaves one as it is that the same run has filled.
void fill(const Options& options, const model::NetworkFile& trunk, const std::vector<std::string>& paths,
          const std::string& set, const std::string& files, const View& view, const fs::path& store,
          const Cancellation& cancellation) {
    extract::Options extraction = extract_options(options, trunk, paths, store);
    extraction.what = set + " pictures, " + view.text();
    extraction.files_sha256 = files;
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
        log_notice(store.string() +
                   ": the pictures, or how they are looked at, have changed; computing the features anew");
        log_info("why they are computed anew: " + std::string(error.what()));
        extraction.resume = false;
        extraction.force = true;
        extract::run(extraction, config, cancellation);
    }
    if (cli::caught_signal() != 0) throw cli::Interrupted();
    if (options.strict && (!fs::exists(store) || io::ActivationStore(store).meta().failed > 0))
        throw Error(ErrorKind::unreadable, store.string() + ": a picture failed, and --strict makes no network then");
}

struct ViewOfAll {
    std::vector<std::string> paths, class_names;
    std::int64_t columns = 0, failed = 0;
    std::vector<float> values; ///< [pictures, columns]
};

ViewOfAll read_store(const fs::path& folder) {
    const io::ActivationStore store(folder);
    if (store.features() == 0) {
        throw Error(ErrorKind::usage,
                    folder.string() + ": is taken for an activation store, because logits.npy lies there, but holds no "
                                      "features; expected pictures, or a store of a network whose logits come from a "
                                      "last Linear");
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

/// A store that the user made must hold what the trunk would give.
void check_of_trunk(const fs::path& folder, const model::NetworkFile& trunk) {
    const io::ActivationStore store(folder);
    const io::StoreMeta& meta = store.meta();
    const auto preprocess = nlohmann::json::parse(model::to_json(trunk.info)).at("preprocess");
    const std::string store_text = folder.string() + ": is a store ";
    if (!meta.model_sha256.empty() && meta.model_sha256 != trunk.sha256) {
        throw Error(ErrorKind::usage, store_text + "of the network with SHA-256 " + meta.model_sha256 +
                                          ", expected one of the trunk, " + trunk.path.string() + " with " +
                                          trunk.sha256);
    }
    if (!meta.preprocess_json.empty() && nlohmann::json::parse(meta.preprocess_json) != preprocess) {
        throw Error(ErrorKind::usage, store_text + "with the preprocessing " + meta.preprocess_json +
                                          ", expected the trunk's, " + preprocess.dump());
    }
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
    if (is_store(paths)) {
        check_of_trunk(paths.front(), trunk);
        return interleave({read_store(paths.front())}, paths.front());
    }
    refuse_strays(paths);
    std::error_code problem;
    fs::create_directories(options.cache, problem);
    if (problem)
        throw Error(ErrorKind::output, options.cache + ": cannot make the folder of features: " + problem.message());
    const std::string files = files_sha256(names_of(paths, cancellation));
    std::vector<ViewOfAll> read;
    for (const View& view : views_called(views)) {
        const fs::path store = fs::path(options.cache) / (set + "-" + view.name() + ".store");
        fill(options, trunk, paths, set, files, view, store, cancellation);
        if (read.empty()) warn_of_failures(store); // the other views' are the same
        read.push_back(read_store(store));
    }
    return interleave(read, options.cache);
}

} // namespace openset::train
