// The transformer: one for every family, explicit layers, each with its forward and its backward (forward.cc,
// backward.cc). A layer:  x += attention(norm1(x));  x += feed_forward(norm2(x)),  or both of one x (parallel). The
// residual stream x is fp32, what the products read and write is of the run's precision. What backward needs is kept in
// one arena, planned for the batch's shape. Shapes: see lethe/tensor/tensor.h.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lethe/model/batch.h"
#include "lethe/model/linear.h"
#include "lethe/model/lora.h"
#include "lethe/model/model_files.h"
#include "lethe/model/parameters.h"

namespace lethe::model {

// Keys and values of one sequence, all layers, for generation.
class KeyValueCache {
 public:
  KeyValueCache(const ModelConfig& config, DType precision, int64_t capacity);
  int64_t length() const { return length_; }
  Tensor keys(int64_t layer, int64_t rows) const { return half(2 * layer, rows); }
  Tensor values(int64_t layer, int64_t rows) const { return half(2 * layer + 1, rows); }
  void grow(int64_t rows) { length_ += rows; }
  KeyValueCache copy() const;

 private:
  KeyValueCache() = default;
  Tensor half(int64_t index, int64_t rows) const;

  DType precision_ = DType::kF32;
  int64_t layers_ = 0, capacity_ = 0, width_ = 0, length_ = 0;
  tensor::Buffer memory_;
};

class Transformer {
 public:
  // train: keep fp32 masters and gradients of all parameters. Values are undefined until they are set.
  Transformer(const ModelConfig& config, DType precision, bool train);
  // With the values of the files, or of `values` where it gives some. `as_written` rounds each to the type in which
  // write_model would write it; `untie` makes a tied head a parameter of its own, as there.
  static Transformer load(const ModelFiles& files, DType precision, bool train, const NewValues& values = {},
                          bool as_written = false, bool untie = false);
  Transformer(Transformer&&) = default;
  Transformer& operator=(Transformer&&) = default;

  const ModelConfig& config() const { return config_; }
  DType precision() const { return precision_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  // Lays an adapter on the model; with a trained one, forward_backward() trains it and the model's own weights stay as
  // they are.
  void attach(Lora lora);
  const Tensor& output_embedding() const { return head_.weight; }  // [V, D], of the run's precision
  Lora* lora() { return lora_ ? &*lora_ : nullptr; }
  Parameters& trained() { return lora_ ? lora_->parameters() : parameters_; }
  void set_gradient_checkpointing(bool on) { checkpointing_ = on; }

  // The targets of a batch, forward only.
  void score(const Batch& batch, TargetScores& scores);
  // Forward and backward of gradient_scale * (sum of the targets' nll): sets the gradients, or adds to them where
  // `accumulate` (a later micro-batch of the step). Returns the sum of the nll.
  double forward_backward(const Batch& batch, float gradient_scale, bool accumulate, uint64_t dropout_key,
                          TargetScores& scores);

  // For probes, the model frozen: the last hidden states (after the final norm, what the head reads) of `rows` of a
  // batch, fp32 [rows, D], with shift_TD (fp32; may be empty) added to the embeddings. `loss` is called with them and
  // with where to set their gradient; it flows back through the frozen layers to dshift_TD (=). An empty dshift_TD:
  // forward only, the gradient that `loss` is given is empty. The batch's targets are not looked at.
  using HiddenLoss = std::function<void(const Tensor& hidden_ND, const Tensor& dhidden_ND)>;
  void probe(const Batch& batch, std::span<const int32_t> rows, const Tensor& shift_TD, const Tensor& dshift_TD,
             const HiddenLoss& loss);

  // Appends ids[i] to sequence i, whose past is in caches[i], and gives the logits [sequences, V] fp32 of what follows.
  // Either all caches are empty (prompts are packed; what the ones behind each other have in common at the beginning is
  // computed once) or every sequence gets one id. Error: the model is not causal.
  void extend(std::span<const std::vector<int32_t>> ids, std::span<KeyValueCache* const> caches, float* logits_BV);

 private:
  // The head works through the targets in blocks: fp32 logits of some rows at a time, their gradients of a block of
  // rows at once. Under an adapter both are one, so that both products see its dropout mask.
  static constexpr int64_t kLogitsRows = 256, kHeadBlock = 2048;
  // Columns of logits as they lie: whole cache lines, whatever the vocabulary.
  static int64_t whole_lines(int64_t cols) { return (cols + 31) / 32 * 32; }
  int64_t head_block() const { return head_.lora.empty() ? kHeadBlock : kLogitsRows; }

  struct Norm {
    const float *weight = nullptr, *bias = nullptr;
    float *dweight = nullptr, *dbias = nullptr;
  };
  struct Layer {
    Norm norm1, norm2;
    Linear qkv, attention_out, up, down;
  };
  struct Activations {  // of one layer
    Tensor x_TD, y1_TD, qkv, lse_TH, attention, middle_TD, y2_TD, up, hidden_TF;
    float *mean1 = nullptr, *rstd1 = nullptr, *mean2 = nullptr, *rstd2 = nullptr;
  };
  struct Context {                        // one pass over a batch
    std::vector<int32_t> ids, positions;  // padded to whole tiles
    std::span<const tensor::Span> spans;
    std::span<KeyValueCache* const> caches;
    std::vector<tensor::Span> cached;  // of each sequence with a cache: its rows in this pass, and their prefix
    bool decode = false;
    Pass pass;
  };

  void bind();  // layers_ and the other views of the parameters
  void bind_lora();
  Linear linear(const std::vector<std::string>& weights, const std::vector<std::string>& biases);
  Norm norm(const std::string& name);
  void plan(int64_t rows, int64_t targets, bool backward);
  void prepare(Context& context, const Batch& batch, bool backward, int64_t targets);
  void grow_rotary(int64_t positions);

  void norm_forward(const Norm& norm, const Tensor& x, const Tensor& y, float* mean, float* rstd) const;
  void norm_backward(const Norm& norm, const Tensor& dy, const Tensor& x, const float* mean, const float* rstd,
                     const Tensor& dx) const;
  void embed(const Context& context);
  void layer_forward(int64_t layer, const Context& context);
  struct QueryKeyValue {
    Tensor q, k, v;
  };
  QueryKeyValue parts_of(const Tensor& qkv) const;                     // views, as attention_ says
  void turn(const Tensor& qkv, const Context& context, bool inverse);  // rotary positions, of q and k
  // What norm2 reads.
  const Tensor& middle(const Activations& a) const { return config_.parallel_residual ? a.x_TD : a.middle_TD; }
  void attend(int64_t layer, const Activations& a, const Context& context);
  void layers_forward(const Context& context);
  void layer_backward(int64_t layer, const Context& context, const Tensor& dx_TD, bool below);
  void embed_backward(const Context& context, const Tensor& dx_TD);
  // The head over the rows of the targets: scores, and (backward) dx_TD += and the gradients of the head.
  double head(const Batch& batch, const Context& context, TargetScores& scores, const Tensor* dx_TD,
              float gradient_scale);
  Tensor to_activation(const Tensor& x);  // x itself in fp32 runs, else a bf16 copy in scratch

  ModelConfig config_;
  DType precision_;
  Parameters parameters_;
  std::optional<Lora> lora_;
  bool checkpointing_ = false;

  Tensor embedding_VD_, dembedding_VD_, positions_PD_, dpositions_PD_;
  LoraPart embedding_lora_;
  std::vector<Layer> layers_;
  Norm final_norm_;
  Linear head_;  // tied: the embedding's values and gradient
  tensor::AttentionShape attention_;
  std::vector<float> cos_, sin_;
  int64_t rotary_positions_ = 0;

  tensor::Arena arena_, scratch_;
  std::vector<Activations>
      activations_;  // one a layer, and the last x; sharing memory where backward does not need them
};

}  // namespace lethe::model
