#include "lethe/tensor/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "lethe/base/error.h"
#include "lethe/base/thread_count.h"

namespace lethe::tensor {
namespace {

// Exceptions must not leave an OpenMP region: the first one is kept and thrown again behind it.
class FirstError {
 public:
  template <typename Body>
  void guard(const Body& body) {
    try {
      body();
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
      failed_ = true;
    }
  }
  bool failed() const { return failed_; }
  void rethrow() {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

void set_num_threads(int threads) {
  check(threads >= 0, "threads: {} given, 0 (all cores) or more expected", threads);
  set_thread_count(threads);
  omp_set_num_threads(threads == 0 ? omp_get_num_procs() : threads);
}

int num_threads() { return omp_in_parallel() ? 1 : omp_get_max_threads(); }

void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t ranges = std::min<int64_t>(num_threads(), (n + grain - 1) / grain);
  if (ranges <= 1) return body(0, n);
  FirstError error;
  // The whole team is asked for even when there are fewer ranges: libgomp ends the threads that a smaller team leaves
  // over and would start them anew for the next one.
#pragma omp parallel
  {
    const int64_t team = omp_get_num_threads();
    for (int64_t r = omp_get_thread_num(); r < ranges; r += team) {
      error.guard([&] { body(n * r / ranges, n * (r + 1) / ranges); });
    }
  }
  error.rethrow();
}

void parallel_tasks(int64_t n, const std::function<void(int64_t)>& body) {
  if (n <= 0) return;
  if (n == 1 || num_threads() == 1) {
    for (int64_t i = 0; i < n; ++i) body(i);
    return;
  }
  FirstError error;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < n; ++i) {
    if (!error.failed()) error.guard([&] { body(i); });
  }
  error.rethrow();
}

}  // namespace lethe::tensor
