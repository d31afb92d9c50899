// The operations of the engine, forward and backward, declared once; tensor/cpu/ defines them for the processor.
//
// Types: an "activation" tensor is bf16 or fp32, as the run's precision says, alike for all activations of one call.
// The residual stream, statistics, biases, norm weights, losses and gradients of parameters are always fp32. Sums are
// taken in fp32 (or fp64) in an order that depends on the shapes and the number of threads only: same inputs, same
// bits.
// "+=" in a comment: adds to what the output holds. Inputs and outputs do not overlap unless said.
// Shapes are checked; a wrong one throws Error (it is a bug of the caller).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/tensor/tensor.h"

namespace lethe::tensor {

// ---- the processor
// -------------------------------------------------------------------------------------------------------------
bool has_fast_bf16();  // AMX or AVX512-BF16: bf16 products run faster than fp32 ones
// Measured now (about 0.3 s each): the most multiply-adds that the cores can do, in FLOP/s, and streaming memory
// reads, in bytes/s.
double measure_peak_flops(DType dtype);
double measure_peak_bandwidth();

// ---- matrix products
// -------------------------------------------------------------------------------------------------------------
struct MatmulOptions {
  bool transpose_a = false;          // a is given as [K, M]
  bool transpose_b = false;          // b is given as [N, K], as a PyTorch linear layer keeps its weight
  bool accumulate = false;           // c += instead of c = (c fp32)
  float scale = 1;                   // of the product, before bias, residual and accumulation
  const float* bias = nullptr;       // [N], added to every row
  const Tensor* residual = nullptr;  // [M, N] fp32, added; may be c itself
};
// c [M, N] = a [M, K] x b [K, N]. a and b: both fp32 or both bf16; c: fp32 or the type of a. fp32 accumulation.
// Any row strides. M, N, K may be 0 (K = 0 gives zeros plus the additions).
void matmul(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options = {});

// ---- attention
// -------------------------------------------------------------------------------------------------------------------
// A span is a run of packed rows that attend to each other causally (or fully), and wholly to the rows of its prefix
// (none: length 0), which belong to another span: answers that share a prompt, computed once.
struct Span {
  int64_t begin = 0, length = 0;
  int64_t prefix_begin = 0, prefix_length = 0;
};
struct AttentionShape {
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  float scale = 0;  // of the scores, usually 1 / sqrt(head_dim)
  bool causal = true;
  int64_t head_stride = 0;  // columns from one head of q, k, v to the next; 0: head_dim, they lie side by side

  int64_t stride() const { return head_stride > 0 ? head_stride : head_dim; }
  int64_t cols(int64_t n) const { return (n - 1) * stride() + head_dim; }  // of n heads
};
// q, k, v (and their gradients) [T, cols(heads or kv_heads)]; out [T, heads * head_dim], always side by side;
// activations, any row stride (slices of one qkv tensor; what lies between their heads is not touched).
// lse [T, heads] fp32: log of the sum of exponentials of the scaled scores, kept for backward; may be empty.
// Rows of out outside every span are set to zero.
void attention_forward(const AttentionShape& shape, std::span<const Span> spans, const Tensor& q, const Tensor& k,
                       const Tensor& v, const Tensor& out, const Tensor& lse);
// dq, dk, dv = (not +=), spans without prefixes only. Rows outside every span get zero gradients, all their columns.
void attention_backward(const AttentionShape& shape, std::span<const Span> spans, const Tensor& q, const Tensor& k,
                        const Tensor& v, const Tensor& out, const Tensor& lse, const Tensor& dout, const Tensor& dq,
                        const Tensor& dk, const Tensor& dv);
// Generation: row i of q [B, cols(heads)] attends to all rows of keys[i], values[i] [length_i, kv_heads * head_dim],
// which lie side by side.
void attention_decode(const AttentionShape& shape, const Tensor& q, std::span<const Tensor> keys,
                      std::span<const Tensor> values, const Tensor& out);

// ---- norms
// -----------------------------------------------------------------------------------------------------------------------
// y [T, D] activation = x * rstd * w, rstd = 1 / sqrt(mean(x^2) + eps), kept in rstd [T] (fp32; may be null).
void rmsnorm_forward(const Tensor& x_TD, const float* w_D, float eps, const Tensor& y_TD, float* rstd_T);
// dx += ..., dw += ... (dw null: not wanted). dy, x, dx fp32.
void rmsnorm_backward(const Tensor& dy_TD, const Tensor& x_TD, const float* w_D, const float* rstd_T,
                      const Tensor& dx_TD, float* dw_D);
// y = (x - mean) * rstd * w + b, with the biased variance. Forward: b, mean, rstd may be null; backward: dw, db.
void layernorm_forward(const Tensor& x_TD, const float* w_D, const float* b_D, float eps, const Tensor& y_TD,
                       float* mean_T, float* rstd_T);
void layernorm_backward(const Tensor& dy_TD, const Tensor& x_TD, const float* w_D, const float* mean_T,
                        const float* rstd_T, const Tensor& dx_TD, float* dw_D, float* db_D);

// ---- positions
// -------------------------------------------------------------------------------------------------------------------
// Rotary embedding in place, the half-split form of Hugging Face: of each head's first 2 * half columns, column i and i
// + half turn by the angle of (position, i). cos, sin [positions, half] fp32. inverse: turns back (the backward pass).
// Heads begin head_stride columns apart; behind the last one x may end.
void rope(const Tensor& x, int64_t heads, int64_t head_stride, std::span<const int32_t> positions, const Tensor& cos,
          const Tensor& sin, bool inverse);

// ---- feed-forward
// ----------------------------------------------------------------------------------------------------------------
// gate_up [T, 2F]: gate in the first F columns, up in the others. y [T, F] = silu(gate) * up.
void swiglu_forward(const Tensor& gate_up, const Tensor& y_TF);
void swiglu_backward(const Tensor& dy_TF, const Tensor& gate_up,
                     const Tensor& dgate_up);  // dgate_up =; may be gate_up itself
enum class Gelu { kErf, kTanh };
void gelu_forward(Gelu kind, const Tensor& x, const Tensor& y);
void gelu_backward(Gelu kind, const Tensor& dy, const Tensor& x, const Tensor& dx);  // dx =; may be dy itself

// ---- embedding, rows, columns
// ---------------------------------------------------------------------------------------------------- out [T, D] fp32
// = table[ids] (+ position_table[positions] where given). Tables fp32 or bf16, [V, D] and [P, D].
void embedding_forward(std::span<const int32_t> ids, const Tensor& table, std::span<const int32_t> positions,
                       const Tensor& position_table, const Tensor& out);
// dtable [V, D] fp32 += rows of dx [T, D] fp32.
void embedding_backward(std::span<const int32_t> ids, const Tensor& dx, const Tensor& dtable);
void gather_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& out);  // out[i] = x[rows[i]], any types
void scatter_add_rows(const Tensor& x, std::span<const int32_t> rows,
                      const Tensor& out);      // out[rows[i]] += x[i]; fp32; rows distinct
void column_sum(const Tensor& x, float* out);  // out[j] += sum_i x[i, j]; x activation or fp32

// ---- loss
// ------------------------------------------------------------------------------------------------------------------------
// For each row i of logits [N, V] fp32: nll[i] = log sum exp - logits[target[i]] (natural log), and argmax[i] (the
// lowest id among equals; may be null). dlogits (activation, may be empty) = scale * (softmax - onehot(target)).
// NaN among the logits gives a NaN loss.
void cross_entropy(const Tensor& logits_NV, std::span<const int32_t> targets, float* nll_N, int32_t* argmax_N,
                   const Tensor& dlogits_NV, float scale);

// ---- elementwise
// -----------------------------------------------------------------------------------------------------------------
void convert(const Tensor& from, const Tensor& to);  // any two types; fp32 -> bf16, fp16 round to nearest even
void add_scaled(const Tensor& x, float alpha, const Tensor& y);  // y += alpha * x; fp32, fp64 nowhere
void fill_zero(const Tensor& x);
// y = x * mask / (1 - p) (y may be x), mask drawn per element from (random's next() as key): a pure function of it.
// Backward: the same call on dy.
void dropout(const Tensor& x, float p, uint64_t key, const Tensor& y);
double sum_of_squares(const float* x, int64_t n);  // fp64 sum, fixed order

// ---- optimisers
// ------------------------------------------------------------------------------------------------------------------
struct AdamW {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  int64_t step;          // from 1: bias correction
  float gradient_scale;  // from clipping, 1 for none
};
// As torch.optim.AdamW: p -= lr * wd * p; m, v; p -= lr * mhat / (sqrt(vhat) + eps). `copy` (may be null): p rounded to
// bf16. Reads g, zeroes nothing. n elements each.
void adamw_step(const AdamW& options, float* p, const float* g, float* m, float* v, uint16_t* copy, int64_t n);
void sgd_step(float learning_rate, float weight_decay, float gradient_scale, float* p, const float* g, uint16_t* copy,
              int64_t n);

}  // namespace lethe::tensor
