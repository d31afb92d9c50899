// A linear layer, or several that share their input computed as one product (q, k and v; gate and up), with the LoRA
// updates on its parts:  y = x W^T + b + scale * dropout(x) A^T B^T.  Forward and backward stand beside each other.
#pragma once
#include <cstdint>
#include <vector>

#include "lethe/tensor/ops.h"

namespace lethe::model {

using tensor::Tensor;

// The low-rank update of one part: columns [column, column + b.rows) of y.
struct LoraPart {
  int64_t column = 0;
  Tensor a, b;    // [R, in], [out, R], in the run's precision
  Tensor da, db;  // fp32 gradients
  float scale = 1;
  uint64_t stream = 0;  // tells the dropout masks of different parts apart
};

// What every product of one pass shares.
struct Pass {
  bool accumulate = false;           // add to the weight gradients (a later micro-batch) instead of setting them
  float dropout = 0;                 // LoRA's, 0 outside training
  uint64_t dropout_key = 0;          // of this micro-batch
  tensor::Arena* scratch = nullptr;  // what a product takes of it is free again when it returns
};

struct Linear {
  Tensor weight;   // [out, in], or [in, out] where in_out
  Tensor dweight;  // fp32, the same shape; empty: frozen
  const float* bias = nullptr;
  float* dbias = nullptr;
  bool in_out = false;
  std::vector<LoraPart> lora;

  int64_t in() const { return in_out ? weight.rows : weight.cols; }
  int64_t out() const { return in_out ? weight.cols : weight.rows; }

  // y [T, out] = ..., plus `residual` [T, out] fp32 where given (y is then fp32).
  void forward(const Tensor& x, const Tensor& y, const Tensor* residual, const Pass& pass) const;
  // From dy [T, out] (activation type) and x: dx = (fp32 or activation; empty: not wanted), and the gradients of what
  // is trained.
  void backward(const Tensor& dy, const Tensor& x, const Tensor& dx, const Pass& pass) const;
};

}  // namespace lethe::model
