// The parts of attention that attention.cc hands to the threads. Short spans are computed in plain vectors of fp32;
// long ones as matrix products in the activations' type, block by block, with the softmax in fp32 between them.
#pragma once
#include "lethe/tensor/ops.h"

namespace lethe::tensor {

// The arguments of ops.h, checked. The gradients are empty in forward.
struct Attention {
  AttentionShape shape;
  Tensor q, k, v, out, lse;
  Tensor dout, dq, dk, dv;

  int64_t group() const { return shape.heads / shape.kv_heads; }  // query heads of one head of keys and values
  // Columns of one head: of q, k, v or their gradients; of out or dout.
  Tensor head(const Tensor& x, int64_t h) const { return x.col_range(h * shape.stride(), shape.head_dim); }
  Tensor out_head(const Tensor& x, int64_t h) const { return x.col_range(h * shape.head_dim, shape.head_dim); }
};

// All query heads of one head of keys and values, for one span.
void attend_short(const Attention& a, const Span& span, int64_t kv_head);
void attend_short_backward(const Attention& a, const Span& span, int64_t kv_head);

// Query rows [first, first + count) of the span, one head.
int64_t rows_of_long_block(const Span& span);
void attend_long(const Attention& a, const Span& span, int64_t head, int64_t first, int64_t count);
// All query heads of one head of keys and values, for one span without prefix.
void attend_long_backward(const Attention& a, const Span& span, int64_t kv_head);

// The same on AMX, the softmax on tiles as they come from the unit: for bf16 and heads of whole tiles.
bool amx_attends(const Attention& a);
// Query rows [first, first + count) of the span (first: a multiple of 32), all query heads of one head of keys and
// values.
constexpr int64_t kRowsOfAmxTask = 512;
void amx_attend(const Attention& a, const Span& span, int64_t kv_head, int64_t first, int64_t count);
void amx_attend_backward(const Attention& a, const Span& span, int64_t kv_head);

// ---- between the products of long spans. Matrices of scratch: rows are padded to whole vectors, which may be written.
// p = exp(scale * (scores - largest)) over the first `visible` (+ 1 for each further row where causal) columns, 0
// behind them; largest [rows] and sum [rows] of a row.
void softmax_rows(const Tensor& scores, float scale, int64_t visible, bool causal, const Tensor& p, float* largest,
                  float* sum);
// out = in * factor of the row; out an activation.
void scale_rows(const Tensor& in, const float* factor, const Tensor& out);
// dots[row] = sum of a * b; activations.
void dot_rows(const Tensor& a, const Tensor& b, float* dots);
// Transposed: a row is a key, a column a query. p = exp(scale * scores - lse of the column), ds = p * (dp - dot of the
// column) * scale; both 0 where causal and column < row + offset. p may be scores, ds may be dp.
void score_gradients(const Tensor& scores, const Tensor& dp, const float* lse, const float* dots, float scale,
                     bool causal, int64_t offset, const Tensor& p, const Tensor& ds);

}  // namespace lethe::tensor
