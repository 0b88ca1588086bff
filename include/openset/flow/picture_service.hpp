#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "openset/flow/input.hpp"
#include "openset/flow/runner.hpp"
#include "openset/io/row.hpp"

namespace openset::flow {

/// Answers single pictures, asked for by any number of threads, with one run: what is asked while networks are busy goes
/// through them together in the next pass, and nobody waits for a batch to fill. The rows are those of any other run.
class PictureService {
public:
    using Clock = std::chrono::steady_clock;

    /// A run over these inputs, until they end: run() with RunnerOptions::any_order.
    using Run = std::function<void(InputSource& inputs, const Receiver& receive)>;

    /// Starts the run on a thread of its own.
    explicit PictureService(Run run);
    PictureService(const PictureService&) = delete;
    PictureService& operator=(const PictureService&) = delete;
    /// Answers what has been asked, then ends the run.
    ~PictureService();

    /// name          the row's path; nothing is ever opened by it
    /// bytes         the picture's file
    /// latest_start  a picture that no network has begun with by then is not run: none instead of its row
    /// The answer throws what ended the run, where it ended by an exception; later ones too. The future may be dropped.
    std::future<std::optional<io::Row>> ask(std::string name, std::vector<std::uint8_t> bytes,
                                            Clock::time_point latest_start);

    /// Whether the run goes on.
    bool alive() const;

private:
    class Requests;
    std::shared_ptr<Requests> requests_;
    std::jthread thread_;
};

} // namespace openset::flow
