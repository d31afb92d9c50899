#include "lethe/measure/probe_head.h"

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/base/random.h"

namespace lethe::measure {
namespace {

constexpr float kEpsilon = 1e-5f, kMomentum = 0.1f;  // of both norms in PyTorch; of BatchNorm's running averages

Tensor sized(std::vector<float>& memory, int64_t rows, int64_t cols) {
  if (std::ssize(memory) < rows * cols) memory.resize(static_cast<size_t>(rows * cols));
  return {memory.data(), rows, cols};
}

struct Spread {
  std::vector<double> sum, squares;  // of each column; squares: of the distances from its mean
};

Spread spread_of(const Tensor& x_ND) {
  const auto columns = static_cast<size_t>(x_ND.cols);
  Spread spread{std::vector<double>(columns), std::vector<double>(columns)};
  auto& [sum, squares] = spread;
  for (int64_t i = 0; i < x_ND.rows; ++i)
    for (size_t j = 0; j < columns; ++j) sum[j] += x_ND.f32()[i * x_ND.stride + static_cast<int64_t>(j)];
  for (int64_t i = 0; i < x_ND.rows; ++i)
    for (size_t j = 0; j < columns; ++j) {
      const double from_mean =
          x_ND.f32()[i * x_ND.stride + static_cast<int64_t>(j)] - sum[j] / static_cast<double>(x_ND.rows);
      squares[j] += from_mean * from_mean;
    }
  return spread;
}

}  // namespace

ProbeHead::ProbeHead(const ProbeShape& shape, uint64_t seed, uint64_t index) : shape_(shape) {
  const auto& [V, R, D, C, norm] = shape_;
  check(V >= 0 && R >= 0 && D > 0 && C > 0, "a probe of {} tokens, rank {}, {} features and {} classes", V, R, D, C);
  const auto size = static_cast<size_t>((V + D) * R + 2 * D + C * D + C);
  for (std::vector<float>* flat : {&values_, &gradients_, &m_, &v_}) flat->resize(size);
  p_ = views(values_);
  d_ = views(gradients_);
  Random random(seed, "probe", index);
  for (int64_t i = 0; i < D * R; ++i) p_.b_DR.f32()[i] = static_cast<float>(random.normal());
  std::fill_n(p_.scale.f32(), D, 1.0f);
  const double bound = 1 / std::sqrt(static_cast<double>(D));
  for (int64_t i = 0; i < C * D + C; ++i)
    p_.w_CD.f32()[i] = static_cast<float>((2 * random.uniform() - 1) * bound);  // and c, which follows
  if (norm != ProbeNorm::kBatch) return;
  running_mean_.assign(static_cast<size_t>(D), 0.0f);
  running_variance_.assign(static_cast<size_t>(D), 1.0f);
}

ProbeHead::Views ProbeHead::views(std::vector<float>& flat) const {
  float* at = flat.data();
  const auto take = [&](int64_t rows, int64_t cols) {
    const Tensor t(at, rows, cols);
    at += rows * cols;
    return t;
  };
  Views v;
  v.a_VR = take(shape_.tokens, shape_.rank);
  v.b_DR = take(shape_.hidden_size, shape_.rank);
  v.scale = take(1, shape_.hidden_size);
  v.bias = take(1, shape_.hidden_size);
  v.w_CD = take(shape_.classes, shape_.hidden_size);
  v.c = take(1, shape_.classes);
  return v;
}

void ProbeHead::freeze_classifier(const Tensor& w_CD, const Tensor& hidden_ND) {
  frozen_ = true;
  tensor::convert(w_CD, p_.w_CD);
  tensor::fill_zero(p_.c);
  if (shape_.norm != ProbeNorm::kBatch) return;
  const auto [sum, squares] = spread_of(hidden_ND);
  const auto n = static_cast<double>(hidden_ND.rows);
  for (size_t j = 0; j < sum.size(); ++j) {
    running_mean_[j] = p_.bias.f32()[j] = static_cast<float>(sum[j] / n);
    running_variance_[j] = static_cast<float>(squares[j] / n);
    p_.scale.f32()[j] = std::sqrt(running_variance_[j] + kEpsilon);
  }
}

void ProbeHead::shift(std::span<const int32_t> tokens, const Tensor& shift_TD) const {
  std::vector<float> memory;
  const Tensor s_TR = sized(memory, std::ssize(tokens), shape_.rank);
  tensor::embedding_forward(tokens, p_.a_VR, {}, {}, s_TR);
  tensor::matmul(s_TR, p_.b_DR, shift_TD, {.transpose_b = true});
}

// dB = dshift^T A[tokens];  dA[tokens] += dshift B
void ProbeHead::shift_backward(std::span<const int32_t> tokens, const Tensor& dshift_TD) {
  const Tensor s_TR = sized(s_, std::ssize(tokens), shape_.rank), ds_TR = sized(ds_, std::ssize(tokens), shape_.rank);
  tensor::embedding_forward(tokens, p_.a_VR, {}, {}, s_TR);
  tensor::matmul(dshift_TD, s_TR, d_.b_DR, {.transpose_a = true});
  tensor::matmul(dshift_TD, p_.b_DR, ds_TR);
  tensor::fill_zero(d_.a_VR);
  tensor::embedding_backward(tokens, ds_TR, d_.a_VR);
  tensor::fill_zero(d_.a_VR.row_range(shape_.tokens - 1, 1));  // of those without an update
}

void ProbeHead::normalise(const Tensor& hidden_ND, const Tensor& z_ND, bool train) {
  const int64_t N = hidden_ND.rows, D = shape_.hidden_size;
  const float *scale = p_.scale.f32(), *bias = p_.bias.f32();
  if (shape_.norm == ProbeNorm::kLayer) {
    mean_.resize(static_cast<size_t>(N));
    rstd_.resize(static_cast<size_t>(N));
    tensor::layernorm_forward(hidden_ND, scale, bias, kEpsilon, z_ND, mean_.data(), rstd_.data());
    return;
  }
  std::vector<float> variance = running_variance_;
  mean_ = running_mean_;
  if (train) {
    const auto [sum, squares] = spread_of(hidden_ND);
    const auto n = static_cast<double>(N);
    for (size_t j = 0; j < mean_.size(); ++j) {
      mean_[j] = static_cast<float>(sum[j] / n);
      variance[j] = static_cast<float>(squares[j] / n);
      const auto unbiased = static_cast<float>(squares[j] / std::max(n - 1, 1.0));
      running_mean_[j] += kMomentum * (mean_[j] - running_mean_[j]);
      running_variance_[j] += kMomentum * (unbiased - running_variance_[j]);
    }
  }
  rstd_.resize(static_cast<size_t>(D));
  for (size_t j = 0; j < rstd_.size(); ++j) rstd_[j] = 1 / std::sqrt(variance[j] + kEpsilon);
  for (int64_t i = 0; i < N; ++i) {
    const float* x = hidden_ND.f32() + i * hidden_ND.stride;
    float* z = z_ND.f32() + i * z_ND.stride;
    for (int64_t j = 0; j < D; ++j) {
      const auto at = static_cast<size_t>(j);
      z[j] = (x[j] - mean_[at]) * rstd_[at] * scale[j] + bias[j];
    }
  }
}

// Of BatchNorm, with x' = (x - mean) rstd:  dx = scale rstd (dz - mean(dz) - x' mean(dz x')).
void ProbeHead::normalise_backward(const Tensor& dz_ND, const Tensor& hidden_ND, const Tensor& dhidden_ND) {
  const int64_t N = hidden_ND.rows, D = shape_.hidden_size;
  float *dscale = d_.scale.f32(), *dbias = d_.bias.f32();
  std::fill_n(dscale, D, 0.0f);
  std::fill_n(dbias, D, 0.0f);
  if (shape_.norm == ProbeNorm::kLayer) {
    std::vector<float> unread;  // the gradient that nobody wants
    const Tensor dx_ND = dhidden_ND ? dhidden_ND : sized(unread, N, D);
    tensor::fill_zero(dx_ND);
    tensor::layernorm_backward(dz_ND, hidden_ND, p_.scale.f32(), mean_.data(), rstd_.data(), dx_ND, dscale, dbias);
    return;
  }
  const auto unit = [&](int64_t i, int64_t j) {
    const auto at = static_cast<size_t>(j);
    return (hidden_ND.f32()[i * hidden_ND.stride + j] - mean_[at]) * rstd_[at];
  };
  for (int64_t i = 0; i < N; ++i)
    for (int64_t j = 0; j < D; ++j) {
      const float dz = dz_ND.f32()[i * dz_ND.stride + j];
      dbias[j] += dz;
      dscale[j] += dz * unit(i, j);
    }
  if (!dhidden_ND) return;
  const auto n = static_cast<float>(N);
  for (int64_t i = 0; i < N; ++i)
    for (int64_t j = 0; j < D; ++j)
      dhidden_ND.f32()[i * dhidden_ND.stride + j] =
          p_.scale.f32()[j] * rstd_[static_cast<size_t>(j)] *
          (dz_ND.f32()[i * dz_ND.stride + j] - (dbias[j] + unit(i, j) * dscale[j]) / n);
}

Tensor ProbeHead::logits(const Tensor& hidden_ND, bool train) {
  const Tensor z_ND = sized(z_, hidden_ND.rows, shape_.hidden_size),
               logits_NC = sized(logits_, hidden_ND.rows, shape_.classes);
  normalise(hidden_ND, z_ND, train);
  tensor::matmul(z_ND, p_.w_CD, logits_NC, {.transpose_b = true, .bias = p_.c.f32()});
  return logits_NC;
}

double ProbeHead::forward_backward(const Tensor& hidden_ND, std::span<const int32_t> labels, float scale,
                                   const Tensor& dhidden_ND) {
  const int64_t N = hidden_ND.rows;
  const Tensor logits_NC = logits(hidden_ND, true), dlogits_NC = sized(dlogits_, N, shape_.classes),
               z_ND = sized(z_, N, shape_.hidden_size), dz_ND = sized(dz_, N, shape_.hidden_size);
  nll_.resize(static_cast<size_t>(N));
  tensor::cross_entropy(logits_NC, labels, nll_.data(), nullptr, dlogits_NC, scale);
  if (!frozen_) {
    tensor::matmul(dlogits_NC, z_ND, d_.w_CD, {.transpose_a = true});
    tensor::fill_zero(d_.c);
    tensor::column_sum(dlogits_NC, d_.c.f32());
  }
  tensor::matmul(dlogits_NC, p_.w_CD, dz_ND);
  normalise_backward(dz_ND, hidden_ND, dhidden_ND);
  double sum = 0;
  for (const float nll : nll_) sum += nll;
  return sum;
}

void ProbeHead::step(const tensor::AdamW& options) {
  const int64_t classifier = frozen_ ? p_.w_CD.size() + p_.c.size() : 0;  // the last of all
  tensor::adamw_step(options, values_.data(), gradients_.data(), m_.data(), v_.data(), nullptr,
                     std::ssize(values_) - classifier);
}

void ProbeHead::predict(const Tensor& hidden_ND, std::span<int32_t> classes) {
  const Tensor logits_NC = logits(hidden_ND, false);
  for (int64_t i = 0; i < hidden_ND.rows; ++i) {
    const float* row = logits_NC.f32() + i * logits_NC.stride;
    classes[static_cast<size_t>(i)] = static_cast<int32_t>(std::max_element(row, row + shape_.classes) - row);
  }
}

}  // namespace lethe::measure
