// The memory-bound operations, one by one: GB/s that they move (what has to be read and written once) and the share of
// what a plain loop reads, or updates in place, from memory that no cache holds. kernels_bench [threads]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace {

using namespace lethe::tensor;
using Clock = std::chrono::steady_clock;
constexpr DType kF32 = DType::kF32, kBF16 = DType::kBF16;

std::vector<Buffer> memory;

Tensor filled(DType dtype, int64_t rows, int64_t cols) {
  memory.emplace_back(static_cast<size_t>(rows * cols) * size_of(dtype));
  const Tensor t(memory.back().data(), dtype, rows, cols);
  lethe::Random random(memory.size(), "bench");
  std::vector<float> pattern(4099);
  for (float& x : pattern) x = static_cast<float>(random.normal());
  for (int64_t i = 0; i < t.size(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, &pattern[static_cast<size_t>(i % 4099)], 4);
    if (dtype == kF32) std::memcpy(t.f32() + i, &bits, 4);
    if (dtype == kBF16) t.bf16()[i] = static_cast<uint16_t>(bits >> 16);
  }
  return t;
}

std::vector<int32_t> drawn(int64_t count, uint64_t below) {
  lethe::Random random(1, "ids");
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(random.below(below));
  return ids;
}

// The shortest of a few runs after a warm one: what else the machine does then matters least.
double seconds_of(const std::function<void()>& body) {
  body();
  double best = 1e30, total = 0;
  for (int i = 0; i < 5 || (total < 0.15 && i < 100); ++i) {
    const auto begin = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

// y += 1 in place by a plain loop: bytes/s read and written.
double measure_update_bandwidth() {
  const Tensor y = filled(kF32, 1, int64_t{64} << 20);
  const double seconds = seconds_of([&] {
    parallel_for(y.cols, 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y.f32()[i] += 1;
    });
  });
  memory.clear();
  return 8.0 * static_cast<double>(y.cols) / seconds;
}

struct Peaks {
  double read, update;
};

// bytes: an element's, read and written.
void report(const Peaks& peaks, const char* name, int64_t elements, double bytes, const std::function<void()>& body) {
  const double seconds = seconds_of(body), rate = bytes * static_cast<double>(elements) / seconds;
  fmt::print("{:<44}{:>9.3f} ms {:>7.2f} GB/s {:>6.0f} % {:>6.0f} %\n", name, 1e3 * seconds, rate / 1e9,
             100 * rate / peaks.read, 100 * rate / peaks.update);
}

void bench_streams(const Peaks& peaks) {  // past the caches: parameters
  const int64_t n = int64_t{32} << 20;
  const Tensor p = filled(kF32, 1, n), g = filled(kF32, 1, n), m = filled(kF32, 1, n), v = filled(kF32, 1, n);
  const Tensor copy = filled(kBF16, 1, n);
  fill_zero(v);
  const AdamW options{1e-4f, 0.9f, 0.999f, 1e-8f, 0.01f, 10, 1};
  report(peaks, "adamw_step", n, 28, [&] { adamw_step(options, p.f32(), g.f32(), m.f32(), v.f32(), nullptr, n); });
  report(peaks, "adamw_step with a bf16 copy", n, 30,
         [&] { adamw_step(options, p.f32(), g.f32(), m.f32(), v.f32(), copy.bf16(), n); });
  report(peaks, "sgd_step", n, 12, [&] { sgd_step(1e-4f, 0.01f, 1, p.f32(), g.f32(), nullptr, n); });
  report(peaks, "add_scaled", n, 12, [&] { add_scaled(g, 1e-3f, p); });
  report(peaks, "convert fp32 to bf16", n, 6, [&] { convert(p, copy); });
  report(peaks, "convert bf16 to fp32", n, 6, [&] { convert(copy, p); });
  report(peaks, "fill_zero", n, 4, [&] { fill_zero(m); });
  report(peaks, "sum_of_squares", n, 4, [&] { sum_of_squares(g.f32(), n); });
  memory.clear();
}

void bench_activations(const Peaks& peaks, int64_t t, int64_t d, int64_t f, int64_t heads) {
  fmt::print("{} tokens, D {}, F {}\n", t, d, f);
  const Tensor x = filled(kF32, t, d), dy = filled(kF32, t, d), dx = filled(kF32, t, d), h = filled(kBF16, t, d);
  const Tensor gate_up = filled(kBF16, t, 2 * f), y = filled(kBF16, t, f), dgate_up = filled(kBF16, t, 2 * f);
  const Tensor w = filled(kF32, 4, d), stats = filled(kF32, 2, t), qkv = filled(kBF16, t, heads * 64);
  const Tensor cos = filled(kF32, t, 32), sin = filled(kF32, t, 32), table = filled(kF32, 49152, d);
  const std::vector<int32_t> ids = drawn(t, 49152), positions = drawn(t, static_cast<uint64_t>(t));
  float *dw = w.f32() + 2 * d, *db = dw + d, *rstd = stats.f32(), *mean = rstd + t;
  const int64_t n = t * d;
  report(peaks, "rmsnorm_forward, bf16 out", n, 6, [&] { rmsnorm_forward(x, w.f32(), 1e-5f, h, rstd); });
  report(peaks, "rmsnorm_backward", n, 16, [&] { rmsnorm_backward(dy, x, w.f32(), rstd, dx, dw); });
  report(peaks, "layernorm_forward, bf16 out", n, 6,
         [&] { layernorm_forward(x, w.f32(), w.f32() + d, 1e-5f, h, mean, rstd); });
  report(peaks, "layernorm_backward", n, 16, [&] { layernorm_backward(dy, x, w.f32(), mean, rstd, dx, dw, db); });
  report(peaks, "rope, bf16", t * heads * 64, 4, [&] { rope(qkv, heads, 64, positions, cos, sin, false); });
  report(peaks, "swiglu_forward, bf16", t * f, 6, [&] { swiglu_forward(gate_up, y); });
  report(peaks, "swiglu_backward, bf16", t * f, 10, [&] { swiglu_backward(y, gate_up, dgate_up); });
  for (const Gelu kind : {Gelu::kErf, Gelu::kTanh}) {
    const bool exact = kind == Gelu::kErf;
    report(peaks, exact ? "gelu_forward, exact, bf16" : "gelu_forward, tanh, bf16", t * 2 * f, 4,
           [&] { gelu_forward(kind, gate_up, dgate_up); });
    report(peaks, exact ? "gelu_backward, exact, bf16" : "gelu_backward, tanh, bf16", t * 2 * f, 6,
           [&] { gelu_backward(kind, dgate_up, gate_up, dgate_up); });
  }
  report(peaks, "embedding_forward", n, 8, [&] { embedding_forward(ids, table, {}, Tensor(), dx); });
  report(peaks, "embedding_backward", n, 12, [&] { embedding_backward(ids, dy, table); });
  report(peaks, "column_sum, bf16", t * 2 * f, 2, [&] { column_sum(gate_up, table.f32()); });
  report(peaks, "dropout, bf16", t * 2 * f, 4, [&] { dropout(gate_up, 0.1f, 7, dgate_up); });
  memory.clear();
}

void bench_loss(const Peaks& peaks, int64_t rows, int64_t v) {
  const Tensor logits = filled(kF32, rows, v), d16 = filled(kBF16, rows, v), nll = filled(kF32, 1, rows);
  const std::vector<int32_t> targets = drawn(rows, static_cast<uint64_t>(v));
  std::vector<int32_t> argmax(static_cast<size_t>(rows));
  const auto name = [&](const char* what) { return fmt::format("cross_entropy {} x {}{}", rows, v, what); };
  report(peaks, name(", loss only").c_str(), rows * v, 4,
         [&] { cross_entropy(logits, targets, nll.f32(), argmax.data(), Tensor(), 1); });
  report(peaks, name(", bf16 gradient").c_str(), rows * v, 6,
         [&] { cross_entropy(logits, targets, nll.f32(), argmax.data(), d16, 1); });
  memory.clear();
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(argc > 1 ? std::atoi(argv[1]) : 0);
  const Peaks peaks{measure_peak_bandwidth(), measure_update_bandwidth()};
  fmt::print("{} threads; plain loops: {:.2f} GB/s read, {:.2f} GB/s updated in place\n", num_threads(),
             peaks.read / 1e9, peaks.update / 1e9);
  fmt::print("{:<44}{:>12} {:>12} {:>8} {:>8}\n", "", "", "", "of read", "update");
  bench_streams(peaks);
  bench_activations(peaks, 2048, 576, 1536, 9);
  bench_activations(peaks, 8192, 2048, 5632, 32);
  bench_loss(peaks, 24, 49152);
  bench_loss(peaks, 256, 49152);
}
