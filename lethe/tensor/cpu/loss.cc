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
constexpr int64_t kLossBlock = 4096;  // logits read twice while they are in the first cache, and summed in fp32
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

// What one pass over a row finds: the largest logit, its lowest index (0 if none compares equal: NaN), and the sum of
// e^(x - largest). The sum of the blocks so far is scaled down whenever a larger logit turns up.
struct RowSum {
  float largest;
  int64_t index;
  double sum;
};
RowSum sum_row(const float* x, int64_t n) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  RowSum row{kNone, 0, 0};
  for (int64_t begin = 0; begin < n; begin += kLossBlock) {
    const int64_t count = HWY_MIN(kLossBlock, n - begin);
    const float most = largest(x + begin, count);
    if (most > row.largest) {
      row.sum *= std::exp(static_cast<double>(row.largest) - most);
      row.largest = most;
      row.index = begin;
    }
    const Floats m = set(row.largest == kNone ? 0 : row.largest);
    row.sum += sum_vectors(
        count, [&](int64_t i, auto part) HWY_ATTR { return exp_of_negative(hn::Sub(load(x + begin + i, part), m)); });
  }
  while (row.index < n && x[row.index] != row.largest) ++row.index;
  if (row.index == n) row.index = 0;
  return row;
}

template <class T>
void softmax_part(const float* x, int64_t n, float largest, float factor, T* y) {
  const Floats m = set(largest), f = set(factor);
  for_vectors(n, [&](int64_t i, auto part)
                     HWY_ATTR { store(hn::Mul(exp_of_negative(hn::Sub(load(x + i, part), m)), f), y + i, part); });
}

void cross_entropy_row(const float* x, int64_t n, int32_t target, float* nll, int32_t* argmax, DType dtype,
                       void* dlogits, float scale) {
  const RowSum row = sum_row(x, n);
  if (argmax != nullptr) *argmax = static_cast<int32_t>(row.index);
  const double log_probability = static_cast<double>(x[target]) - row.largest - std::log(row.sum);
  *nll = static_cast<float>(-log_probability);
  if (dlogits == nullptr) return;
  const auto factor = static_cast<float>(scale / row.sum);
  if (dtype == DType::kF32) {
    softmax_part(x, n, row.largest, factor, static_cast<float*>(dlogits));
  } else {
    softmax_part(x, n, row.largest, factor, static_cast<BF16*>(dlogits));
  }
  const auto d = static_cast<float>(scale * std::expm1(log_probability));
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
