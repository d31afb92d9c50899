// The backward half of the transformer: gradients flow down the fp32 residual stream dx, which each half of a layer
// adds to. See transformer.h; the forward equations stand in forward.cc.
#include "lethe/base/error.h"
#include "lethe/model/transformer.h"

namespace lethe::model {

void Transformer::norm_backward(const Norm& norm, const Tensor& dy, const Tensor& x, const float* mean,
                                const float* rstd, const Tensor& dx) const {
  float* dweight = lora_ ? nullptr : norm.dweight;
  float* dbias = lora_ ? nullptr : norm.dbias;
  if (config_.norm == NormKind::kRmsNorm)
    tensor::rmsnorm_backward(dy, x, norm.weight, rstd, dx, dweight);
  else
    tensor::layernorm_backward(dy, x, norm.weight, mean, rstd, dx, dweight, dbias);
}

// dx_TD: the gradient of the layer's output on entry, of its input on return. `below`: whether anything trained needs
// the latter.
void Transformer::layer_backward(int64_t index, const Context& context, const Tensor& dx_TD, bool below) {
  const Layer& layer = layers_[static_cast<size_t>(index)];
  const Activations& a = activations_[static_cast<size_t>(index)];
  const size_t mark = scratch_.used();
  const int64_t T = dx_TD.rows;

  // feed-forward
  const Tensor dhidden_TF = scratch_.take(precision_, T, a.hidden_TF.cols);
  const Tensor dy_TD = scratch_.take(DType::kF32, T, config_.hidden_size);
  const size_t inner = scratch_.used();
  layer.down.backward(to_activation(dx_TD), a.hidden_TF, dhidden_TF, context.pass);
  Tensor dup = a.up;  // the gradient overwrites what it is computed from
  if (config_.feed_forward == FeedForwardKind::kSwiGlu) {
    tensor::swiglu_backward(dhidden_TF, a.up, dup);
  } else {
    dup = dhidden_TF;
    tensor::gelu_backward(config_.feed_forward == FeedForwardKind::kGeluErf ? tensor::Gelu::kErf : tensor::Gelu::kTanh,
                          dhidden_TF, a.up, dup);
  }
  scratch_.release(inner);
  layer.up.backward(dup, a.y2_TD, dy_TD, context.pass);
  const auto into_middle = [&] { norm_backward(layer.norm2, dy_TD, middle(a), a.mean2, a.rstd2, dx_TD); };
  if (!config_.parallel_residual) into_middle();

  // attention
  const Tensor dqkv = scratch_.take(precision_, T, a.qkv.cols);
  const Tensor dattention = scratch_.take(precision_, T, a.attention.cols);
  layer.attention_out.backward(to_activation(dx_TD), a.attention, dattention, context.pass);
  if (config_.parallel_residual) into_middle();  // only now: both halves take the gradient of the layer's output
  const auto [q, k, v] = parts_of(a.qkv);
  const auto [dq, dk, dv] = parts_of(dqkv);
  tensor::attention_backward(attention_, context.spans, q, k, v, a.attention, a.lse_TH, dattention, dq, dk, dv);
  turn(dqkv, context, true);
  layer.qkv.backward(dqkv, a.y1_TD, below ? dy_TD : Tensor(), context.pass);
  if (below) norm_backward(layer.norm1, dy_TD, a.x_TD, a.mean1, a.rstd1, dx_TD);
  scratch_.release(mark);
}

void Transformer::embed_backward(const Context& context, const Tensor& dx_TD) {
  if (lora_) {
    if (!embedding_lora_.a) return;
    const LoraPart& lora = embedding_lora_;
    const size_t mark = scratch_.used();
    const Tensor s_TR = scratch_.take(DType::kF32, dx_TD.rows, lora.a.cols),
                 ds_TR = scratch_.take(DType::kF32, dx_TD.rows, lora.a.cols);
    const Tensor dx = to_activation(dx_TD);
    tensor::embedding_forward(context.ids, lora.a, {}, {}, s_TR);
    tensor::matmul(dx, to_activation(s_TR), lora.db,
                   {.transpose_a = true, .accumulate = context.pass.accumulate, .scale = lora.scale});
    tensor::matmul(dx, lora.b, ds_TR, {.scale = lora.scale});
    if (!context.pass.accumulate) tensor::fill_zero(lora.da);
    tensor::embedding_backward(context.ids, ds_TR, lora.da);
    scratch_.release(mark);
    return;
  }
  // A tied table already holds the head's gradient of this micro-batch.
  if (!config_.tied_embeddings && !context.pass.accumulate) tensor::fill_zero(dembedding_VD_);
  tensor::embedding_backward(context.ids, dx_TD, dembedding_VD_);
  if (config_.positions != PositionKind::kLearned) return;
  if (!context.pass.accumulate) tensor::fill_zero(dpositions_PD_);
  tensor::embedding_backward(context.positions, dx_TD, dpositions_PD_);
}

double Transformer::forward_backward(const Batch& batch, float gradient_scale, bool accumulate, uint64_t dropout_key,
                                     TargetScores& scores) {
  check(trained().trained(), "the model's parameters are frozen and no trained adapter is attached");
  check(batch.targets() > 0, "a batch without targets: every label is masked");
  Context context;
  context.pass.accumulate = accumulate;
  context.pass.dropout = lora_ ? static_cast<float>(lora_->dropout()) : 0.0f;
  context.pass.dropout_key = dropout_key;
  prepare(context, batch, true, batch.targets());
  layers_forward(context);
  if (!accumulate) trained().zero_vector_gradients();

  const Tensor dx_TD = scratch_.take(DType::kF32, activations_[0].x_TD.rows, config_.hidden_size);
  tensor::fill_zero(dx_TD);
  const double nll = head(batch, context, scores, &dx_TD, gradient_scale);
  const auto trains = [](const Layer& l) {
    return !l.qkv.lora.empty() || !l.attention_out.lora.empty() || !l.up.lora.empty() || !l.down.lora.empty();
  };
  // Under an adapter, layers below the first trained one get no backward.
  int64_t first = 0;
  if (lora_ && !embedding_lora_.a)
    while (first < config_.layers && !trains(layers_[static_cast<size_t>(first)])) ++first;
  for (int64_t i = config_.layers - 1; i >= first; --i) {
    if (checkpointing_ && i + 1 < config_.layers) layer_forward(i, context);  // the last one's are still there
    layer_backward(i, context, dx_TD, i > first || !lora_ || embedding_lora_.a);
  }
  embed_backward(context, dx_TD);
  return nll;
}

void Transformer::probe(const Batch& batch, std::span<const int32_t> rows, const Tensor& shift_TD,
                        const Tensor& dshift_TD, const HiddenLoss& loss) {
  const int64_t T = batch.tokens(), D = config_.hidden_size, N = std::ssize(rows);
  check(!parameters_.trained() && !lora_, "a probe reads a frozen model without an adapter in training");
  check(N > 0, "a probe reads no row");
  const bool backward = static_cast<bool>(dshift_TD);
  Context context;
  prepare(context, batch, backward, 0);
  embed(context);
  if (shift_TD) tensor::add_scaled(shift_TD, 1, activations_[0].x_TD.row_range(0, T));
  for (int64_t i = 0; i < config_.layers; ++i) layer_forward(i, context);

  const Tensor dx_TD = backward ? scratch_.take(DType::kF32, activations_[0].x_TD.rows, D) : Tensor();
  tensor::Arena arena;
  arena.reserve(static_cast<size_t>(4 * N * D) * sizeof(float) + 4 * 64);
  const Tensor x_ND = arena.take(DType::kF32, N, D), hidden_ND = arena.take(DType::kF32, N, D);
  const Tensor dhidden_ND = backward ? arena.take(DType::kF32, N, D) : Tensor();
  std::vector<float> mean(static_cast<size_t>(N)), rstd(static_cast<size_t>(N));
  tensor::gather_rows(activations_.back().x_TD, rows, x_ND);
  norm_forward(final_norm_, x_ND, hidden_ND, mean.data(), rstd.data());
  loss(hidden_ND, dhidden_ND);
  if (!backward) return;
  const Tensor dx_ND = arena.take(DType::kF32, N, D);
  tensor::fill_zero(dx_ND);
  tensor::fill_zero(dx_TD);
  norm_backward(final_norm_, dhidden_ND, x_ND, mean.data(), rstd.data(), dx_ND);
  tensor::scatter_add_rows(dx_ND, rows, dx_TD);
  for (int64_t i = config_.layers - 1; i >= 0; --i) layer_backward(i, context, dx_TD, true);
  tensor::convert(dx_TD.row_range(0, T), dshift_TD);
}

}  // namespace lethe::model
