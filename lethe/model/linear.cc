#include "lethe/model/linear.h"

namespace lethe::model {
namespace {

using tensor::DType;

// What LoRA's A sees: x itself, or x under this part's dropout mask.
Tensor lora_input(const LoraPart& part, const Tensor& x, const Pass& pass) {
  if (pass.dropout == 0) return x;
  const Tensor masked = pass.scratch->take(x.dtype, x.rows, x.cols);
  tensor::dropout(x, pass.dropout, pass.dropout_key + part.stream, masked);
  return masked;
}

}  // namespace

void Linear::forward(const Tensor& x, const Tensor& y, const Tensor* residual, const Pass& pass) const {
  if (lora.empty()) {
    tensor::matmul(x, weight, y, {.transpose_b = !in_out, .bias = bias, .residual = residual});
    return;
  }
  // The base product in fp32, the updates added to it, rounded once.
  const size_t mark = pass.scratch->used();
  const bool apart = y.dtype != DType::kF32;
  const Tensor sum = apart ? pass.scratch->take(DType::kF32, y.rows, y.cols) : y;
  tensor::matmul(x, weight, sum, {.transpose_b = !in_out, .bias = bias, .residual = residual});
  for (const LoraPart& part : lora) {
    const size_t part_mark = pass.scratch->used();
    const Tensor input = lora_input(part, x, pass);
    const Tensor s_TR = pass.scratch->take(x.dtype, x.rows, part.a.rows);
    tensor::matmul(input, part.a, s_TR, {.transpose_b = true});
    tensor::matmul(s_TR, part.b, sum.col_range(part.column, part.b.rows),
                   {.transpose_b = true, .accumulate = true, .scale = part.scale});
    pass.scratch->release(part_mark);
  }
  if (apart) tensor::convert(sum, y);
  pass.scratch->release(mark);
}

void Linear::backward(const Tensor& dy, const Tensor& x, const Tensor& dx, const Pass& pass) const {
  const size_t mark = pass.scratch->used();
  Tensor low_rank;  // what the LoRA parts add to dx, fp32
  if (dx && !lora.empty()) {
    low_rank = pass.scratch->take(DType::kF32, x.rows, x.cols);
    tensor::fill_zero(low_rank);
  }
  for (const LoraPart& part : lora) {
    const size_t part_mark = pass.scratch->used();
    const Tensor dy_part = dy.col_range(part.column, part.b.rows);
    const Tensor input = lora_input(part, x, pass);
    const Tensor s_TR = pass.scratch->take(x.dtype, x.rows, part.a.rows);
    tensor::matmul(input, part.a, s_TR, {.transpose_b = true});
    tensor::matmul(dy_part, s_TR, part.db, {.transpose_a = true, .accumulate = pass.accumulate, .scale = part.scale});
    const Tensor ds_TR = pass.scratch->take(x.dtype, x.rows, part.a.rows);
    tensor::matmul(dy_part, part.b, ds_TR, {.scale = part.scale});
    tensor::matmul(ds_TR, input, part.da, {.transpose_a = true, .accumulate = pass.accumulate});
    if (low_rank && pass.dropout == 0) {
      tensor::matmul(ds_TR, part.a, low_rank, {.accumulate = true});
    } else if (low_rank) {
      const Tensor unmasked = pass.scratch->take(DType::kF32, x.rows, x.cols);
      tensor::matmul(ds_TR, part.a, unmasked);
      tensor::dropout(unmasked, pass.dropout, pass.dropout_key + part.stream, unmasked);
      tensor::add_scaled(unmasked, 1, low_rank);
    }
    pass.scratch->release(part_mark);
  }
  if (dweight) {
    if (in_out)
      tensor::matmul(x, dy, dweight, {.transpose_a = true, .accumulate = pass.accumulate});
    else
      tensor::matmul(dy, x, dweight, {.transpose_a = true, .accumulate = pass.accumulate});
  }
  if (dbias) tensor::column_sum(dy, dbias);
  if (dx) tensor::matmul(dy, weight, dx, {.transpose_b = in_out, .residual = low_rank ? &low_rank : nullptr});
  pass.scratch->release(mark);
}

}  // namespace lethe::model
