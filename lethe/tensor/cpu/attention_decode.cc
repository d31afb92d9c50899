// Attention of generation: one query row a sequence against all that came before. Reading the keys and values is the
// cost: the query heads that share them follow each other, so that all but the first find them in a cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/attention_decode.cc"
#include <cmath>
#include <limits>
#include <vector>

#include "lethe/tensor/cpu/attention_parts.h"
#include "lethe/tensor/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

// p [group, n] = exp(scores - their largest); returns 1 / sum of each row by `inverse`.
void softmax_in_place(float* p, int64_t n, int64_t stride, int64_t group, float* inverse) {
  for (int64_t g = 0; g < group; ++g) {
    float* row = p + g * stride;
    const float most = *std::max_element(row, row + n);
    const Floats m = set(most);
    for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
      const Floats e = exp_of_negative(hn::Sub(load(row + i, part), m));
      store(e, row + i, part);
    });
    inverse[g] = 1 / sum_vectors(n, [&](int64_t i, auto part) HWY_ATTR { return load(row + i, part); });
  }
}

// out = sum over j of p[j] v[j], for C vectors of columns (or a part of one) that stay in registers.
template <int C, class T, class PartOrWhole>
HWY_INLINE void weighted_sum(const float* p, const T* v, int64_t v_stride, int64_t n, float* out, PartOrWhole part) {
  Floats sum[C];
  for (int c = 0; c < C; ++c) sum[c] = zero();
  for (int64_t j = 0; j < n; ++j) {
    const Floats w = set(p[j]);
    for (int c = 0; c < C; ++c) sum[c] = hn::MulAdd(w, load(v + j * v_stride + c * lanes(), part), sum[c]);
  }
  for (int c = 0; c < C; ++c) store(sum[c], out + c * lanes(), part);
}

// Query heads [head, head + heads) of one sequence, which share their keys and values.
template <class T>
void decode(const Attention& a, const Tensor& k, const Tensor& v, int64_t row, int64_t head, int64_t heads) {
  const int64_t d = a.shape.head_dim, n = k.rows, kv_column = head / a.group() * d;
  thread_local std::vector<float> memory;
  const int64_t wanted = heads * (n + 2 * d + 1);
  if (static_cast<int64_t>(memory.size()) < wanted) memory.resize(static_cast<size_t>(wanted));
  float *p = memory.data(), *q = p + heads * n, *y = q + heads * d, *inverse = y + heads * d;
  for (int64_t g = 0; g < heads; ++g) {
    const T* q_row = static_cast<const T*>(a.q.at(row, (head + g) * a.shape.stride()));
    for_vectors(d, [&](int64_t i, auto part) HWY_ATTR { store(load(q_row + i, part), q + g * d + i, part); });
  }
  for (int64_t j = 0; j < n; ++j) {
    const T* key = static_cast<const T*>(k.at(j, kv_column));
    for (int64_t g = 0; g < heads; ++g) {
      p[g * n + j] = a.shape.scale * sum_vectors(d, [&](int64_t i, auto part) HWY_ATTR {
                       return hn::Mul(load(key + i, part), load(q + g * d + i, part));
                     });
    }
  }
  if (n > 0) softmax_in_place(p, n, n, heads, inverse);
  const T* values = static_cast<const T*>(v.at(0, kv_column));
  for (int64_t g = 0; g < heads; ++g) {
    const float* weights = p + g * n;
    float* out = y + g * d;
    int64_t column = 0;
    for (; column + 4 * lanes() <= d; column += 4 * lanes())
      weighted_sum<4>(weights, values + column, v.stride, n, out + column, Whole());
    for_vectors(d - column, [&](int64_t i, auto part) HWY_ATTR {
      weighted_sum<1>(weights, values + column + i, v.stride, n, out + column + i, part);
    });
  }
  T* out_row = static_cast<T*>(a.out.at(row, head * d));
  for (int64_t g = 0; g < heads; ++g) {
    const Floats f = set(n > 0 ? inverse[g] : 0);
    for_vectors(d, [&](int64_t i, auto part)
                       HWY_ATTR { store(hn::Mul(load(y + g * d + i, part), f), out_row + g * d + i, part); });
  }
}

void decode_kernel(const Attention& a, const Tensor& k, const Tensor& v, int64_t row, int64_t head, int64_t heads) {
  a.q.dtype == DType::kF32 ? decode<float>(a, k, v, row, head, heads) : decode<BF16>(a, k, v, row, head, heads);
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(decode_kernel);

void attention_decode(const AttentionShape& shape, const Tensor& q, std::span<const Tensor> keys,
                      std::span<const Tensor> values, const Tensor& out) {
  const char* name = "attention_decode";
  check(shape.heads > 0 && shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0 && shape.head_dim > 0,
        "{}: {} heads over {} of keys and values, {} columns each", name, shape.heads, shape.kv_heads, shape.head_dim);
  check_activation(name, "q", q);
  check_shape(name, "q", q, q.rows, shape.cols(shape.heads));
  check_shape(name, "out", out, q.rows, shape.heads * shape.head_dim);
  check(out.dtype == q.dtype, "{}: out is {}, q is {}", name, name_of(out.dtype), name_of(q.dtype));
  check(keys.size() == static_cast<size_t>(q.rows) && values.size() == keys.size(),
        "{}: {} queries, {} keys, {} values, expected as many of each", name, q.rows, keys.size(), values.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    check_shape(name, "keys", keys[i], keys[i].rows, shape.kv_heads * shape.head_dim);
    check_alike(name, keys[i], values[i]);
    check(keys[i].dtype == q.dtype, "{}: keys are {}, q is {}", name, name_of(keys[i].dtype), name_of(q.dtype));
  }
  const Attention a{shape, q, {}, {}, out, {}, {}, {}, {}, {}};
  // Few sequences: a task for each query head, so that every core has its share.
  const bool few = q.rows * shape.kv_heads < 4 * num_threads();
  const int64_t heads = few ? 1 : a.group(), tasks_per_row = shape.heads / heads;
  parallel_tasks(q.rows * tasks_per_row, [&](int64_t task) {
    const int64_t row = task / tasks_per_row;
    const auto i = static_cast<size_t>(row);
    HWY_DYNAMIC_DISPATCH(decode_kernel)(a, keys[i], values[i], row, task % tasks_per_row * heads, heads);
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
