// How many threads the process may keep busy where work is cut into parts: one number for all modules.
#pragma once
#include <algorithm>
#include <atomic>
#include <thread>

namespace lethe {

inline std::atomic<int> chosen_thread_count = 0;

inline void set_thread_count(int threads) { chosen_thread_count = threads; }  // 0: one for each core

inline int thread_count() {  // 1 or more
  const int chosen = chosen_thread_count;
  return chosen > 0 ? chosen : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace lethe
