// What a probe trains for one target beside the frozen model (Physics of Language Models 3.1, section 5 and appendices
// E and F): an update of rank R of the embedding, a norm, and a linear classifier of the norm's output. With h the
// hidden states that the model gives when A[t] B^T is added to the embedding of each token t:
//   z = norm(h);  logits = z W^T + c
// The norm, with a scale and a bias a feature, is LayerNorm (P-probe) or BatchNorm (Q-probe). BatchNorm takes the mean
// and the variance of the batch in training, and their running averages (momentum 0.1, as torch.nn.BatchNorm1d)
// elsewhere.
// The last row of A belongs to all tokens without an update: it is never trained.
// At the start A is zero and B is normal with deviation 1; W and c are uniform within 1 / sqrt(D), as torch.nn.Linear.
// Shapes: V rows of A (the probe counts its tokens by itself), C classes, N rows, others as in lethe/tensor/tensor.h.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lethe/tensor/ops.h"

namespace lethe::measure {

using tensor::Tensor;

enum class ProbeNorm { kLayer, kBatch };

struct ProbeShape {
  int64_t tokens = 0;  // V
  int64_t rank = 0;    // R; 0: the embedding stays as it is
  int64_t hidden_size = 0;
  int64_t classes = 0;
  ProbeNorm norm = ProbeNorm::kLayer;
};

class ProbeHead {
 public:
  // Starts from the random numbers of (seed, index).
  ProbeHead(const ProbeShape& shape, uint64_t seed, uint64_t index);
  ProbeHead(ProbeHead&&) = default;

  // From here on the classifier is these rows, without a bias, and is not trained; BatchNorm starts as one that leaves
  // hidden states as they are, its running averages included, given some of them (LayerNorm needs none).
  void freeze_classifier(const Tensor& w_CD, const Tensor& hidden_ND);

  // shift_TD = A[tokens] B^T. Rank > 0.
  void shift(std::span<const int32_t> tokens, const Tensor& shift_TD) const;
  // Sets the gradients of scale * (sum over the rows of -log p(label)): of the norm and a classifier that is trained,
  // and dhidden_ND (=; may be empty). Returns the sum.
  double forward_backward(const Tensor& hidden_ND, std::span<const int32_t> labels, float scale,
                          const Tensor& dhidden_ND);
  // From the gradient of the shift that shift() gave: the gradients of A and B.
  void shift_backward(std::span<const int32_t> tokens, const Tensor& dshift_TD);
  void step(const tensor::AdamW& options);

  // The most probable class of each row.
  void predict(const Tensor& hidden_ND, std::span<int32_t> classes);

  // All that is trained, flat: A, B, the norm's scale and bias, W, c; and its gradients.
  std::vector<float>& values() { return values_; }
  const std::vector<float>& gradients() const { return gradients_; }

 private:
  struct Views {
    Tensor a_VR, b_DR, scale, bias, w_CD, c;
  };
  Views views(std::vector<float>& flat) const;
  Tensor logits(const Tensor& hidden_ND, bool train);  // z_ and what the norm's backward needs are set, too
  void normalise(const Tensor& hidden_ND, const Tensor& z_ND, bool train);
  void normalise_backward(const Tensor& dz_ND, const Tensor& hidden_ND, const Tensor& dhidden_ND);

  ProbeShape shape_;
  std::vector<float> values_, gradients_, m_, v_;
  Views p_, d_;
  bool frozen_ = false;
  std::vector<float> running_mean_, running_variance_, mean_, rstd_;
  std::vector<float> z_, dz_, logits_, dlogits_, s_, ds_, nll_;  // of the rows at hand
};

}  // namespace lethe::measure
