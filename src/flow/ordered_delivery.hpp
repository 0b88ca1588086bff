#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>

#include "flow/runner_item.hpp"

namespace openset::flow {

/// The end of a run: rows reach the receiver in the order of the inputs, or in that in which they were filed, one at a
/// time. Guarded by the lock of the run.
class OrderedDelivery {
public:
    /// What came of one row.
    struct Delivered {
        std::int64_t bytes = 0; ///< of the content that was kept for it
        double seconds = 0;     ///< in the receiver
        bool go_on = false;
        std::exception_ptr error; ///< of the receiver
    };

    explicit OrderedDelivery(bool any_order) : any_order_(any_order) {}

    void file(Item item);

    /// Delivers what is next in order, without the lock, until a row is missing or `told` returns false; at once where
    /// another thread is doing that. told  is called after each row, with the lock
    void deliver(std::unique_lock<std::mutex>& lock, const Receiver& receive,
                 const std::function<bool(const Delivered&)>& told);

    std::int64_t delivered() const { return delivered_; }

private:
    struct Finished {
        io::Row row;
        Input input;
        KeptActivations activations;
    };

    static Delivered hand_over(const Finished& next, const Receiver& receive);

    bool any_order_;
    std::int64_t filed_ = 0;
    std::map<std::int64_t, Finished> finished_; ///< not yet delivered, by number
    std::int64_t delivered_ = 0;
    bool delivering_ = false;
};

/// Contents wait until their row is delivered.
std::int64_t kept_bytes(const Input& input);

} // namespace openset::flow
