// Work in parts on all cores, its results in order: what is made depends on no number of threads.
#pragma once
#include <algorithm>
#include <cstddef>
#include <deque>
#include <future>
#include <thread>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"

namespace lethe::world {

// make(i) for each i below `count`, several at a time; take(make(i)) here, in the order of i. The first part that
// throws ends the work with its error. Throws Interrupted after Ctrl-C.
template <typename Make, typename Take>
void in_order(size_t count, const Make& make, const Take& take) {
  const size_t at_a_time = std::max(2u, std::thread::hardware_concurrency());
  std::deque<std::future<decltype(make(size_t{}))>> parts;
  for (size_t next = 0; next < count || !parts.empty();) {
    if (interrupted()) throw Interrupted("interrupted");
    while (next < count && parts.size() < at_a_time) {
      parts.push_back(std::async(std::launch::async, [&make, i = next] { return make(i); }));
      ++next;
    }
    auto part = std::move(parts.front());
    parts.pop_front();
    take(part.get());
  }
}

}  // namespace lethe::world
