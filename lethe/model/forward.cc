// The forward half of the transformer, and the head. See transformer.h.
#include <algorithm>
#include <cstring>

#include "lethe/base/error.h"
#include "lethe/model/shared_prompts.h"
#include "lethe/model/transformer.h"

namespace lethe::model {
namespace {

// Rows are computed in whole tiles of 16: less than one tile more than the tokens, and far fewer shapes for the
// products' cache.
int64_t whole_tiles(int64_t rows) { return rows <= 4 ? rows : (rows + 15) / 16 * 16; }

// Makes the dropout masks of the head's blocks differ, whatever is added for micro-batches and parts.
constexpr uint64_t kKeyOfNextBlock = 0xbf58476d1ce4e5b9;

}  // namespace

void Transformer::prepare(Context& context, const Batch& batch, bool backward, int64_t targets) {
  const int64_t T = batch.tokens(), rows = whole_tiles(T);
  check(T > 0, "a batch without tokens");
  check(batch.positions.size() == batch.ids.size(), "a batch has {} ids and {} positions", T, batch.positions.size());
  for (int64_t i = 0; i < T; ++i) {
    const auto at = static_cast<size_t>(i);
    check(batch.ids[at] >= 0 && batch.ids[at] < config_.vocab_size,
          "token id {} is outside the model's vocabulary of {}", batch.ids[at], config_.vocab_size);
    check(batch.positions[at] < config_.max_positions, "a sequence of {} tokens or more: the model has {} positions",
          batch.positions[at] + 1, config_.max_positions);
  }
  context.ids = batch.ids;
  context.positions = batch.positions;
  context.ids.resize(static_cast<size_t>(rows), 0);
  context.positions.resize(static_cast<size_t>(rows), 0);
  context.spans = batch.spans;
  grow_rotary(1 + *std::max_element(context.positions.begin(), context.positions.end()));
  plan(rows, whole_tiles(targets), backward);
  context.pass.scratch = &scratch_;
}

void Transformer::norm_forward(const Norm& norm, const Tensor& x, const Tensor& y, float* mean, float* rstd) const {
  const auto epsilon = static_cast<float>(config_.norm_epsilon);
  if (config_.norm == NormKind::kRmsNorm)
    tensor::rmsnorm_forward(x, norm.weight, epsilon, y, rstd);
  else
    tensor::layernorm_forward(x, norm.weight, norm.bias, epsilon, y, mean, rstd);
}

// x = E[ids] (+ P[positions]) (+ scale * A[ids] B^T)
void Transformer::embed(const Context& context) {
  const Tensor& x_TD = activations_[0].x_TD;
  tensor::embedding_forward(context.ids, embedding_VD_, context.positions, positions_PD_, x_TD);
  if (!embedding_lora_.a) return;
  const size_t mark = scratch_.used();
  const Tensor s_TR = scratch_.take(DType::kF32, x_TD.rows, embedding_lora_.a.cols);
  tensor::embedding_forward(context.ids, embedding_lora_.a, {}, {}, s_TR);
  tensor::matmul(to_activation(s_TR), embedding_lora_.b, x_TD,
                 {.transpose_b = true, .accumulate = true, .scale = embedding_lora_.scale});
  scratch_.release(mark);
}

// All heads of q, of k, of v; or [q, k, v] of each head.
Transformer::QueryKeyValue Transformer::parts_of(const Tensor& qkv) const {
  const int64_t Q = attention_.cols(config_.heads), KV = attention_.cols(config_.kv_heads), d = config_.head_dim;
  const bool by_head = attention_.stride() > d;
  const int64_t k = by_head ? d : Q, v = by_head ? 2 * d : Q + KV;
  return {qkv.col_range(0, Q), qkv.col_range(k, KV), qkv.col_range(v, KV)};
}

void Transformer::turn(const Tensor& qkv, const Context& context, bool inverse) {
  if (config_.positions != PositionKind::kRotary) return;
  const int64_t half = config_.rotary_dim / 2;
  const Tensor cos(cos_.data(), rotary_positions_, half), sin(sin_.data(), rotary_positions_, half);
  const QueryKeyValue parts = parts_of(qkv);
  tensor::rope(parts.q, config_.heads, attention_.stride(), context.positions, cos, sin, inverse);
  tensor::rope(parts.k, config_.kv_heads, attention_.stride(), context.positions, cos, sin, inverse);
}

void Transformer::attend(int64_t layer, const Activations& a, const Context& context) {
  turn(a.qkv, context, false);
  const auto [q, k, v] = parts_of(a.qkv);
  // A cache holds heads side by side.
  const auto keep = [&](const Tensor& heads, const Tensor& cached) {
    const int64_t d = config_.head_dim, runs = attention_.stride() > d ? config_.kv_heads : 1;
    const int64_t width = cached.cols / runs;
    for (int64_t i = 0; i < runs; ++i)
      tensor::convert(heads.col_range(i * attention_.stride(), width), cached.col_range(i * width, width));
  };
  std::vector<Tensor> keys, values;
  for (size_t i = 0; i < context.caches.size(); ++i) {
    const auto [begin, length, prefix_begin, prefix_length] = context.cached[i];
    KeyValueCache& cache = *context.caches[i];
    const int64_t past = cache.length();
    keys.push_back(cache.keys(layer, past + prefix_length + length));
    values.push_back(cache.values(layer, past + prefix_length + length));
    if (prefix_length > 0) {
      keep(k.row_range(prefix_begin, prefix_length), keys.back().row_range(past, prefix_length));
      keep(v.row_range(prefix_begin, prefix_length), values.back().row_range(past, prefix_length));
    }
    keep(k.row_range(begin, length), keys.back().row_range(past + prefix_length, length));
    keep(v.row_range(begin, length), values.back().row_range(past + prefix_length, length));
  }
  if (context.decode) {
    const auto B = static_cast<int64_t>(keys.size());
    tensor::attention_decode(attention_, q.row_range(0, B), keys, values, a.attention.row_range(0, B));
    if (B < a.attention.rows) tensor::fill_zero(a.attention.row_range(B, a.attention.rows - B));
  } else {
    tensor::attention_forward(attention_, context.spans, q, k, v, a.attention, a.lse_TH);
  }
}

// x' = x + attention(norm1(x));  x'' = x' + feed_forward(norm2(x')), where parallel: x' + feed_forward(norm2(x))
void Transformer::layer_forward(int64_t index, const Context& context) {
  const Layer& layer = layers_[static_cast<size_t>(index)];
  const Activations& a = activations_[static_cast<size_t>(index)];
  const Tensor& next_TD = activations_[static_cast<size_t>(index + 1)].x_TD;
  norm_forward(layer.norm1, a.x_TD, a.y1_TD, a.mean1, a.rstd1);
  layer.qkv.forward(a.y1_TD, a.qkv, nullptr, context.pass);
  attend(index, a, context);
  layer.attention_out.forward(a.attention, a.middle_TD, &a.x_TD, context.pass);
  norm_forward(layer.norm2, middle(a), a.y2_TD, a.mean2, a.rstd2);
  layer.up.forward(a.y2_TD, a.up, nullptr, context.pass);
  if (config_.feed_forward == FeedForwardKind::kSwiGlu)
    tensor::swiglu_forward(a.up, a.hidden_TF);
  else
    tensor::gelu_forward(config_.feed_forward == FeedForwardKind::kGeluErf ? tensor::Gelu::kErf : tensor::Gelu::kTanh,
                         a.up, a.hidden_TF);
  layer.down.forward(a.hidden_TF, next_TD, &a.middle_TD, context.pass);
}

void Transformer::layers_forward(const Context& context) {
  embed(context);
  for (int64_t i = 0; i < config_.layers; ++i) layer_forward(i, context);
}

Tensor Transformer::to_activation(const Tensor& x) {
  if (x.dtype == precision_) return x;
  const Tensor y = scratch_.take(precision_, x.rows, x.cols);
  tensor::convert(x, y);
  return y;
}

// Logits only where there is a target: gather the rows, norm, then in blocks  logits = y E^T;  dy = dlogits E;  dE +=
// dlogits^T y.
double Transformer::head(const Batch& batch, const Context& context, TargetScores& scores, const Tensor* dx_TD,
                         float gradient_scale) {
  const int64_t N = batch.targets(), D = config_.hidden_size, V = config_.vocab_size;
  scores.nll.resize(static_cast<size_t>(N));
  scores.argmax.resize(static_cast<size_t>(N));
  if (N == 0) return 0;
  const size_t mark = scratch_.used();
  const Tensor& x_TD = activations_.back().x_TD;
  std::vector<int32_t> rows = batch.target_rows;
  rows.resize(static_cast<size_t>(whole_tiles(N)), rows.back());  // the tile's other rows: computed, never read
  const auto padded = static_cast<int64_t>(rows.size());
  const Tensor x_ND = scratch_.take(DType::kF32, padded, D), y_ND = scratch_.take(precision_, padded, D);
  const bool layer_norm = config_.norm == NormKind::kLayerNorm;
  float* rstd = scratch_.take(DType::kF32, 1, padded).f32();
  float* mean = layer_norm ? scratch_.take(DType::kF32, 1, padded).f32() : nullptr;
  tensor::gather_rows(x_TD, rows, x_ND);
  norm_forward(final_norm_, x_ND, y_ND, mean, rstd);

  const int64_t line = whole_lines(V);
  const Tensor logits_NV = scratch_.take(DType::kF32, std::min(padded, kLogitsRows), line).col_range(0, V);
  Tensor dlogits_NV, dy_ND;
  if (dx_TD) {
    dlogits_NV = scratch_.take(precision_, std::min(padded, head_block()), line).col_range(0, V);
    dy_ND = scratch_.take(DType::kF32, padded, D);
  }
  Pass pass = context.pass;
  for (int64_t block = 0; block < padded; block += head_block()) {
    const int64_t block_rows = std::min(head_block(), padded - block);
    for (int64_t at = block; at < block + block_rows; at += kLogitsRows) {
      const int64_t count = std::min(kLogitsRows, block + block_rows - at), real = std::min(count, N - at);
      const Tensor logits = logits_NV.row_range(0, count);
      head_.forward(y_ND.row_range(at, count), logits, nullptr, pass);
      const Tensor dlogits = dx_TD ? dlogits_NV.row_range(at - block, real) : Tensor();
      tensor::cross_entropy(logits.row_range(0, real),
                            std::span(batch.target_ids).subspan(static_cast<size_t>(at), static_cast<size_t>(real)),
                            scores.nll.data() + at, scores.argmax.data() + at, dlogits, gradient_scale);
      if (dx_TD && real < count) tensor::fill_zero(dlogits_NV.row_range(at - block + real, count - real));
    }
    if (!dx_TD) continue;
    head_.backward(dlogits_NV.row_range(0, block_rows), y_ND.row_range(block, block_rows),
                   dy_ND.row_range(block, block_rows), pass);
    pass.accumulate = true;
    pass.dropout_key += kKeyOfNextBlock;
  }
  if (dx_TD) {
    const Tensor dx_ND = scratch_.take(DType::kF32, padded, D);
    tensor::fill_zero(dx_ND);
    norm_backward(final_norm_, dy_ND, x_ND, mean, rstd, dx_ND);
    tensor::scatter_add_rows(dx_ND.row_range(0, N), batch.target_rows, *dx_TD);
  }
  scratch_.release(mark);
  double sum = 0;
  for (float nll : scores.nll) sum += nll;
  return sum;
}

void Transformer::score(const Batch& batch, TargetScores& scores) {
  Context context;
  prepare(context, batch, false, batch.targets());
  layers_forward(context);
  head(batch, context, scores, nullptr, 0);
}

void Transformer::extend(std::span<const std::vector<int32_t>> ids, std::span<KeyValueCache* const> caches,
                         float* logits_BV) {
  check_causal(config_, "the model", "continue a text");
  Batch batch;
  Context context;
  context.decode = !caches.empty() && caches[0]->length() > 0;
  std::vector<int32_t> last;
  const auto add_span = [&](std::span<const int32_t> tokens, int64_t past, tensor::Span prefix) {
    batch.spans.push_back({batch.tokens(), static_cast<int64_t>(tokens.size()), prefix.begin, prefix.length});
    for (size_t j = 0; j < tokens.size(); ++j)
      batch.positions.push_back(static_cast<int32_t>(past + prefix.length) + static_cast<int32_t>(j));
    batch.ids.insert(batch.ids.end(), tokens.begin(), tokens.end());
    return batch.spans.back();
  };
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto count = static_cast<int64_t>(ids[i].size()), past = caches[i]->length();
    check(count > 0, "sequence {} is extended by no tokens", i);
    check(context.decode ? past > 0 && count == 1 : past == 0,
          "sequence {}: {} tokens after {}, expected one after some, or all at once", i, count, past);
  }
  for (const PromptGroup& group : group_prompts(ids)) {
    tensor::Span prefix;
    if (group.shared > 0)
      prefix = add_span(std::span(ids[group.begin]).first(static_cast<size_t>(group.shared)), 0, {});
    for (size_t i = group.begin; i < group.end; ++i) {
      const std::span<const int32_t> own = std::span(ids[i]).subspan(static_cast<size_t>(group.shared));
      context.cached.push_back(add_span(own, caches[i]->length(), prefix));
      last.push_back(static_cast<int32_t>(batch.tokens() - 1));
    }
  }
  const auto B = static_cast<int64_t>(ids.size());
  prepare(context, batch, false, B);
  context.caches = caches;
  layers_forward(context);
  for (size_t i = 0; i < ids.size(); ++i) caches[i]->grow(context.cached[i].prefix_length + context.cached[i].length);

  const Tensor x_BD = scratch_.take(DType::kF32, B, config_.hidden_size),
               y_BD = scratch_.take(precision_, B, config_.hidden_size);
  tensor::gather_rows(activations_.back().x_TD, last, x_BD);
  std::vector<float> mean(static_cast<size_t>(B)), rstd(static_cast<size_t>(B));
  norm_forward(final_norm_, x_BD, y_BD, mean.data(), rstd.data());
  head_.forward(y_BD, Tensor(logits_BV, B, config_.vocab_size), nullptr, context.pass);
}

}  // namespace lethe::model
