#include "flow/ordered_delivery.hpp"

#include <iterator>
#include <utility>

#include "flow/seconds_since.hpp"

namespace openset::flow {

std::int64_t kept_bytes(const Input& input) { return input.bytes ? std::ssize(*input.bytes) : 0; }

void OrderedDelivery::file(Item item) {
    const std::int64_t place = any_order_ ? filed_ : item.number;
    ++filed_;
    finished_.emplace(place, Finished{std::move(item.row), std::move(item.input), std::move(item.activations)});
}

void OrderedDelivery::deliver(std::unique_lock<std::mutex>& lock, const Receiver& receive,
                              const std::function<bool(const Delivered&)>& told) {
    if (delivering_) return;
    delivering_ = true;
    bool go_on = true;
    while (go_on && !finished_.empty() && finished_.begin()->first == delivered_) {
        const Finished next = std::move(finished_.begin()->second);
        finished_.erase(finished_.begin());
        lock.unlock();
        const Delivered result = hand_over(next, receive);
        lock.lock();
        ++delivered_;
        go_on = told(result);
    }
    delivering_ = false;
}

OrderedDelivery::Delivered OrderedDelivery::hand_over(const Finished& next, const Receiver& receive) {
    const auto start = Clock::now();
    Delivered result{kept_bytes(next.input), 0, false, nullptr};
    try {
        result.go_on = receive({next.row, next.input, next.activations.view()});
    } catch (...) {
        result.error = std::current_exception();
    }
    result.seconds = seconds_since(start);
    return result;
}

} // namespace openset::flow
