#include "inspect/training.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/text_file.hpp"
#include "inspect/text.hpp"
#include "openset/base/error.hpp"

namespace openset::inspect {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Runs what reads members of a document that anybody may have written.
void read_as(const std::string& what, const fs::path& file, const std::function<void()>& read) {
    try {
        read();
    } catch (const Json::exception&) {
        throw Error(ErrorKind::corrupt,
                    file.string() + ": lacks parts of " + what + ", expected it as openset train writes it");
    }
}

std::string number_text(const Json& object, const char* name) {
    return object.contains(name) && object[name].is_number() ? in_short(object[name].get<double>()) : "-";
}

void print_sets(const Json& sets) {
    std::vector<std::vector<std::string>> lines = {{"set", "pictures", "accuracy", "balanced", "loss", "failed"}};
    for (const Json& set : sets) {
        lines.push_back({set.at("name").get<std::string>(), set.at("pictures").dump(), number_text(set, "accuracy"),
                         number_text(set, "balanced_accuracy"), number_text(set, "loss"), set.at("failed").dump()});
    }
    print_table(lines);
}

void print_training_text(const fs::path& file, const Json& record) {
    print_line("file", file.string());
    print_line("kind", "record of a training");
    const Json& network = record.at("network");
    print_line("network", network.at("path").get<std::string>() + ", sha256 " +
                              short_hash(network.at("sha256").get<std::string>()));
    if (record.contains("trunk")) print_line("head on", record["trunk"].at("path").get<std::string>());
    print_line("labels", std::to_string(record.at("labels").size()));
    print_line("activation", record.at("activation").get<std::string>());
    if (record.contains("l2")) print_line("l2", number_text(record, "l2"));
    if (record.contains("best_epoch")) print_line("best epoch", record["best_epoch"].dump());
    print_line("took", number_text(record, "seconds") + " s");
    print_sets(record.at("sets"));
}

void print_checkpoint_text(const fs::path& file, const Json& facts) {
    print_line("file", file.string() + ", " + bytes_text(fs::file_size(file)));
    print_line("kind", "checkpoint of openset train; the same command with --resume goes on");
    const Json run = Json::parse(facts.at("run").get<std::string>());
    print_line("epochs", std::to_string(facts.at("epochs").size()) + " of " + run.at("--epochs").dump() + ", best " +
                             facts.at("best_epoch").dump());
    if (!facts.at("epochs").empty()) {
        const Json& last = facts["epochs"].back();
        print_line(
            "loss",
            number_text(last.at("train"), "loss") +
                (last.contains("validation") ? ", of validation " + number_text(last["validation"], "loss") : ""));
    }
    constexpr std::size_t longest = 60; // hashes and shapes are for programs
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& [name, value] : run.items()) {
        std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        if (text.size() <= longest) lines.emplace_back(name, std::move(text));
    }
    print_line("made with", std::to_string(lines.size()) + " options and figures");
    print_block(lines);
}

} // namespace

void print_training(const fs::path& file, const Wanted& wanted) {
    read_as("a record of a training", file, [&] {
        const Json record = Json::parse(cli::read_text_file(file.string(), "a record of a training"));
        if (wanted.json) return print_json({{"file", file.string()}, {"kind", "training record"}, {"record", record}});
        print_training_text(file, record);
    });
}

std::string checkpoint_facts(const fs::path& file) {
    constexpr std::streamoff most = std::streamoff{8} << 20;
    std::ifstream stream(file, std::ios::binary | std::ios::ate);
    if (!stream) return "";
    const std::streamoff size = std::min<std::streamoff>(stream.tellg(), most);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    stream.seekg(-size, std::ios::end);
    stream.read(bytes.data(), size);
    const auto format = bytes.find("\"format\":\"openset-sgd-checkpoint/");
    if (format == std::string::npos) return "";
    const auto begin = bytes.rfind("{\"best_epoch\":", format);
    if (begin == std::string::npos || begin < 5 || bytes[begin - 5] != 'X') return "";
    std::size_t length = 0; // pickle's BINUNICODE: X, four bytes of length, the text
    for (std::size_t i = 1; i <= 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[begin - i]);
    return length <= bytes.size() - begin ? bytes.substr(begin, length) : "";
}

void print_checkpoint(const fs::path& file, const Wanted& wanted) {
    read_as("a checkpoint", file, [&] {
        Json facts = Json::parse(checkpoint_facts(file));
        if (!wanted.json) return print_checkpoint_text(file, facts);
        facts["run"] = Json::parse(facts.at("run").get<std::string>());
        print_json({{"file", file.string()}, {"kind", "checkpoint"}, {"checkpoint", facts}});
    });
}

} // namespace openset::inspect
