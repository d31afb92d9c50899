// Attention over packed rows: checks, rows outside every span, and the cut into tasks.
#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/tensor/cpu/attention_parts.h"
#include "lethe/tensor/parallel.h"

namespace lethe::tensor {
namespace {

// Spans of so many rows are worth matrix products.
constexpr int64_t kLong = 48;

void check_tensor(const char* name, const Tensor& x, DType dtype, int64_t rows, int64_t cols) {
  check(x.rows == rows && x.cols == cols && x.dtype == dtype,
        "attention: {} is [{}, {}] of {}, expected [{}, {}] of {}", name, x.rows, x.cols, name_of(x.dtype), rows, cols,
        name_of(dtype));
}

void check_forward(const Attention& a, std::span<const Span> spans) {
  const AttentionShape& s = a.shape;
  check(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0 && s.head_dim > 0,
        "attention: {} heads over {} of keys and values, {} columns each", s.heads, s.kv_heads, s.head_dim);
  const DType type = a.q.dtype;
  check(type != DType::kF16, "attention: q is fp16, expected fp32 or bf16");
  check(s.stride() >= s.head_dim, "attention: heads of {} columns lie {} apart", s.head_dim, s.stride());
  check_tensor("q", a.q, type, a.q.rows, s.cols(s.heads));
  check_tensor("k", a.k, type, a.q.rows, s.cols(s.kv_heads));
  check_tensor("v", a.v, type, a.q.rows, s.cols(s.kv_heads));
  check_tensor("out", a.out, type, a.q.rows, s.heads * s.head_dim);
  if (a.lse) check_tensor("lse", a.lse, DType::kF32, a.q.rows, s.heads);
  for (const Span& x : spans) {
    check(x.begin >= 0 && x.length >= 0 && x.begin + x.length <= a.q.rows && x.prefix_begin >= 0 &&
              x.prefix_length >= 0 && x.prefix_begin + x.prefix_length <= a.q.rows,
          "attention: a span of rows {}+{} with prefix {}+{} in {} rows", x.begin, x.length, x.prefix_begin,
          x.prefix_length, a.q.rows);
  }
}

void check_backward(const Attention& a, std::span<const Span> spans) {
  check_forward(a, spans);
  check_tensor("lse", a.lse, DType::kF32, a.q.rows, a.shape.heads);
  check_tensor("dout", a.dout, a.q.dtype, a.q.rows, a.out.cols);
  check_tensor("dq", a.dq, a.q.dtype, a.q.rows, a.q.cols);
  check_tensor("dk", a.dk, a.q.dtype, a.q.rows, a.k.cols);
  check_tensor("dv", a.dv, a.q.dtype, a.q.rows, a.v.cols);
  for (const Span& x : spans) check(x.prefix_length == 0, "attention: there is no backward through a prefix");
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

// One piece of work: all or some rows of a span, and one head (of keys and values, or of queries, as the way says).
struct Task {
  const Span* span;
  int64_t head, first, count;
};

// The longest first, so that no thread is left with one at the end.
void run(std::vector<Task>& tasks, const std::function<void(const Task&)>& body) {
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.span->length + a.first > b.span->length + b.first; });
  parallel_tasks(static_cast<int64_t>(tasks.size()), [&](int64_t i) { body(tasks[static_cast<size_t>(i)]); });
}

}  // namespace

void attention_forward(const AttentionShape& shape, std::span<const Span> spans, const Tensor& q, const Tensor& k,
                       const Tensor& v, const Tensor& out, const Tensor& lse) {
  const Attention a{shape, q, k, v, out, lse, {}, {}, {}, {}};
  check_forward(a, spans);
  zero_outside(spans, out);
  const bool amx = amx_attends(a);
  std::vector<Task> tasks;
  for (const Span& s : spans) {
    const bool products = s.length >= kLong && !amx;
    const int64_t rows = s.length < kLong ? kLong : amx ? kRowsOfAmxTask : rows_of_long_block(s);
    for (int64_t first = 0; first < s.length; first += rows) {
      for (int64_t head = 0; head < (products ? shape.heads : shape.kv_heads); ++head) {
        tasks.push_back({&s, head, first, std::min(rows, s.length - first)});
      }
    }
  }
  run(tasks, [&](const Task& t) {
    if (t.span->length < kLong) {
      attend_short(a, *t.span, t.head);
    } else {
      (amx ? amx_attend : attend_long)(a, *t.span, t.head, t.first, t.count);
    }
  });
}

void attention_backward(const AttentionShape& shape, std::span<const Span> spans, const Tensor& q, const Tensor& k,
                        const Tensor& v, const Tensor& out, const Tensor& lse, const Tensor& dout, const Tensor& dq,
                        const Tensor& dk, const Tensor& dv) {
  const Attention a{shape, q, k, v, out, lse, dout, dq, dk, dv};
  check_backward(a, spans);
  for (const Tensor* x : {&dq, &dk, &dv}) zero_outside(spans, *x);
  std::vector<Task> tasks;
  for (const Span& s : spans) {
    if (s.length == 0) continue;
    for (int64_t head = 0; head < shape.kv_heads; ++head) tasks.push_back({&s, head, 0, s.length});
  }
  const auto long_span = amx_attends(a) ? amx_attend_backward : attend_long_backward;
  run(tasks, [&](const Task& t) { (t.span->length < kLong ? attend_short_backward : long_span)(a, *t.span, t.head); });
}

}  // namespace lethe::tensor
