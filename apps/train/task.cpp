#include "train/task.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>

#include "openset/base/error.hpp"
#include "openset/base/printable.hpp"
#include "openset/base/random.hpp"
#include "openset/base/sha256.hpp"
#include "openset/base/spelling.hpp"
#include "openset/flow/class_folder.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/number_text.hpp"

namespace openset::train {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

std::vector<std::string> split_at_commas(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

/// The pictures by label, each label's in a random order that follows from the seed.
std::vector<std::vector<std::size_t>> shuffled_by_label(const std::vector<std::int64_t>& labels, std::uint64_t seed) {
    std::vector<std::vector<std::size_t>> by_label(
        labels.empty() ? 0 : static_cast<std::size_t>(*std::ranges::max_element(labels)) + 1);
    for (std::size_t i = 0; i < labels.size(); ++i) by_label[static_cast<std::size_t>(labels[i])].push_back(i);
    for (std::size_t label = 0; label < by_label.size(); ++label) {
        Random(seed, static_cast<std::uint32_t>(label)).shuffle(by_label[label]);
    }
    return by_label;
}

/// Those of a store that have a row.
std::vector<LabelledPicture> pictures_of_store(const std::string& folder) {
    std::vector<LabelledPicture> pictures;
    io::ActivationStore(folder).for_each_sample(
        [&pictures](std::int64_t, const std::string& path, const std::string& label) {
            pictures.push_back({path, label});
        });
    return pictures;
}

/// "test: 20 pictures", and a line a label.
std::string lines_of_set(const std::string& name, const std::vector<LabelledPicture>& pictures, const Task& task) {
    std::vector<std::int64_t> counts(task.labels().size());
    std::int64_t left_out = 0;
    for (const LabelledPicture& picture : pictures) {
        const auto label = task.label_of(picture.class_name);
        ++(label ? counts[static_cast<std::size_t>(*label)] : left_out);
    }
    std::string text = name + ": " + std::to_string(std::ssize(pictures) - left_out) + " pictures";
    if (left_out > 0) text += ", and " + std::to_string(left_out) + " of other classes left out";
    text += "\n";
    for (std::size_t label = 0; label < counts.size(); ++label)
        text += std::to_string(counts[label]) + "\t" + printable(task.labels()[label]) + "\n";
    return text;
}

std::string quoted_list(const std::set<std::string>& names) {
    constexpr std::size_t most = 8;
    std::string text;
    std::size_t count = 0;
    for (const std::string& name : names) {
        if (count == most) return text + " and " + std::to_string(names.size() - most) + " more";
        text += (count++ == 0 ? "" : ", ") + name;
    }
    return text;
}

} // namespace

pictures::InputFlags input_flags(const std::vector<std::string>& paths) {
    pictures::InputFlags flags;
    const bool is_table = paths.size() == 1 && fs::is_regular_file(paths.front());
    if (is_table) {
        flags.csv = paths.front();
    } else {
        flags.paths = paths;
    }
    return flags;
}

bool is_store(const std::vector<std::string>& paths) {
    return paths.size() == 1 && fs::exists(fs::path(paths.front()) / "logits.npy");
}

void refuse_strays(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
        std::error_code ignored; // who walks the folder says what is wrong
        std::string stray;
        bool has_classes = false;
        for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
            if (entry->path().filename().string().starts_with(".")) continue;
            if (entry->is_directory(ignored)) {
                has_classes = true;
            } else if (stray.empty() || entry->path().string() < stray) {
                stray = entry->path().string();
            }
        }
        if (has_classes && !stray.empty())
            refuse(stray +
                   ": lies beside folders of classes, expected nothing else there; move it into one of them or away");
    }
}

std::vector<LabelledPicture> pictures_in(const std::vector<std::string>& paths, const Cancellation& cancellation) {
    if (is_store(paths)) return pictures_of_store(paths.front());
    const pictures::InputFlags flags = input_flags(paths);
    refuse_strays(flags.paths);
    pictures::Inputs inputs(flags);
    if (!inputs.missing().empty())
        refuse(inputs.missing().front() +
               ": found nothing there, expected a folder with a folder for each class in it");
    const auto source = inputs.open(cancellation, std::int64_t{1} << 30);
    std::vector<LabelledPicture> pictures;
    while (const auto input = source->next()) {
        const std::string class_name =
            flags.csv.empty() ? flow::class_folder(input->path, flags.paths) : input->label.value_or("");
        if (class_name.empty())
            refuse(input->path + ": has no class, expected it in a folder that is called by its class");
        pictures.push_back({input->path, class_name, input->bytes.has_value()});
    }
    return pictures;
}

std::set<std::string> classes_of(const std::vector<LabelledPicture>& pictures) {
    std::set<std::string> names;
    for (const LabelledPicture& picture : pictures) names.insert(picture.class_name);
    return names;
}

std::set<std::string> family_of(const Options& options, const Cancellation& cancellation) {
    if (options.positive_dir.empty()) return {};
    return classes_of(pictures_in(options.positive_dir, cancellation));
}

Task::Task(const Options& options, const std::set<std::string>& classes, std::set<std::string> family) {
    for (const std::string& name : split_at_commas(options.positive)) {
        if (!classes.contains(name)) {
            refuse("--positive " + name + ": no pictures of such a class, expected one of " + quoted_list(classes) +
                   did_you_mean(name, std::vector<std::string>(classes.begin(), classes.end())));
        }
        family.insert(name);
    }
    is_filter_ = !family.empty();
    if (!is_filter_) {
        labels_.assign(classes.begin(), classes.end());
        for (const std::string& name : labels_) ids_.emplace(name, std::ssize(ids_));
    } else {
        labels_ = options.filter_labels.empty()
                      ? std::vector<std::string>{"other", family.size() == 1 ? *family.begin() : "family"}
                      : split_at_commas(options.filter_labels);
        if (labels_.front() == labels_.back())
            refuse("both labels of the filter would be " + labels_.front() + "; name them with --filter-labels");
        for (const std::string& name : family) ids_.emplace(name, 1);
        if (std::ranges::includes(family, classes))
            refuse("every class is of the family (" + quoted_list(classes) +
                   "), expected others too: a filter learns from both");
    }
    if (labels_.size() < 2)
        refuse("found pictures of one class only, " + quoted_list(classes) +
               "; expected two or more folders of classes");
}

std::optional<std::int64_t> Task::label_of(const std::string& class_name) const {
    const auto found = ids_.find(class_name);
    if (found != ids_.end()) return found->second;
    return is_filter_ ? std::optional<std::int64_t>(0) : std::nullopt;
}

void check_names(const Options& options, const Cancellation& cancellation) {
    const auto data = pictures_in(options.all_data(), cancellation);
    if (data.empty())
        refuse(options.data.front() + ": found no pictures, expected a folder with a folder for each class in it");
    const Task task(options, classes_of(data), family_of(options, cancellation));
    if (options.validation_number()) return;
    const auto is_taught = [&task](const std::string& name) { return task.label_of(name).has_value(); };
    if (std::ranges::none_of(classes_of(pictures_in({options.validation}, cancellation)), is_taught))
        refuse_empty_validation(options);
}

namespace {

/// The file itself, or the archive that a name such as `photos.tar//1.jpg` lies in: `//` may also stand between folders.
std::string file_that_holds(const std::string& path) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path;
    for (auto at = path.find("//"); at != std::string::npos; at = path.find("//", at + 2)) {
        if (fs::is_regular_file(path.substr(0, at), ignored)) return path.substr(0, at);
    }
    return path;
}

} // namespace

std::string files_sha256(const std::vector<std::string>& paths) {
    std::string text;
    for (const std::string& path : paths) {
        const std::string file = file_that_holds(path);
        std::error_code ignored; // what is not there is told when it is read
        const auto size = fs::file_size(file, ignored);
        const auto time = fs::last_write_time(file, ignored).time_since_epoch().count();
        text += path + '\0' + std::to_string(size) + ' ' + std::to_string(time) + '\0';
    }
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string text_of_plan(const Options& options, const Cancellation& cancellation) {
    const auto data = pictures_in(options.all_data(), cancellation);
    const Task task(options, classes_of(data), family_of(options, cancellation));
    std::string text = lines_of_set("data", data, task);
    if (const auto number = options.validation_number()) {
        text += std::string(*number >= 2 ? "validation: " : "validation: a share of ") + io::shortest(*number) +
                (*number >= 2 ? " folds of the data\n" : " of the data\n");
    } else {
        text += lines_of_set("validation", pictures_in({options.validation}, cancellation), task);
    }
    if (!options.test.empty()) text += lines_of_set("test", pictures_in(options.test, cancellation), task);
    return text + "nothing was learned\n";
}

void refuse_empty_validation(const Options& options) {
    refuse("--validation " + options.validation +
           ": has no picture of what is taught, expected folders that are called as those of --data");
}

Split split_by_label(const std::vector<std::int64_t>& labels, double share, std::uint64_t seed) {
    std::vector<bool> judges(labels.size(), false);
    for (const auto& pictures : shuffled_by_label(labels, seed)) {
        auto count = static_cast<std::size_t>(std::lround(share * static_cast<double>(pictures.size())));
        if (share > 0 && count == 0 && pictures.size() > 1) count = 1;
        if (count == pictures.size() && count > 0) --count;
        for (std::size_t i = 0; i < count; ++i) judges[pictures[i]] = true;
    }
    Split split;
    for (std::size_t i = 0; i < labels.size(); ++i) (judges[i] ? split.validation : split.training).push_back(i);
    return split;
}

std::vector<int> folds_by_label(const std::vector<std::int64_t>& labels, int folds, std::uint64_t seed) {
    std::vector<int> fold(labels.size());
    int next = 0; // goes on from label to label: small classes fill different folds
    for (const auto& pictures : shuffled_by_label(labels, seed)) {
        for (const std::size_t picture : pictures) fold[picture] = next++ % folds;
    }
    return fold;
}

} // namespace openset::train
