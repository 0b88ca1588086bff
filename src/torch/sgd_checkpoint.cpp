#include "torch/sgd_checkpoint.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <torch/serialize/archive.h>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"

namespace openset::torch {
namespace {

using nlohmann::json;
using ::torch::serialize::InputArchive;
using ::torch::serialize::OutputArchive;

constexpr auto format = "openset-sgd-checkpoint/1";

json to_json(const EpochFigures& figures) { return {{"loss", figures.loss}, {"accuracy", figures.accuracy}}; }

EpochFigures figures_from(const json& object) { return {object.at("loss"), object.at("accuracy")}; }

json to_json(const EpochReport& report) {
    json object{{"epoch", report.epoch},
                {"learning_rate", report.learning_rate},
                {"train", to_json(report.train)},
                {"seconds", report.seconds}};
    if (report.validation) object["validation"] = to_json(*report.validation);
    return object;
}

EpochReport epoch_from(const json& object) {
    EpochReport report;
    report.epoch = object.at("epoch");
    report.learning_rate = object.at("learning_rate");
    report.train = figures_from(object.at("train"));
    if (object.contains("validation")) report.validation = figures_from(object.at("validation"));
    report.seconds = object.at("seconds");
    return report;
}

void write_tensors(OutputArchive& archive, const std::string& name, const std::vector<at::Tensor>& tensors) {
    OutputArchive nested(archive.compilation_unit());
    nested.write("count", c10::IValue(static_cast<std::int64_t>(tensors.size())));
    for (std::size_t i = 0; i < tensors.size(); ++i) nested.write(std::to_string(i), tensors[i]);
    archive.write(name, nested);
}

std::vector<at::Tensor> read_tensors(InputArchive& archive, const std::string& name) {
    InputArchive nested;
    archive.read(name, nested);
    c10::IValue count;
    nested.read("count", count);
    std::vector<at::Tensor> tensors(static_cast<std::size_t>(count.toInt()));
    for (std::size_t i = 0; i < tensors.size(); ++i) nested.read(std::to_string(i), tensors[i]);
    return tensors;
}

/// "--momentum 0.9 (now 0.5)": what is different, the options first; of what is too long for a line the name alone.
std::string differences(const json& then, const json& now) {
    constexpr std::size_t longest = 60;
    std::string text;
    for (const auto& [name, value] : now.items()) {
        const json before = then.contains(name) ? then.at(name) : json();
        if (before == value) continue;
        const auto shown = [](const json& one) { return one.is_string() ? one.get<std::string>() : one.dump(); };
        const std::string old = shown(before), own = shown(value);
        text += (text.empty() ? "" : ", ") + name;
        if (std::max(old.size(), own.size()) <= longest) text += " " + old + " (now " + own + ")";
    }
    return text;
}

SgdCheckpoint read(InputArchive& archive, const std::string& run, const std::string& where) {
    c10::IValue text;
    archive.read("facts", text);
    const json facts = json::parse(text.toStringRef());
    if (facts.at("format") != format)
        throw Error(ErrorKind::usage, where + ": a checkpoint of another openset; begin anew without --resume");
    SgdCheckpoint checkpoint;
    checkpoint.run = facts.at("run");
    if (checkpoint.run != run) {
        throw Error(ErrorKind::usage, where + ": a checkpoint of a run with other " +
                                          differences(json::parse(checkpoint.run), json::parse(run)) +
                                          "; expected one of the same, or --force instead of --resume to begin anew");
    }
    for (const json& epoch : facts.at("epochs")) checkpoint.epochs.push_back(epoch_from(epoch));
    checkpoint.best_epoch = facts.at("best_epoch");
    checkpoint.state = read_tensors(archive, "state");
    checkpoint.best_state = read_tensors(archive, "best_state");
    return checkpoint;
}

} // namespace

void write_checkpoint(const std::filesystem::path& path, const SgdCheckpoint& checkpoint,
                      const ::torch::optim::SGD& optimiser) {
    json epochs = json::array();
    for (const EpochReport& epoch : checkpoint.epochs) epochs.push_back(to_json(epoch));
    const json facts{
        {"format", format}, {"run", checkpoint.run}, {"best_epoch", checkpoint.best_epoch}, {"epochs", epochs}};

    OutputArchive archive;
    archive.write("facts", c10::IValue(facts.dump()));
    write_tensors(archive, "state", checkpoint.state);
    write_tensors(archive, "best_state", checkpoint.best_state);
    OutputArchive memory(archive.compilation_unit());
    optimiser.save(memory);
    archive.write("optimiser", memory);
    std::ostringstream bytes;
    archive.save_to(bytes);
    write_file_atomically(path, bytes.str());
}

SgdCheckpoint read_checkpoint(const std::filesystem::path& path, const std::string& run,
                              ::torch::optim::SGD& optimiser) {
    const std::string where = path.string();
    InputArchive archive;
    try {
        archive.load_from(where, at::Device(at::kCPU));
        SgdCheckpoint checkpoint = read(archive, run, where);
        InputArchive memory;
        archive.read("optimiser", memory);
        optimiser.load(memory);
        return checkpoint;
    } catch (const Error&) {
        throw;
    } catch (const std::exception&) {
        throw Error(ErrorKind::usage,
                    where + ": not a whole checkpoint as openset writes it; begin anew without --resume");
    }
}

} // namespace openset::torch
