// What long attention does between its matrix products.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/attention_softmax.cc"
#include <cmath>
#include <limits>

#include "lethe/tensor/cpu/attention_parts.h"
#include "lethe/tensor/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

// Lanes of the vector at column i that lie before column `end`.
HWY_INLINE auto before(int64_t i, int64_t end) {
  return hn::FirstN(FloatTag(), static_cast<size_t>(std::clamp<int64_t>(end - i, 0, lanes())));
}

template <class T>
void softmax_row(const float* s, int64_t cols, int64_t visible, float scale, T* p, float* largest, float* sum) {
  const Floats lowest = set(-std::numeric_limits<float>::infinity());
  Floats most = lowest, more = lowest;
  int64_t i = 0;
  for (; i + 2 * lanes() <= visible; i += 2 * lanes()) {
    most = hn::Max(most, load(s + i));
    more = hn::Max(more, load(s + i + lanes()));
  }
  for (; i < visible; i += lanes()) most = hn::Max(most, hn::IfThenElse(before(i, visible), load(s + i), lowest));
  *largest = hn::GetLane(hn::MaxOfLanes(FloatTag(), hn::Max(most, more)));
  const Floats m = set(*largest * scale), factor = set(scale);
  Floats total = zero();
  for (i = 0; i < visible; i += lanes()) {
    const Floats e = hn::IfThenElseZero(before(i, visible), exp_of_negative(hn::MulSub(factor, load(s + i), m)));
    total = hn::Add(total, e);
    store(e, p + i);
  }
  for (; i < cols; i += lanes()) store(zero(), p + i);
  *sum = hn::GetLane(hn::SumOfLanes(FloatTag(), total));
}

void softmax_rows_kernel(const Tensor& scores, float scale, int64_t visible, bool causal, const Tensor& p,
                         float* largest, float* sum) {
  for (int64_t r = 0; r < scores.rows; ++r) {
    const float* s = scores.f32() + r * scores.stride;
    const int64_t seen = std::min(scores.cols, visible + (causal ? r : 0));
    if (p.dtype == DType::kF32) {
      softmax_row(s, scores.cols, seen, scale, static_cast<float*>(p.at(r, 0)), largest + r, sum + r);
    } else {
      softmax_row(s, scores.cols, seen, scale, static_cast<BF16*>(p.at(r, 0)), largest + r, sum + r);
    }
  }
}

template <class T>
void scale_rows_as(const Tensor& in, const float* factor, const Tensor& out) {
  for (int64_t r = 0; r < in.rows; ++r) {
    const float* x = in.f32() + r * in.stride;
    T* y = static_cast<T*>(out.at(r, 0));
    const Floats f = set(factor[r]);
    for_vectors(in.cols, [&](int64_t i, auto part) HWY_ATTR { store(hn::Mul(load(x + i, part), f), y + i, part); });
  }
}
void scale_rows_kernel(const Tensor& in, const float* factor, const Tensor& out) {
  out.dtype == DType::kF32 ? scale_rows_as<float>(in, factor, out) : scale_rows_as<BF16>(in, factor, out);
}

template <class T>
void dot_rows_as(const Tensor& a, const Tensor& b, float* dots) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const T *x = static_cast<const T*>(a.at(r, 0)), *y = static_cast<const T*>(b.at(r, 0));
    dots[r] = sum_vectors(a.cols,
                          [&](int64_t i, auto part) HWY_ATTR { return hn::Mul(load(x + i, part), load(y + i, part)); });
  }
}
void dot_rows_kernel(const Tensor& a, const Tensor& b, float* dots) {
  a.dtype == DType::kF32 ? dot_rows_as<float>(a, b, dots) : dot_rows_as<BF16>(a, b, dots);
}

template <class T>
void score_gradients_as(const Tensor& scores, const Tensor& dp, const float* lse, const float* dots, float scale,
                        bool causal, int64_t offset, const Tensor& p, const Tensor& ds) {
  const Floats factor = set(scale);
  for (int64_t r = 0; r < scores.rows; ++r) {
    const float *s = scores.f32() + r * scores.stride, *g = dp.f32() + r * dp.stride;
    T *p_row = static_cast<T*>(p.at(r, 0)), *ds_row = static_cast<T*>(ds.at(r, 0));
    const int64_t hidden = causal ? std::min(scores.cols, r + offset) : 0;  // queries before the key
    int64_t i = 0;
    for (; i + lanes() <= hidden; i += lanes()) {
      store(zero(), p_row + i);
      store(zero(), ds_row + i);
    }
    for (; i < scores.cols; i += lanes()) {
      Floats e = exp_of_negative(hn::MulSub(factor, load(s + i), load(lse + i)));
      if (i < hidden) e = hn::IfThenZeroElse(before(i, hidden), e);
      const Floats d = hn::Mul(hn::Mul(e, factor), hn::Sub(load(g + i), load(dots + i)));
      store(e, p_row + i);
      store(d, ds_row + i);
    }
  }
}
void score_gradients_kernel(const Tensor& scores, const Tensor& dp, const float* lse, const float* dots, float scale,
                            bool causal, int64_t offset, const Tensor& p, const Tensor& ds) {
  (p.dtype == DType::kF32 ? score_gradients_as<float> : score_gradients_as<BF16>)(scores, dp, lse, dots, scale, causal,
                                                                                  offset, p, ds);
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(softmax_rows_kernel);
HWY_EXPORT(scale_rows_kernel);
HWY_EXPORT(dot_rows_kernel);
HWY_EXPORT(score_gradients_kernel);

void softmax_rows(const Tensor& scores, float scale, int64_t visible, bool causal, const Tensor& p, float* largest,
                  float* sum) {
  HWY_DYNAMIC_DISPATCH(softmax_rows_kernel)(scores, scale, visible, causal, p, largest, sum);
}
void scale_rows(const Tensor& in, const float* factor, const Tensor& out) {
  HWY_DYNAMIC_DISPATCH(scale_rows_kernel)(in, factor, out);
}
void dot_rows(const Tensor& a, const Tensor& b, float* dots) { HWY_DYNAMIC_DISPATCH(dot_rows_kernel)(a, b, dots); }
void score_gradients(const Tensor& scores, const Tensor& dp, const float* lse, const float* dots, float scale,
                     bool causal, int64_t offset, const Tensor& p, const Tensor& ds) {
  HWY_DYNAMIC_DISPATCH(score_gradients_kernel)(scores, dp, lse, dots, scale, causal, offset, p, ds);
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
