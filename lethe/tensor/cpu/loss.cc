// Cross-entropy with its gradient, row by row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/loss.cc"
#include <cmath>
#include <limits>

#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

#ifndef LETHE_TENSOR_CPU_LOSS_CC
#define LETHE_TENSOR_CPU_LOSS_CC
namespace lethe::tensor {
namespace {
constexpr int64_t kLossBlock = 4096;  // logits that are summed in fp32 before they join the fp64 sum
}  // namespace
}  // namespace lethe::tensor
#endif

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

float largest(const float* x, int64_t n) {
  Floats a = set(-std::numeric_limits<float>::infinity()), b = a, c = a, d = a;
  const int64_t step = lanes();
  int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    a = hn::Max(a, load(x + i));
    b = hn::Max(b, load(x + i + step));
    c = hn::Max(c, load(x + i + 2 * step));
    d = hn::Max(d, load(x + i + 3 * step));
  }
  float most = hn::GetLane(hn::MaxOfLanes(FloatTag(), hn::Max(hn::Max(a, b), hn::Max(c, d))));
  for (; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// The largest logit and its lowest index (0 if none compares equal: NaN).
float largest_of_row(const float* x, int64_t n, int32_t* index) {
  float most = -std::numeric_limits<float>::infinity();
  int64_t block = 0;
  for (int64_t begin = 0; begin < n; begin += kLossBlock) {
    const float m = largest(x + begin, HWY_MIN(kLossBlock, n - begin));
    if (m > most) {
      most = m;
      block = begin;
    }
  }
  if (index != nullptr) {
    int64_t i = block;
    while (i < n && x[i] != most) ++i;
    *index = static_cast<int32_t>(i < n ? i : 0);
  }
  return most;
}

double sum_of_exp(const float* x, int64_t n, float largest) {
  const Floats m = set(largest);
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += kLossBlock) {
    sum += sum_vectors(HWY_MIN(kLossBlock, n - begin),
                       [&](int64_t i, auto part) HWY_ATTR { return exp(hn::Sub(load(x + begin + i, part), m)); });
  }
  return sum;
}

template <class T>
void softmax_part(const float* x, int64_t n, float largest, float factor, T* y) {
  const Floats m = set(largest), f = set(factor);
  for_vectors(
      n, [&](int64_t i, auto part) HWY_ATTR { store(hn::Mul(exp(hn::Sub(load(x + i, part), m)), f), y + i, part); });
}

void cross_entropy_row(const float* x, int64_t n, int32_t target, float* nll, int32_t* argmax, DType dtype,
                       void* dlogits, float scale) {
  const float most = largest_of_row(x, n, argmax);
  const double sum = sum_of_exp(x, n, most);
  const float at_target = x[target];
  *nll = static_cast<float>(std::log(sum) + (static_cast<double>(most) - at_target));
  if (dlogits == nullptr) return;
  const auto factor = static_cast<float>(scale / sum);
  if (dtype == DType::kF32) {
    softmax_part(x, n, most, factor, static_cast<float*>(dlogits));
  } else {
    softmax_part(x, n, most, factor, static_cast<BF16*>(dlogits));
  }
  const auto d = static_cast<float>(scale * std::expm1(static_cast<double>(at_target) - most - std::log(sum)));
  convert_row(DType::kF32, &d, dtype, static_cast<char*>(dlogits) + static_cast<size_t>(target) * size_of(dtype), 1);
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(cross_entropy_row);

void cross_entropy(const Tensor& logits_NV, std::span<const int32_t> targets, float* nll_N, int32_t* argmax_N,
                   const Tensor& dlogits_NV, float scale) {
  const int64_t v = logits_NV.cols;
  check_f32("cross_entropy", "logits", logits_NV);
  check_shape("cross_entropy", "logits", logits_NV, static_cast<int64_t>(targets.size()), v);
  check_rows("cross_entropy", "target", targets, v);
  if (dlogits_NV) {
    check_activation("cross_entropy", "dlogits", dlogits_NV);
    check_shape("cross_entropy", "dlogits", dlogits_NV, logits_NV.rows, v);
  }
  parallel_for(logits_NV.rows, row_grain(v), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      HWY_DYNAMIC_DISPATCH(cross_entropy_row)
      (logits_NV.f32() + i * logits_NV.stride, v, targets[static_cast<size_t>(i)], nll_N + i,
       argmax_N != nullptr ? argmax_N + i : nullptr, dlogits_NV.dtype, dlogits_NV ? dlogits_NV.at(i, 0) : nullptr,
       scale);
    }
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
