#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::tensor {
namespace {

// A matrix with memory of its own; `gap` unused columns behind each row hold a mark that nobody may touch.
struct Matrix {
  static constexpr float kMark = 77;
  Matrix(DType dtype, int64_t rows, int64_t cols, int64_t gap)
      : memory(static_cast<size_t>(rows * (cols + gap) + 1) * size_of(dtype)), t(memory.data(), dtype, rows, cols) {
    t.stride = cols + gap;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < t.stride; ++c) set(r, c, kMark);
    }
  }
  double get(int64_t r, int64_t c) const {
    if (t.dtype == DType::kF32) return *static_cast<float*>(t.at(r, c));
    const uint32_t bits = uint32_t{*static_cast<uint16_t*>(t.at(r, c))} << 16;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
  }
  void set(int64_t r, int64_t c, float f) {
    if (t.dtype == DType::kF32) {
      *static_cast<float*>(t.at(r, c)) = f;
      return;
    }
    uint32_t bits;
    std::memcpy(&bits, &f, 4);
    *static_cast<uint16_t*>(t.at(r, c)) = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
  void fill(Random& random) {
    for (int64_t r = 0; r < t.rows; ++r) {
      for (int64_t c = 0; c < t.cols; ++c) set(r, c, static_cast<float>(random.normal()));
    }
  }
  bool marks_stand() const {
    for (int64_t r = 0; r < t.rows; ++r) {
      for (int64_t c = t.cols; c < t.stride; ++c) {
        if (get(r, c) != kMark) return false;
      }
    }
    return true;
  }
  bool same_bits(const Matrix& other) const {
    return std::memcmp(memory.data(), other.memory.data(), memory.size()) == 0;
  }

  Buffer memory;
  Tensor t;
};

struct Case {
  int64_t m, n, k, gap;
  DType input, output;
  bool transpose_a, transpose_b, accumulate, bias;
  int residual;  // 0 none, 1 its own, 2 the output itself
  float scale;
};

// The largest distance from the plain sum in double, in units of what rounding may cost.
double error_of(const Case& x, uint64_t seed) {
  Random random(seed, "matmul");
  Matrix a(x.input, x.transpose_a ? x.k : x.m, x.transpose_a ? x.m : x.k, x.gap);
  Matrix b(x.input, x.transpose_b ? x.n : x.k, x.transpose_b ? x.k : x.n, x.gap);
  Matrix c(x.output, x.m, x.n, x.gap), residual(DType::kF32, x.m, x.n, 2 * x.gap), before(x.output, x.m, x.n, x.gap);
  std::vector<float> bias(static_cast<size_t>(x.n));
  for (Matrix* matrix : {&a, &b, &c, &residual}) matrix->fill(random);
  for (float& v : bias) v = static_cast<float>(random.normal());
  std::memcpy(before.memory.data(), c.memory.data(), c.memory.size());

  MatmulOptions o;
  o.transpose_a = x.transpose_a;
  o.transpose_b = x.transpose_b;
  o.accumulate = x.accumulate;
  o.scale = x.scale;
  if (x.bias) o.bias = bias.data();
  if (x.residual) o.residual = x.residual == 1 ? &residual.t : &c.t;
  matmul(a.t, b.t, c.t, o);

  CHECK(a.marks_stand());
  CHECK(b.marks_stand());
  CHECK(c.marks_stand());
  double worst = 0;
  for (int64_t i = 0; i < x.m; ++i) {
    for (int64_t j = 0; j < x.n; ++j) {
      double sum = 0, size = 0;
      for (int64_t l = 0; l < x.k; ++l) {
        const double term = (x.transpose_a ? a.get(l, i) : a.get(i, l)) * (x.transpose_b ? b.get(j, l) : b.get(l, j));
        sum += term;
        size += std::abs(term);
      }
      sum *= x.scale;
      size *= std::abs(x.scale);
      if (x.bias) sum += bias[static_cast<size_t>(j)];
      if (x.residual) sum += x.residual == 1 ? residual.get(i, j) : before.get(i, j);
      if (x.accumulate) sum += before.get(i, j);
      const double allowed = 1e-6 * (size + 4) + (x.output == DType::kBF16 ? std::abs(sum) / 256 : 0);
      worst = std::max(worst, std::abs(c.get(i, j) - sum) / allowed);
    }
  }
  return worst;
}

TEST_CASE("matmul is the plain sum, for every option") {
  uint64_t seed = 1;
  for (const DType input : {DType::kF32, DType::kBF16}) {
    for (const DType output : {DType::kF32, DType::kBF16}) {
      if (input == DType::kF32 && output == DType::kBF16) continue;
      for (int bits = 0; bits < 32; ++bits) {
        for (const int residual : {0, 1, 2}) {
          const Case x{37,
                       29,
                       53,
                       bits & 16 ? 5 : 0,
                       input,
                       output,
                       (bits & 1) != 0,
                       (bits & 2) != 0,
                       (bits & 4) != 0,
                       (bits & 8) != 0,
                       residual,
                       bits % 3 == 0 ? 0.37f : 1.0f};
          if (output == DType::kBF16 && (x.accumulate || residual == 2)) continue;
          CAPTURE(bits);
          CAPTURE(residual);
          CAPTURE(name_of(input));
          CAPTURE(name_of(output));
          CHECK(error_of(x, ++seed) < 1);
        }
      }
    }
  }
}

TEST_CASE("matmul takes every shape") {
  uint64_t seed = 1000;
  const int64_t sizes[][3] = {{1, 1, 1},    {1, 64, 100}, {2, 100, 64},  {3, 7, 200},   {4, 33, 576},   {5, 129, 31},
                              {64, 64, 64}, {17, 1, 300}, {130, 70, 17}, {256, 48, 3},  {1, 1000, 1},   {7, 576, 576},
                              {0, 5, 5},    {5, 0, 5},    {5, 6, 0},     {48, 300, 48}, {33, 200, 1000}};
  for (const auto& s : sizes) {
    for (int bits = 0; bits < 16; ++bits) {
      const DType input = bits & 1 ? DType::kF32 : DType::kBF16;
      const Case x{s[0],
                   s[1],
                   s[2],
                   bits & 8 ? 3 : 0,
                   input,
                   bits & 8 ? DType::kF32 : input,
                   (bits & 2) != 0,
                   (bits & 4) != 0,
                   bits == 13,
                   bits % 3 == 0,
                   bits % 5 == 1 ? 1 : 0,
                   1};
      CAPTURE(s[0]);
      CAPTURE(s[1]);
      CAPTURE(s[2]);
      CAPTURE(bits);
      CHECK(error_of(x, ++seed) < 1);
    }
  }
}

TEST_CASE("matmul inside a parallel region is the same product") {
  std::vector<double> worst(24);
  parallel_tasks(24, [&](int64_t i) {
    const DType input = i % 2 ? DType::kF32 : DType::kBF16;
    const Case x{40 + i, 64, 80, 0, input, DType::kF32, i % 3 == 0, i % 4 == 0, i % 5 == 0, false, 0, 0.5f};
    worst[static_cast<size_t>(i)] = error_of(x, static_cast<uint64_t>(i));
  });
  for (double w : worst) CHECK(w < 1);
}

TEST_CASE("matmul gives the same bits again") {
  Random random(5, "matmul");
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const bool transpose_a : {false, true}) {
      Matrix a(dtype, 208, 208, 0), b(dtype, 208, 384, 0), c(DType::kF32, 208, 384, 0), again(DType::kF32, 208, 384, 0);
      a.fill(random);
      b.fill(random);
      MatmulOptions o;
      o.transpose_a = transpose_a;
      matmul(a.t, b.t, c.t, o);
      for (int i = 0; i < 5; ++i) {
        matmul(a.t, b.t, again.t, o);
        CHECK(again.same_bits(c));
      }
    }
  }
}

TEST_CASE("matmul says what does not fit") {
  Matrix a(DType::kF32, 3, 4, 0), b(DType::kF32, 5, 6, 0), c(DType::kF32, 3, 6, 0), half(DType::kBF16, 4, 6, 0);
  CHECK_THROWS_WITH_AS(matmul(a.t, b.t, c.t), "matmul: [3, 4] x [5, 6] -> [3, 6]: the shapes do not fit", Error);
  CHECK_THROWS_AS(matmul(a.t, half.t, c.t), Error);
}

TEST_CASE("the processor has a peak") {
  CHECK(measure_peak_flops(DType::kF32) > 1e8);
  CHECK(measure_peak_bandwidth() > 1e8);
}

}  // namespace
}  // namespace lethe::tensor
