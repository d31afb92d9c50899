// Work in parts on several threads, its results in order: what is made depends on no number of threads.
#pragma once
#include <cstddef>
#include <deque>
#include <future>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/base/thread_count.h"

namespace lethe::world {

// make(i) for each i below `count`, thread_count() at a time; take(make(i)) here, in the order of i. The first part
// that throws ends the work with its error. Throws Interrupted after Ctrl-C.
template <typename Make, typename Take>
void in_order(size_t count, const Make& make, const Take& take) {
  const auto at_a_time = static_cast<size_t>(thread_count());
  // One thread is this one: a deferred part is made when it is taken.
  const std::launch how = at_a_time > 1 ? std::launch::async : std::launch::deferred;
  std::deque<std::future<decltype(make(size_t{}))>> parts;
  for (size_t next = 0; next < count || !parts.empty();) {
    if (interrupted()) throw Interrupted("interrupted");
    while (next < count && parts.size() < at_a_time) {
      parts.push_back(std::async(how, [&make, i = next] { return make(i); }));
      ++next;
    }
    auto part = std::move(parts.front());
    parts.pop_front();
    take(part.get());
  }
}

}  // namespace lethe::world
