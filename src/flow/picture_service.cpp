#include "openset/flow/picture_service.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "flow/runner_item.hpp"
#include "openset/base/error.hpp"

namespace openset::flow {

/// The pictures that wait for their turn, and those that the run has taken.
class PictureService::Requests final : public InputSource {
public:
    using Answer = std::promise<std::optional<io::Row>>;

    std::future<std::optional<io::Row>> add(Input input, Clock::time_point latest_start) {
        Answer answer;
        auto result = answer.get_future();
        const std::scoped_lock lock(mutex_);
        if (ended_) {
            answer.set_exception(ended_);
        } else {
            input.ticket = ++tickets_;
            input.latest_start = latest_start;
            waiting_.push_back({std::move(input), std::move(answer)});
            changed_.notify_one();
        }
        return result;
    }

    /// No further picture comes: the source ends after those that wait.
    void close() {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

    /// Everybody who waits is told why, and whoever asks from now on.
    void fail(const std::exception_ptr& why) {
        const std::scoped_lock lock(mutex_);
        ended_ = why;
        for (Request& request : waiting_) request.answer.set_exception(why);
        for (auto& [ticket, answer] : taken_) answer.set_exception(why);
        waiting_.clear();
        taken_.clear();
    }

    bool alive() const {
        const std::scoped_lock lock(mutex_);
        return !ended_;
    }

    void answer(const Delivery& delivery) {
        std::unique_lock lock(mutex_);
        auto taken = taken_.extract(delivery.input.ticket);
        lock.unlock();
        if (!taken) return;
        if (delivery.row.failure && delivery.row.failure->kind == late) return taken.mapped().set_value(std::nullopt);
        taken.mapped().set_value(delivery.row);
    }

    // ---- the run's side

    std::optional<Input> next() override {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return stopped_ || closed_ || !waiting_.empty(); });
            if (stopped_ || waiting_.empty()) return std::nullopt;
            Request request = std::move(waiting_.front());
            waiting_.pop_front();
            if (Clock::now() > *request.input.latest_start) {
                request.answer.set_value(std::nullopt);
                continue;
            }
            taken_.emplace(request.input.ticket, std::move(request.answer));
            return std::move(request.input);
        }
    }

    void stop() noexcept override {
        const std::scoped_lock lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
    }

private:
    struct Request {
        Input input;
        Answer answer;
    };

    mutable std::mutex mutex_; ///< guards everything below
    std::condition_variable changed_;
    std::deque<Request> waiting_;
    std::map<std::uint64_t, Answer> taken_; ///< by ticket
    std::uint64_t tickets_ = 0;
    bool closed_ = false, stopped_ = false;
    std::exception_ptr ended_;
};

PictureService::PictureService(Run run)
    : requests_(std::make_shared<Requests>()), thread_([requests = requests_, run = std::move(run)] {
          try {
              run(*requests, [&requests](const Delivery& delivery) {
                  requests->answer(delivery);
                  return true;
              });
              requests->fail(std::make_exception_ptr(Error(ErrorKind::internal, "the run of the service has ended")));
          } catch (...) {
              requests->fail(std::current_exception());
          }
      }) {}

PictureService::~PictureService() { requests_->close(); }

std::future<std::optional<io::Row>> PictureService::ask(std::string name, std::vector<std::uint8_t> bytes,
                                                        Clock::time_point latest_start) {
    Input input;
    input.path = std::move(name);
    input.bytes = std::move(bytes);
    return requests_->add(std::move(input), latest_start);
}

bool PictureService::alive() const { return requests_->alive(); }

} // namespace openset::flow
