// What this processor can do at most, measured: the figure that all others are shares of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/peak.cc"
#include <algorithm>
#include <chrono>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

// Reads n numbers, four streams at a time; the sum keeps the compiler from leaving it out.
float read_all(const float* x, int64_t n) {
  const int64_t quarter = n / 4 / lanes() * lanes();
  Floats a = zero(), b = zero(), c = zero(), e = zero();
  for (int64_t i = 0; i < quarter; i += lanes()) {
    a = hn::Add(a, load(x + i));
    b = hn::Add(b, load(x + quarter + i));
    c = hn::Add(c, load(x + 2 * quarter + i));
    e = hn::Add(e, load(x + 3 * quarter + i));
  }
  return hn::GetLane(hn::SumOfLanes(FloatTag(), hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(read_all);

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// The shortest of the runs of `body` within `seconds`; the first, which warms up, is not counted.
template <typename Body>
double shortest_run(double seconds, const Body& body) {
  body();
  double best = 1e30;
  const auto begin = Clock::now();
  do {
    const auto start = Clock::now();
    body();
    best = std::min(best, seconds_since(start));
  } while (seconds_since(begin) < seconds);
  return best;
}

}  // namespace

bool has_fast_bf16() {
  // oneDNN's instruction sets are sets of bits: AMX holds AVX512-BF16. It also knows what the system allows.
  const int isa = static_cast<int>(dnnl::get_effective_cpu_isa());
  const int bf16 = static_cast<int>(dnnl::cpu_isa::avx512_core_bf16);
  return (isa & bf16) == bf16;
}

double measure_peak_flops(DType dtype) {
  double best = 0;
  for (const int64_t n : {1024, 2048}) {
    Buffer a(static_cast<size_t>(n * n) * size_of(dtype)), b(static_cast<size_t>(n * n) * size_of(dtype)),
        c(static_cast<size_t>(n * n) * size_of(dtype));
    const Tensor ta(a.data(), dtype, n, n), tb(b.data(), dtype, n, n), tc(c.data(), dtype, n, n);
    const double seconds = shortest_run(0.1, [&] { matmul(ta, tb, tc); });
    best = std::max(best, 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / seconds);
  }
  return best;
}

double measure_peak_bandwidth() {
  constexpr size_t kBytes = size_t{512} << 20;  // past most caches
  Buffer memory(kBytes);
  constexpr int64_t kNumbers = kBytes / sizeof(float);
  auto* numbers = reinterpret_cast<float*>(memory.data());
  std::fill_n(numbers, kNumbers, 1.0f);  // else all pages are the one zero page
  const int64_t threads = num_threads(), part = kNumbers / threads;
  std::vector<float> sums(static_cast<size_t>(threads));
  const double seconds = shortest_run(0.2, [&] {
    parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        sums[static_cast<size_t>(i)] = HWY_DYNAMIC_DISPATCH(read_all)(numbers + i * part, part);
      }
    });
  });
  return static_cast<double>(kBytes) / seconds;
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
