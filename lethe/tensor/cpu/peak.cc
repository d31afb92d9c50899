// What this processor can do at most, measured: the figure that all others are shares of. The operations are counted in
// loops that touch registers only, the bytes in plain reads.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/peak.cc"
#include <algorithm>
#include <chrono>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "lethe/tensor/cpu/amx_product.h"
#include "lethe/tensor/cpu/amx_tiles.h"
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

// `rounds` of kSums independent multiply-adds; the result keeps the compiler from leaving them out.
constexpr int kSums = 12;  // enough to hide the latency of two units
float multiply_add(int64_t rounds) {
  Floats sum[kSums];
  for (int i = 0; i < kSums; ++i) sum[i] = set(static_cast<float>(i));
  const Floats x = set(0.5f), y = set(0.25f);
  for (int64_t r = 0; r < rounds; ++r) {
    for (int i = 0; i < kSums; ++i) sum[i] = hn::MulAdd(sum[i], x, y);
  }
  for (int i = 1; i < kSums; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  return hn::GetLane(hn::SumOfLanes(FloatTag(), sum[0]));
}
int64_t operations_a_round() { return 2 * kSums * lanes(); }

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(read_all);
HWY_EXPORT(multiply_add);
HWY_EXPORT(operations_a_round);

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

// A loop whose only work is so many operations a round.
struct Rounds {
  float (*run)(int64_t rounds);
  int64_t operations;
};

LETHE_AMX float multiply_tiles(int64_t rounds) {
  _tile_loadconfig(&amx::kTileConfig);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_release();
  return 0;
}

constexpr int kPairSums = 12;
__attribute__((target("avx512f,avx512bf16"))) float multiply_pairs(int64_t rounds) {
  __m512 sum[kPairSums];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  const __m512bh x = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
  for (int64_t r = 0; r < rounds; ++r) {
    for (__m512& s : sum) s = _mm512_dpbf16_ps(s, x, x);
  }
  for (const __m512& s : sum) sum[0] = _mm512_add_ps(sum[0], s);
  return _mm512_cvtss_f32(sum[0]);
}

}  // namespace

bool has_fast_bf16() {
  // oneDNN's instruction sets are sets of bits: AMX holds AVX512-BF16. It also knows what the system allows.
  const int isa = static_cast<int>(dnnl::get_effective_cpu_isa());
  const int bf16 = static_cast<int>(dnnl::cpu_isa::avx512_core_bf16);
  return (isa & bf16) == bf16;
}

double measure_peak_flops(DType dtype) {
  Rounds rounds{[](int64_t n) { return HWY_DYNAMIC_DISPATCH(multiply_add)(n); },
                HWY_DYNAMIC_DISPATCH(operations_a_round)()};
  if (dtype == DType::kBF16 && has_amx()) {
    rounds = {multiply_tiles, 4 * 2 * 16 * 16 * 32};
  } else if (dtype == DType::kBF16 && has_fast_bf16()) {
    rounds = {multiply_pairs, 2 * 2 * 16 * kPairSums};
  }
  constexpr int64_t kRounds = 200'000;
  const int64_t threads = num_threads();
  std::vector<float> results(static_cast<size_t>(threads));
  const double seconds = shortest_run(0.2, [&] {
    parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) results[static_cast<size_t>(i)] = rounds.run(kRounds);
    });
  });
  return static_cast<double>(threads * kRounds * rounds.operations) / seconds;
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
