// The matrix products of a training step, one by one: milliseconds, GFLOP/s, and the share of what the processor can
// do. matmul_bench [bf16|fp32|peak] [threads]; `peak` prints what the processor can do and nothing else, as JSON.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace {

using namespace lethe::tensor;
using Clock = std::chrono::steady_clock;

struct Layer {
  const char* name;
  int64_t in, out;
  int times;  // in one step of the model
};
struct Net {
  const char* name;
  bool weights_are_out_in;  // [out, in] as PyTorch's linear layers; GPT-2 keeps [in, out]
  std::vector<Layer> layers;
};

const std::vector<Net> kNets = {
    {"SmolLM2-135M",
     true,
     {{"qkv", 576, 960, 30},
      {"o", 576, 576, 30},
      {"gate_up", 576, 3072, 30},
      {"down", 1536, 576, 30},
      {"lm_head", 576, 49152, 1}}},
    {"GPT-2 124M",
     false,
     {{"qkv", 768, 2304, 12}, {"o", 768, 768, 12}, {"up", 768, 3072, 12}, {"down", 3072, 768, 12}}},
    {"GPT-2 124M head", true, {{"lm_head", 768, 50257, 1}}},
};

Tensor filled(std::vector<Buffer>& memory, DType dtype, int64_t rows, int64_t cols) {
  memory.emplace_back(static_cast<size_t>(rows * cols) * size_of(dtype));
  lethe::Random random(memory.size(), "bench");
  const Tensor t(memory.back().data(), dtype, rows, cols);
  for (int64_t i = 0; i < t.size(); ++i) {
    const float x = static_cast<float>(random.uniform()) - 0.5f;
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if (dtype == DType::kF32) t.f32()[i] = x;
    if (dtype == DType::kBF16) t.bf16()[i] = static_cast<uint16_t>(bits >> 16);
  }
  return t;
}

// The shortest of a few runs after a warm one: what else the machine does then matters least.
template <typename Body>
double seconds_of(const Body& body) {
  body();
  double best = 1e30, total = 0;
  for (int i = 0; i < 3 || (total < 0.1 && i < 50); ++i) {
    const auto begin = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

void bench(DType dtype) {
  const double peak = measure_peak_flops(dtype);
  fmt::print("{}: peak {:.0f} GFLOP/s on {} threads\n", name_of(dtype), peak / 1e9, num_threads());
  for (const Net& net : kNets) {
    for (const int64_t tokens : {int64_t{2048}, int64_t{208}}) {
      double step_seconds = 0, step_flops = 0;
      fmt::print("{}, {} tokens\n{:>10} {:>6} {:>6} | {:>24} | {:>24} | {:>24}\n", net.name, tokens, "", "in", "out",
                 "y = x W: ms GFLOP/s %", "dx = dy W", "dW += dy x");
      for (const Layer& layer : net.layers) {
        std::vector<Buffer> memory;
        const bool oi = net.weights_are_out_in;
        const Tensor x = filled(memory, dtype, tokens, layer.in), dy = filled(memory, dtype, tokens, layer.out);
        const Tensor w = filled(memory, dtype, oi ? layer.out : layer.in, oi ? layer.in : layer.out);
        const Tensor y = filled(memory, dtype, tokens, layer.out), dx = filled(memory, dtype, tokens, layer.in);
        const Tensor dw = filled(memory, DType::kF32, w.rows, w.cols);
        MatmulOptions forward, back_x, back_w;
        forward.transpose_b = oi;
        back_x.transpose_b = !oi;
        back_w.transpose_a = back_w.accumulate = true;
        const double seconds[] = {seconds_of([&] { matmul(x, w, y, forward); }),
                                  seconds_of([&] { matmul(dy, w, dx, back_x); }),
                                  seconds_of([&] { oi ? matmul(dy, x, dw, back_w) : matmul(x, dy, dw, back_w); })};
        const double flops = 2.0 * static_cast<double>(tokens * layer.in * layer.out);
        fmt::print("{:>10} {:>6} {:>6}", layer.name, layer.in, layer.out);
        for (const double s : seconds) {
          fmt::print(" | {:>9.3f} {:>8.0f} {:>4.0f}%", s * 1e3, flops / s / 1e9, 100 * flops / s / peak);
          step_seconds += layer.times * s;
          step_flops += layer.times * flops;
        }
        fmt::print("\n");
      }
      fmt::print("all products of a step: {:.1f} ms, {:.0f} GFLOP/s, {:.0f} % of the peak, {:.0f} tokens/s\n",
                 step_seconds * 1e3, step_flops / step_seconds / 1e9, 100 * step_flops / step_seconds / peak,
                 static_cast<double>(tokens) / step_seconds);
    }
  }
}

// Generation: one row against [out, in] weights that no cache holds.
void bench_one_row(DType dtype) {
  const double bandwidth = measure_peak_bandwidth();
  fmt::print("{}, one row: streaming reads {:.1f} GB/s\n", name_of(dtype), bandwidth / 1e9);
  for (const auto& shape : {std::pair<int64_t, int64_t>{576, 49152}, {768, 50257}, {576, 3072}, {1536, 576}}) {
    const int64_t in = shape.first, out = shape.second;
    for (const int64_t rows : {1, 2, 4, 8}) {
      std::vector<Buffer> memory;
      const int64_t copies = std::max<int64_t>(1, (int64_t{200} << 20) / (in * out * 4));
      const Tensor x = filled(memory, dtype, rows, in), y = filled(memory, DType::kF32, rows, out);
      const Tensor w = filled(memory, dtype, out * copies, in);
      MatmulOptions o;
      o.transpose_b = true;
      const double s = seconds_of([&] {
                         for (int64_t i = 0; i < copies; ++i) matmul(x, w.row_range(i * out, out), y, o);
                       }) /
                       static_cast<double>(copies);
      const double rate = static_cast<double>(in * out) * static_cast<double>(size_of(dtype)) / s;
      fmt::print("{} x {} -> {:>6}: {:>8.3f} ms {:>6.1f} GB/s, {:.0f} % of the reads\n", rows, in, out, s * 1e3,
                 rate / 1e9, 100 * rate / bandwidth);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  if (argc > 2) set_num_threads(std::atoi(argv[2]));
  if (wanted == "peak") {
    fmt::print("{{\"bf16\":{:.4g},\"fp32\":{:.4g},\"bytes\":{:.4g}}}\n", measure_peak_flops(DType::kBF16),
               measure_peak_flops(DType::kF32), measure_peak_bandwidth());
    return 0;
  }
  for (const DType dtype : {DType::kBF16, DType::kF32}) {
    if (!wanted.empty() && wanted != name_of(dtype)) continue;
    bench(dtype);
    bench_one_row(dtype);
  }
}
