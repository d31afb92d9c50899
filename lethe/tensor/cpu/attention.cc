// Attention over packed rows: checks, and the rows outside every span.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::tensor {
namespace {

void check_activation(const char* name, const Tensor& x, DType dtype, int64_t rows, int64_t cols) {
  check(x.rows == rows && x.cols == cols && x.dtype == dtype && dtype != DType::kF16,
        "attention: {} is [{}, {}] of {}, expected [{}, {}] of {} (fp32 or bf16)", name, x.rows, x.cols,
        name_of(x.dtype), rows, cols, name_of(dtype));
}

void check_shape(const AttentionShape& s) {
  check(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0 && s.head_dim > 0,
        "attention: {} heads over {} of keys and values, {} columns each", s.heads, s.kv_heads, s.head_dim);
}

void check_spans(std::span<const Span> spans, int64_t rows) {
  for (const Span& s : spans) {
    check(s.begin >= 0 && s.length >= 0 && s.begin + s.length <= rows && s.prefix_begin >= 0 && s.prefix_length >= 0 &&
              s.prefix_begin + s.prefix_length <= rows,
          "attention: a span of rows {}+{} with prefix {}+{} in {} rows", s.begin, s.length, s.prefix_begin,
          s.prefix_length, rows);
  }
}

// Zeroes the rows of x that no span holds.
void zero_outside(std::span<const Span> spans, const Tensor& x) {
  std::vector<std::pair<int64_t, int64_t>> held;
  for (const Span& s : spans) held.emplace_back(s.begin, s.begin + s.length);
  held.emplace_back(x.rows, x.rows);
  std::sort(held.begin(), held.end());
  int64_t row = 0;
  for (const auto& [begin, end] : held) {
    for (; row < begin; ++row) std::memset(x.at(row, 0), 0, static_cast<size_t>(x.cols) * size_of(x.dtype));
    row = std::max(row, end);
  }
}

float load(const Tensor& x, int64_t row, int64_t col) {
  if (x.dtype == DType::kF32) return x.f32()[row * x.stride + col];
  const uint32_t bits = uint32_t{x.bf16()[row * x.stride + col]} << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

void store(const Tensor& x, int64_t row, int64_t col, float f) {
  if (x.dtype == DType::kF32) {
    x.f32()[row * x.stride + col] = f;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  x.bf16()[row * x.stride + col] = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// The rows that query row `i` of the span sees: prefix, then its own up to (and with) itself.
std::vector<int64_t> visible(const AttentionShape& shape, const Span& s, int64_t i) {
  std::vector<int64_t> rows;
  for (int64_t j = 0; j < s.prefix_length; ++j) rows.push_back(s.prefix_begin + j);
  for (int64_t j = 0; j < (shape.causal ? i + 1 : s.length); ++j) rows.push_back(s.begin + j);
  return rows;
}

}  // namespace

void attention_forward(const AttentionShape& shape, std::span<const Span> spans, const Tensor& q, const Tensor& k,
                       const Tensor& v, const Tensor& out, const Tensor& lse) {
  check_shape(shape);
  check_spans(spans, q.rows);
  const int64_t d = shape.head_dim;
  check_activation("q", q, q.dtype, q.rows, shape.heads * d);
  check_activation("k", k, q.dtype, q.rows, shape.kv_heads * d);
  check_activation("v", v, q.dtype, q.rows, shape.kv_heads * d);
  check_activation("out", out, q.dtype, q.rows, shape.heads * d);
  if (lse) check_activation("lse", lse, DType::kF32, q.rows, shape.heads);
  zero_outside(spans, out);
  parallel_tasks(static_cast<int64_t>(spans.size()) * shape.heads, [&](int64_t task) {
    const Span& s = spans[static_cast<size_t>(task / shape.heads)];
    const int64_t h = task % shape.heads, qc = h * d, kc = h / (shape.heads / shape.kv_heads) * d;
    for (int64_t i = 0; i < s.length; ++i) {
      const std::vector<int64_t> rows = visible(shape, s, i);
      std::vector<float> p, y(static_cast<size_t>(d));
      for (int64_t r : rows) {
        float dot = 0;
        for (int64_t c = 0; c < d; ++c) dot += load(q, s.begin + i, qc + c) * load(k, r, kc + c);
        p.push_back(shape.scale * dot);
      }
      const float most = *std::max_element(p.begin(), p.end());
      float sum = 0;
      for (float& x : p) sum += x = std::exp(x - most);
      for (size_t j = 0; j < rows.size(); ++j) {
        for (int64_t c = 0; c < d; ++c) y[static_cast<size_t>(c)] += p[j] / sum * load(v, rows[j], kc + c);
      }
      for (int64_t c = 0; c < d; ++c) store(out, s.begin + i, qc + c, y[static_cast<size_t>(c)]);
      if (lse) lse.f32()[(s.begin + i) * lse.stride + h] = most + std::log(sum);
    }
  });
}

void attention_backward(const AttentionShape& shape, std::span<const Span> spans, const Tensor& q, const Tensor& k,
                        const Tensor& v, const Tensor& out, const Tensor& lse, const Tensor& dout, const Tensor& dq,
                        const Tensor& dk, const Tensor& dv) {
  check_shape(shape);
  check_spans(spans, q.rows);
  const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
  for (const Tensor* x : {&dq, &dk, &dv}) zero_outside(spans, *x);
  parallel_tasks(static_cast<int64_t>(spans.size()) * shape.kv_heads, [&](int64_t task) {
    const Span& s = spans[static_cast<size_t>(task / shape.kv_heads)];
    check(s.prefix_length == 0, "attention: no backward through a prefix");
    const int64_t kv = task % shape.kv_heads, kc = kv * d;
    std::vector<float> gk(static_cast<size_t>(s.length * d)), gv(gk.size()), gq(static_cast<size_t>(d));
    for (int64_t h = kv * group; h < (kv + 1) * group; ++h) {
      const int64_t qc = h * d;
      for (int64_t i = 0; i < s.length; ++i) {
        const int64_t row = s.begin + i;
        float dot_out = 0;
        for (int64_t c = 0; c < d; ++c) dot_out += load(out, row, qc + c) * load(dout, row, qc + c);
        std::fill(gq.begin(), gq.end(), 0.0f);
        for (int64_t j = 0; j < (shape.causal ? i + 1 : s.length); ++j) {
          float score = 0, dp = 0;
          for (int64_t c = 0; c < d; ++c) {
            score += load(q, row, qc + c) * load(k, s.begin + j, kc + c);
            dp += load(dout, row, qc + c) * load(v, s.begin + j, kc + c);
          }
          const float p = std::exp(shape.scale * score - lse.f32()[row * lse.stride + h]);
          const float ds = p * (dp - dot_out) * shape.scale;
          for (int64_t c = 0; c < d; ++c) {
            gv[static_cast<size_t>(j * d + c)] += p * load(dout, row, qc + c);
            gk[static_cast<size_t>(j * d + c)] += ds * load(q, row, qc + c);
            gq[static_cast<size_t>(c)] += ds * load(k, s.begin + j, kc + c);
          }
        }
        for (int64_t c = 0; c < d; ++c) store(dq, row, qc + c, gq[static_cast<size_t>(c)]);
      }
    }
    for (int64_t j = 0; j < s.length; ++j) {
      for (int64_t c = 0; c < d; ++c) {
        store(dk, s.begin + j, kc + c, gk[static_cast<size_t>(j * d + c)]);
        store(dv, s.begin + j, kc + c, gv[static_cast<size_t>(j * d + c)]);
      }
    }
  });
}

void attention_decode(const AttentionShape& shape, const Tensor& q, std::span<const Tensor> keys,
                      std::span<const Tensor> values, const Tensor& out) {
  check_shape(shape);
  const int64_t d = shape.head_dim;
  check(keys.size() == static_cast<size_t>(q.rows) && values.size() == keys.size(),
        "attention: {} queries, {} keys, {} values", q.rows, keys.size(), values.size());
  parallel_tasks(q.rows * shape.heads, [&](int64_t task) {
    const int64_t row = task / shape.heads, h = task % shape.heads;
    const int64_t qc = h * d, kc = h / (shape.heads / shape.kv_heads) * d;
    const Tensor &k = keys[static_cast<size_t>(row)], &v = values[static_cast<size_t>(row)];
    std::vector<float> p, y(static_cast<size_t>(d));
    for (int64_t r = 0; r < k.rows; ++r) {
      float dot = 0;
      for (int64_t c = 0; c < d; ++c) dot += load(q, row, qc + c) * load(k, r, kc + c);
      p.push_back(shape.scale * dot);
    }
    const float most = p.empty() ? 0 : *std::max_element(p.begin(), p.end());
    float sum = 0;
    for (float& x : p) sum += x = std::exp(x - most);
    for (int64_t r = 0; r < k.rows; ++r) {
      for (int64_t c = 0; c < d; ++c) y[static_cast<size_t>(c)] += p[static_cast<size_t>(r)] / sum * load(v, r, kc + c);
    }
    for (int64_t c = 0; c < d; ++c) store(out, row, qc + c, y[static_cast<size_t>(c)]);
  });
}

}  // namespace lethe::tensor
