// Threads. Work is cut into one contiguous range a thread, always the same for the same (n, threads): results do not
// depend on timing. All of Lethe, and oneDNN, share OpenMP's one pool.
#pragma once
#include <cstdint>
#include <functional>

namespace lethe::tensor {

void set_num_threads(int threads);  // 0: all cores; sets thread_count() of base, too
int num_threads();

// body(begin, end) over [0, n) on the threads; ranges shorter than `grain` are not cut further. Not nested.
void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body);
// body(i) for each i in [0, n), handed out one by one as threads become free; bodies must be independent of each
// other's order.
void parallel_tasks(int64_t n, const std::function<void(int64_t)>& body);

}  // namespace lethe::tensor
