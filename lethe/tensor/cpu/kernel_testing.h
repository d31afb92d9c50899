// What the tests of the kernels share: tensors of any type with gaps between rows, gradients by finite differences, and
// a loop over the instruction sets.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/tensor/cpu/elements.h"
#include "lethe/tensor/ops.h"
// after elements.h, which says which targets
#include "hwy/highway.h"

namespace lethe::tensor {

// Plain decoders, written apart from the kernels'.
inline double value_of(BF16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
inline double value_of(F16 x) {
  const int exponent = (x.bits >> 10) & 31, fraction = x.bits & 1023;
  const double sign = (x.bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// Rows with `gap` unused elements behind each, filled with a pattern that gaps_untouched() looks for.
class TestTensor {
 public:
  TestTensor(const TestTensor&) = delete;  // the view points into the bytes
  TestTensor(TestTensor&&) = default;
  TestTensor(DType dtype, int64_t rows, int64_t cols, int64_t gap = 0)
      : bytes_(static_cast<size_t>(rows * (cols + gap)) * size_of(dtype), 0x5a),
        view_(bytes_.data(), dtype, rows, cols) {
    view_.stride = cols + gap;
  }
  // Normal numbers times `scale`; bf16 takes the upper half of the bits.
  static TestTensor random(uint64_t seed, DType dtype, int64_t rows, int64_t cols, int64_t gap = 0, double scale = 1) {
    TestTensor t(dtype, rows, cols, gap);
    Random random(seed, "test");
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) t.set(i, j, random.normal() * scale);
    }
    return t;
  }
  const Tensor& view() const { return view_; }
  operator const Tensor&() const { return view_; }
  float* f32() const { return view_.f32(); }

  double at(int64_t i, int64_t j) const {
    const void* p = view_.at(i, j);
    if (view_.dtype == DType::kF32) return *static_cast<const float*>(p);
    return view_.dtype == DType::kBF16 ? value_of(*static_cast<const BF16*>(p)) : value_of(*static_cast<const F16*>(p));
  }
  void set(int64_t i, int64_t j, double value) {  // fp32 and bf16
    const auto f = static_cast<float>(value);
    const size_t n = size_of(view_.dtype);
    std::memcpy(view_.at(i, j), reinterpret_cast<const char*>(&f) + 4 - n, n);
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (int64_t i = 0; i < view_.rows; ++i) {
      for (int64_t j = 0; j < view_.cols; ++j) all.push_back(at(i, j));
    }
    return all;
  }
  bool gaps_untouched() const {
    for (int64_t i = 0; i < view_.rows; ++i) {
      const size_t n = size_of(view_.dtype);
      for (size_t b = (i * view_.stride + view_.cols) * n; b < static_cast<size_t>((i + 1) * view_.stride) * n; ++b) {
        if (bytes_[b] != 0x5a) return false;
      }
    }
    return true;
  }

 private:
  std::vector<unsigned char> bytes_;
  Tensor view_;
};

// The tolerance of one rounding to the type, for results near 1.
inline double tolerance_of(DType dtype) { return dtype == DType::kF32 ? 2e-6 : 0x1.01p-8; }

// The largest |actual - expected| / max(floor, |expected|); a NaN on one side only is infinitely far.
inline double distance(const std::vector<double>& actual, const std::vector<double>& expected, double floor = 1) {
  REQUIRE(actual.size() == expected.size());
  double most = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(actual[i]) && std::isnan(expected[i])) continue;
    if (actual[i] == expected[i]) continue;
    const double error = std::abs(actual[i] - expected[i]) / std::max(floor, std::abs(expected[i]));
    most = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(most, error);
  }
  return most;
}

// The gradient of loss(values) at `values` by central differences, in double: good to about 1e-9.
template <class Loss>
std::vector<double> numeric_gradient(const Loss& loss, std::vector<double> values) {
  std::vector<double> gradient(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = values[i], h = 1e-5;
    values[i] = x + h;
    const double above = loss(values);
    values[i] = x - h;
    gradient[i] = (above - loss(values)) / (2 * h);
    values[i] = x;
  }
  return gradient;
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Runs the body with the kernels of each instruction set that this processor has.
template <class Body>
void for_each_target(const Body& body) {
  hwy::SetSupportedTargetsForTest(0);
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t rest = supported; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    const std::string name = hwy::TargetName(target);
    INFO("instruction set ", name);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace lethe::tensor
