// Attention of short spans, a few ten rows, in fp32: each query row at a time against keys and values that lie widened
// in the L1 cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/attention_short.cc"
#include <cmath>
#include <vector>

#include "lethe/tensor/cpu/attention_parts.h"
#include "lethe/tensor/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

int64_t whole_vectors(int64_t n) { return (n + lanes() - 1) / lanes() * lanes(); }

// Rows of fp32 of a thread, taken one after the other; rows are whole vectors.
class Rows {
 public:
  explicit Rows(int64_t floats) {
    if (static_cast<int64_t>(memory().size()) < floats) memory().resize(static_cast<size_t>(floats));
  }
  float* take(int64_t floats) {
    used_ += floats;
    return memory().data() + used_ - floats;
  }

 private:
  static std::vector<float>& memory() {
    thread_local std::vector<float> m;
    return m;
  }
  int64_t used_ = 0;
};

// Row `row` of x, in fp32, zeros behind it.
void widen_row(const Tensor& x, int64_t row, float* out) {
  const void* p = x.at(row, 0);
  for_vectors(x.cols, [&](int64_t i, auto part) HWY_ATTR {
    store(x.dtype == DType::kF32 ? load(static_cast<const float*>(p) + i, part)
                                 : load(static_cast<const BF16*>(p) + i, part),
          out + i);
  });
}
void narrow_row(const float* in, const Tensor& x, int64_t row) {
  void* p = x.at(row, 0);
  for_vectors(x.cols, [&](int64_t i, auto part) HWY_ATTR {
    if (x.dtype == DType::kF32) {
      store(load(in + i), static_cast<float*>(p) + i, part);
    } else {
      store(load(in + i), static_cast<BF16*>(p) + i, part);
    }
  });
}

// out[j] = scale * <x, row j>, for `count` rows of `width`; four rows at a time.
void dots_with_rows(const float* x, const float* rows, int64_t count, int64_t width, float scale, float* out) {
  int64_t j = 0;
  for (; j + 4 <= count; j += 4) {
    const float* r = rows + j * width;
    Floats a = zero(), b = zero(), c = zero(), e = zero();
    for (int64_t i = 0; i < width; i += lanes()) {
      const Floats xi = load(x + i);
      a = hn::MulAdd(xi, load(r + i), a);
      b = hn::MulAdd(xi, load(r + width + i), b);
      c = hn::MulAdd(xi, load(r + 2 * width + i), c);
      e = hn::MulAdd(xi, load(r + 3 * width + i), e);
    }
    out[j] = scale * hn::GetLane(hn::SumOfLanes(FloatTag(), a));
    out[j + 1] = scale * hn::GetLane(hn::SumOfLanes(FloatTag(), b));
    out[j + 2] = scale * hn::GetLane(hn::SumOfLanes(FloatTag(), c));
    out[j + 3] = scale * hn::GetLane(hn::SumOfLanes(FloatTag(), e));
  }
  for (; j < count; ++j) {
    Floats a = zero();
    for (int64_t i = 0; i < width; i += lanes()) a = hn::MulAdd(load(x + i), load(rows + j * width + i), a);
    out[j] = scale * hn::GetLane(hn::SumOfLanes(FloatTag(), a));
  }
}

// out = factor * sum over j of weight[j] * row j; four vectors of a row at a time.
void sum_of_rows(const float* weight, const float* rows, int64_t count, int64_t width, float factor, float* out) {
  const Floats f = set(factor);
  int64_t i = 0;
  for (; i + 4 * lanes() <= width; i += 4 * lanes()) {
    Floats a = zero(), b = zero(), c = zero(), e = zero();
    for (int64_t j = 0; j < count; ++j) {
      const float* r = rows + j * width + i;
      const Floats w = set(weight[j]);
      a = hn::MulAdd(w, load(r), a);
      b = hn::MulAdd(w, load(r + lanes()), b);
      c = hn::MulAdd(w, load(r + 2 * lanes()), c);
      e = hn::MulAdd(w, load(r + 3 * lanes()), e);
    }
    store(hn::Mul(f, a), out + i);
    store(hn::Mul(f, b), out + i + lanes());
    store(hn::Mul(f, c), out + i + 2 * lanes());
    store(hn::Mul(f, e), out + i + 3 * lanes());
  }
  for (; i < width; i += lanes()) {
    Floats a = zero();
    for (int64_t j = 0; j < count; ++j) a = hn::MulAdd(set(weight[j]), load(rows + j * width + i), a);
    store(hn::Mul(f, a), out + i);
  }
}

// row j += weight[j] * x
void add_to_rows(const float* weight, const float* x, int64_t count, int64_t width, float* rows) {
  for (int64_t j = 0; j < count; ++j) {
    const Floats w = set(weight[j]);
    float* r = rows + j * width;
    for (int64_t i = 0; i < width; i += lanes()) store(hn::MulAdd(w, load(x + i), load(r + i)), r + i);
  }
}

// x[j] = exp(x[j] - shift); returns the sum. Zeros behind the end, in the last vector.
float exponentials(float* x, int64_t n, float shift) {
  Floats sum = zero();
  const Floats s = set(shift);
  for (int64_t i = 0; i < n; i += lanes()) {
    const auto inside = hn::FirstN(FloatTag(), static_cast<size_t>(std::min(lanes(), n - i)));
    const Floats e = hn::IfThenElseZero(inside, exp_of_negative(hn::Sub(load(x + i), s)));
    store(e, x + i);
    sum = hn::Add(sum, e);
  }
  return hn::GetLane(hn::SumOfLanes(FloatTag(), sum));
}

void attend_short_kernel(const Attention& a, const Span& span, int64_t kv_head) {
  const int64_t width = whole_vectors(a.shape.head_dim), prefix = span.prefix_length, n = prefix + span.length;
  Rows memory(2 * n * width + 2 * width + whole_vectors(n));
  float *k = memory.take(n * width), *v = memory.take(n * width), *q = memory.take(width), *y = memory.take(width);
  float* p = memory.take(whole_vectors(n));
  for (int64_t j = 0; j < n; ++j) {
    const int64_t row = j < prefix ? span.prefix_begin + j : span.begin + j - prefix;
    widen_row(a.head(a.k, kv_head), row, k + j * width);
    widen_row(a.head(a.v, kv_head), row, v + j * width);
  }
  for (int64_t head = kv_head * a.group(); head < (kv_head + 1) * a.group(); ++head) {
    const Tensor queries = a.head(a.q, head), out = a.out_head(a.out, head);
    for (int64_t i = 0; i < span.length; ++i) {
      const int64_t row = span.begin + i, visible = a.shape.causal ? prefix + i + 1 : n;
      widen_row(queries, row, q);
      dots_with_rows(q, k, visible, width, a.shape.scale, p);
      const float most = *std::max_element(p, p + visible);
      const float sum = exponentials(p, visible, most);
      sum_of_rows(p, v, visible, width, 1 / sum, y);
      narrow_row(y, out, row);
      if (a.lse) a.lse.f32()[row * a.lse.stride + head] = most + std::log(sum);
    }
  }
}

// The equations stand in attention_long.cc.
void attend_short_backward_kernel(const Attention& a, const Span& span, int64_t kv_head) {
  const int64_t width = whole_vectors(a.shape.head_dim), n = span.length;
  Rows memory(4 * n * width + 4 * width + 2 * whole_vectors(n));
  float *k = memory.take(n * width), *v = memory.take(n * width);
  float *dk = memory.take(n * width), *dv = memory.take(n * width);
  float *q = memory.take(width), *out = memory.take(width), *dout = memory.take(width), *dq = memory.take(width);
  float *p = memory.take(whole_vectors(n)), *ds = memory.take(whole_vectors(n));
  std::fill_n(dk, n * width, 0.0f);
  std::fill_n(dv, n * width, 0.0f);
  for (int64_t j = 0; j < n; ++j) {
    widen_row(a.head(a.k, kv_head), span.begin + j, k + j * width);
    widen_row(a.head(a.v, kv_head), span.begin + j, v + j * width);
  }
  for (int64_t head = kv_head * a.group(); head < (kv_head + 1) * a.group(); ++head) {
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = span.begin + i, visible = a.shape.causal ? i + 1 : n;
      widen_row(a.head(a.q, head), row, q);
      widen_row(a.out_head(a.out, head), row, out);
      widen_row(a.out_head(a.dout, head), row, dout);
      float dot;
      dots_with_rows(out, dout, 1, width, 1, &dot);
      dots_with_rows(q, k, visible, width, a.shape.scale, p);
      exponentials(p, visible, a.lse.f32()[row * a.lse.stride + head]);
      dots_with_rows(dout, v, visible, width, 1, ds);
      for (int64_t j = 0; j < visible; ++j) ds[j] = p[j] * (ds[j] - dot) * a.shape.scale;
      sum_of_rows(ds, k, visible, width, 1, dq);
      narrow_row(dq, a.head(a.dq, head), row);
      add_to_rows(p, dout, visible, width, dv);
      add_to_rows(ds, q, visible, width, dk);
    }
  }
  for (int64_t j = 0; j < n; ++j) {
    narrow_row(dk + j * width, a.head(a.dk, kv_head), span.begin + j);
    narrow_row(dv + j * width, a.head(a.dv, kv_head), span.begin + j);
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(attend_short_kernel);
HWY_EXPORT(attend_short_backward_kernel);

void attend_short(const Attention& a, const Span& span, int64_t kv_head) {
  HWY_DYNAMIC_DISPATCH(attend_short_kernel)(a, span, kv_head);
}
void attend_short_backward(const Attention& a, const Span& span, int64_t kv_head) {
  HWY_DYNAMIC_DISPATCH(attend_short_backward_kernel)(a, span, kv_head);
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
