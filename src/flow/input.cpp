#include "openset/flow/input.hpp"

#include <utility>

#include "openset/base/error.hpp"

namespace openset::flow {
namespace {

class StreamedNames : public InputSource {
public:
    StreamedNames(NameList names, const ScanOptions& options)
        : names_(std::move(names)), stopped_(options.cancellation) {}

    std::optional<Input> next() override {
        auto name = names_.next(stopped_);
        if (!name) return std::nullopt;
        if (!name->empty()) return Input{std::move(*name), std::nullopt, std::nullopt};
        return Input{"", std::nullopt,
                     io::Failure{std::string(to_string(ErrorKind::not_found)), "an empty line, expected a path"}};
    }

    void stop() noexcept override { stopped_.request(); }

private:
    NameList names_;
    Cancellation stopped_;
};

class Part : public InputSource {
public:
    Part(std::unique_ptr<InputSource> source, io::Shard shard) : source_(std::move(source)), shard_(shard) {}

    std::optional<Input> next() override {
        if (!skip_to_ours()) return std::nullopt;
        return source_->next();
    }

    std::optional<std::string> skip() override {
        if (!skip_to_ours()) return std::nullopt;
        return source_->skip();
    }

    void stop() noexcept override { source_->stop(); }

private:
    /// The next input is ours, and counted; false where the source ends before.
    bool skip_to_ours() {
        while (position_++ % shard_.count != shard_.index)
            if (!source_->skip()) return false;
        return true;
    }

    std::unique_ptr<InputSource> source_;
    io::Shard shard_;
    std::int64_t position_ = 0;
};

} // namespace

std::optional<std::string> InputSource::skip() {
    auto input = next();
    if (!input) return std::nullopt;
    return std::move(input->path);
}

std::unique_ptr<InputSource> stream_names(NameList names, const ScanOptions& options) {
    return std::make_unique<StreamedNames>(std::move(names), options);
}

std::unique_ptr<InputSource> take_shard(std::unique_ptr<InputSource> source, io::Shard shard) {
    return std::make_unique<Part>(std::move(source), shard);
}

} // namespace openset::flow
