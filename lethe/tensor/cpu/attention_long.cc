// Attention of long spans: matrix products of blocks that fit the L2 cache, each on one thread.
#include <algorithm>
#include <cmath>
#include <vector>

#include "lethe/tensor/cpu/attention_parts.h"

namespace lethe::tensor {
namespace {

constexpr int64_t kBlock = 128;              // query rows of forward, keys of backward
constexpr int64_t kScores = 256 << 10;       // of a block of forward
constexpr int64_t kQueriesOfBackward = 512;  // at a time

// Matrices of a thread, taken in order. Rows are whole vectors, and never a multiple of 4096 bytes apart (such rows
// push each other out of the caches).
class Scratch {
 public:
  explicit Scratch(size_t bytes) : memory_(of_thread()) {
    if (memory_.size() < bytes) {
      memory_ = Buffer();
      memory_ = Buffer(bytes);
    }
  }
  static int64_t padded(int64_t cols) {
    const int64_t whole = (cols + 31) / 32 * 32;
    return whole % 1024 == 0 ? whole + 32 : whole;
  }
  static size_t bytes(int64_t rows, int64_t cols) { return static_cast<size_t>(rows * padded(cols)) * sizeof(float); }
  Tensor take(DType dtype, int64_t rows, int64_t cols) {
    Tensor t(memory_.data() + used_, dtype, rows, cols);
    t.stride = padded(cols);
    used_ += bytes(rows, cols);
    return t;
  }

 private:
  static Buffer& of_thread() {
    thread_local Buffer memory;
    return memory;
  }
  Buffer& memory_;
  size_t used_ = 0;
};

MatmulOptions transposed_b() {
  MatmulOptions o;
  o.transpose_b = true;
  return o;
}
MatmulOptions added(bool transpose_a = false) {
  MatmulOptions o;
  o.accumulate = true;
  o.transpose_a = transpose_a;
  return o;
}

}  // namespace

int64_t rows_of_long_block(const Span& span) {
  return std::clamp<int64_t>(kScores / (span.prefix_length + span.length) / 32 * 32, 32, kBlock);
}

void attend_long(const Attention& a, const Span& span, int64_t head, int64_t first, int64_t count) {
  const int64_t d = a.shape.head_dim, kv = head / a.group(), prefix = span.prefix_length;
  const int64_t own = a.shape.causal ? first + count : span.length, keys = prefix + own;
  Scratch scratch(2 * Scratch::bytes(count, keys) + Scratch::bytes(count, d) + 2 * Scratch::bytes(1, count));
  const Tensor scores = scratch.take(DType::kF32, count, keys);
  const Tensor p = a.q.dtype == DType::kF32 ? scores : scratch.take(a.q.dtype, count, keys);
  const Tensor sums = scratch.take(DType::kF32, count, d);
  float* const largest = scratch.take(DType::kF32, 1, count).f32();
  float* const total = scratch.take(DType::kF32, 1, count).f32();

  const Tensor q = a.head(a.q, head).row_range(span.begin + first, count);
  const Tensor k = a.head(a.k, kv), v = a.head(a.v, kv);
  if (prefix > 0) matmul(q, k.row_range(span.prefix_begin, prefix), scores.col_range(0, prefix), transposed_b());
  matmul(q, k.row_range(span.begin, own), scores.col_range(prefix, own), transposed_b());
  softmax_rows(scores, a.shape.scale, a.shape.causal ? prefix + first + 1 : keys, a.shape.causal, p, largest, total);
  matmul(p.col_range(prefix, own), v.row_range(span.begin, own), sums);
  if (prefix > 0) matmul(p.col_range(0, prefix), v.row_range(span.prefix_begin, prefix), sums, added());
  for (int64_t i = 0; i < count; ++i) {
    if (a.lse)
      *(a.lse.f32() + (span.begin + first + i) * a.lse.stride + head) = a.shape.scale * largest[i] + std::log(total[i]);
    total[i] = 1 / total[i];
  }
  scale_rows(sums, total, a.out_head(a.out, head).row_range(span.begin + first, count));
}

// With S = scale * Q K^T, P = exp(S - lse), O = P V:
//   dV = P^T dO,  dP = dO V^T,  dS = P * (dP - rowsum(dO * O)),  dQ = scale * dS K,  dK = scale * dS^T Q.
// S and dP are computed transposed, so that the two products into dK and dV, of which there are as many as keys, read
// them as they lie.
void attend_long_backward(const Attention& a, const Span& span, int64_t kv_head) {
  const int64_t d = a.shape.head_dim, n = span.length, group = a.group();
  const int64_t queries = std::min(kQueriesOfBackward, n);
  Scratch scratch(4 * Scratch::bytes(kBlock, queries) + 2 * Scratch::bytes(kBlock, d) + Scratch::bytes(group * n, d) +
                  2 * Scratch::bytes(group, n));
  const DType type = a.q.dtype;
  const Tensor scores_all = scratch.take(DType::kF32, kBlock, queries),
               dp_all = scratch.take(DType::kF32, kBlock, queries);
  const Tensor p_all = type == DType::kF32 ? scores_all : scratch.take(type, kBlock, queries);
  const Tensor ds_all = type == DType::kF32 ? dp_all : scratch.take(type, kBlock, queries);
  const Tensor dk_all = scratch.take(DType::kF32, kBlock, d), dv_all = scratch.take(DType::kF32, kBlock, d);
  const Tensor dq = scratch.take(DType::kF32, group * n, d);
  const Tensor lse = scratch.take(DType::kF32, group, n), dots = scratch.take(DType::kF32, group, n);
  for (int64_t g = 0; g < group; ++g) {
    const int64_t head = kv_head * group + g;
    for (int64_t i = 0; i < n; ++i)
      *static_cast<float*>(lse.at(g, i)) = a.lse.f32()[(span.begin + i) * a.lse.stride + head];
    dot_rows(a.out_head(a.out, head).row_range(span.begin, n), a.out_head(a.dout, head).row_range(span.begin, n),
             static_cast<float*>(dots.at(g, 0)));
  }
  for (int64_t key = 0; key < n; key += kBlock) {
    const int64_t keys = std::min(kBlock, n - key);
    const Tensor k = a.head(a.k, kv_head).row_range(span.begin + key, keys);
    const Tensor v = a.head(a.v, kv_head).row_range(span.begin + key, keys);
    const Tensor dk = dk_all.row_range(0, keys), dv = dv_all.row_range(0, keys);
    const int64_t first = a.shape.causal ? key : 0;
    for (int64_t g = 0; g < group; ++g) {
      const int64_t head = kv_head * group + g;
      for (int64_t query = first; query < n; query += queries) {
        const int64_t count = std::min(queries, n - query);
        const Tensor q = a.head(a.q, head).row_range(span.begin + query, count);
        const Tensor dout = a.out_head(a.dout, head).row_range(span.begin + query, count);
        const auto part = [&](const Tensor& x) { return x.row_range(0, keys).col_range(0, count); };
        const Tensor scores = part(scores_all), dp = part(dp_all), p = part(p_all), ds = part(ds_all);
        matmul(k, q, scores, transposed_b());
        matmul(v, dout, dp, transposed_b());
        score_gradients(scores, dp, static_cast<float*>(lse.at(g, query)), static_cast<float*>(dots.at(g, query)),
                        a.shape.scale, a.shape.causal, key - query, p, ds);
        const bool fresh = g == 0 && query == first;
        matmul(p, dout, dv, fresh ? MatmulOptions() : added());
        matmul(ds, q, dk, fresh ? MatmulOptions() : added());
        MatmulOptions into_dq = added(/*transpose_a=*/true);
        into_dq.accumulate = key > 0;
        matmul(ds, k, dq.row_range(g * n + query, count), into_dq);
      }
    }
    convert(dk, a.head(a.dk, kv_head).row_range(span.begin + key, keys));
    convert(dv, a.head(a.dv, kv_head).row_range(span.begin + key, keys));
  }
  for (int64_t g = 0; g < group; ++g) {
    convert(dq.row_range(g * n, n), a.head(a.dq, kv_head * group + g).row_range(span.begin, n));
  }
}

}  // namespace lethe::tensor
