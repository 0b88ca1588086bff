#pragma once

#include <cstddef>
#include <functional>

#include "openset/base/cancellation.hpp"

namespace openset::cli {

/// Does work number 0 to many - 1, begun in this order, on so many threads, this one among them. What a thread throws stops
/// them all and is thrown on.
/// tell  called by this thread after each of its own, with how many all of them have done
/// Throws Interrupted once a stop was requested.
void in_parallel(int threads, std::size_t many, const std::function<void(std::size_t)>& work,
                 const std::function<void(std::size_t done)>& tell, const Cancellation& cancellation);

} // namespace openset::cli
