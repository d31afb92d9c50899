#include "lethe/measure/probe_head.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "lethe/base/random.h"

using namespace lethe;
using measure::ProbeHead;
using measure::ProbeNorm;
using tensor::Tensor;

namespace {

constexpr int64_t kRows = 7, kHidden = 5, kHeadClasses = 4, kTokens = 7, kRank = 2;
constexpr float kScale = 0.25f;

using Values = std::vector<float>;

Values normals(int64_t n, Random& random) {
  Values values(static_cast<size_t>(n));
  for (float& x : values) x = static_cast<float>(random.normal());
  return values;
}

// A frozen model of one layer: hidden state i is tanh(base i + shift of token i).
struct Small {
  ProbeHead head;
  std::vector<int32_t> tokens = {0, 3, 5, 3, 1, 4, 4}, labels = {2, 0, 3, 1, 0, 3, 3};
  Values base, shift = Values(kRows * kHidden), hidden = shift, dhidden = shift, dshift = shift;

  explicit Small(ProbeNorm norm) : head({kTokens, kRank, kHidden, kHeadClasses, norm}, 3, 1) {
    Random random(2, "small");
    base = normals(kRows * kHidden, random);
    for (float& x : head.values()) x += 0.5f * static_cast<float>(random.normal());
  }

  static Tensor view(Values& values) { return {values.data(), kRows, kHidden}; }

  double loss() {
    head.shift(tokens, view(shift));
    for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = std::tanh(base[i] + shift[i]);
    const double nll = head.forward_backward(view(hidden), labels, kScale, view(dhidden));
    for (size_t i = 0; i < hidden.size(); ++i) dshift[i] = dhidden[i] * (1 - hidden[i] * hidden[i]);
    head.shift_backward(tokens, view(dshift));
    return nll;
  }
};

}  // namespace

TEST_CASE("gradients of a probe's head are the slopes of its loss") {
  for (const ProbeNorm norm : {ProbeNorm::kLayer, ProbeNorm::kBatch}) {
    CAPTURE(static_cast<int>(norm));
    Small small(norm);
    small.loss();
    const Values gradients = small.head.gradients();
    for (size_t i = 0; i < gradients.size(); ++i) {
      float& value = small.head.values()[i];
      const float start = value;
      const auto loss_at = [&](float distance) {
        value = start + distance;
        return kScale * small.loss();
      };
      const double slope = (loss_at(0.01f) - loss_at(-0.01f)) / 0.02;
      value = start;
      CAPTURE(i);
      CHECK(gradients[i] == doctest::Approx(slope).epsilon(0.01).scale(0.1));
    }
    // Token 2 stands nowhere.
    CHECK(gradients[2 * kRank] == 0);
    CHECK(gradients[2 * kRank + 1] == 0);
    // The last one is never moved.
    small.tokens[0] = kTokens - 1;
    small.loss();
    CHECK(small.head.gradients()[(kTokens - 1) * kRank] == 0);
    CHECK(small.head.gradients()[(kTokens - 1) * kRank + 1] == 0);
  }
}

TEST_CASE("a frozen classifier stays, and begins as what it was made of") {
  Random random(4, "frozen");
  Values rows = normals(kHeadClasses * kHidden, random), hidden = normals(200 * kHidden, random),
         scores(200 * kHeadClasses);
  for (float& x : hidden) x = 3 * x + 1;
  const Tensor w_CD(rows.data(), kHeadClasses, kHidden), hidden_ND(hidden.data(), 200, kHidden),
      scores_NC(scores.data(), 200, kHeadClasses);
  ProbeHead head({kTokens, kRank, kHidden, kHeadClasses, ProbeNorm::kBatch}, 3, 1);
  head.freeze_classifier(w_CD, hidden_ND);
  std::vector<int32_t> predicted(200);
  tensor::matmul(hidden_ND, w_CD, scores_NC, {.transpose_b = true});
  for (const int passes : {0, 100}) {  // of which the running averages hear
    CAPTURE(passes);
    for (int pass = 0; pass < passes; ++pass) head.forward_backward(hidden_ND, predicted, 1, {});
    head.predict(hidden_ND, predicted);
    for (size_t i = 0; i < 200; ++i) {
      const float* s = &scores[i * kHeadClasses];
      CHECK(s[predicted[i]] >= *std::max_element(s, s + kHeadClasses) - 0.02f);
    }
  }
  const float first_scale = head.values()[(kTokens + kHidden) * kRank];
  head.step({0.1f, 0.9f, 0.999f, 1e-6f, 0.5f, 1, 1});
  const Values& values = head.values();
  CHECK(std::equal(rows.begin(), rows.end(), values.end() - kHeadClasses - kHeadClasses * kHidden));
  CHECK(values[(kTokens + kHidden) * kRank] != first_scale);
}

TEST_CASE("a fresh head shifts nothing, and the same numbers make the same head") {
  ProbeHead head({kTokens, kRank, kHidden, kHeadClasses, ProbeNorm::kLayer}, 3, 1),
      same({kTokens, kRank, kHidden, kHeadClasses, ProbeNorm::kLayer}, 3, 1),
      other({kTokens, kRank, kHidden, kHeadClasses, ProbeNorm::kLayer}, 3, 2);
  CHECK(head.values() == same.values());
  CHECK(head.values() != other.values());
  const std::vector<int32_t> tokens = {0, 1, 2, 3, 4, 5, 5};
  Values shift(kRows * kHidden, 1.0f);
  head.shift(tokens, Small::view(shift));
  CHECK(shift == Values(kRows * kHidden, 0.0f));
}

TEST_CASE("BatchNorm learns from batches and scores with their running averages") {
  // The class is which of two features is the larger one, each with its own mean and a large deviation.
  Random random(1, "batches");
  ProbeHead head({0, 0, 2, 2, ProbeNorm::kBatch}, 0, 0);
  const auto draw = [&](Values& hidden, std::vector<int32_t>& labels) {
    hidden.clear();
    labels.clear();
    for (int i = 0; i < 64; ++i) {
      const double x = random.normal(), y = random.normal();
      hidden.push_back(static_cast<float>(500 + 30 * x));
      hidden.push_back(static_cast<float>(-70 + 0.01 * y));
      labels.push_back(x > y ? 1 : 0);
    }
  };
  Values hidden;
  std::vector<int32_t> labels, predicted(64);
  for (int step = 1; step <= 400; ++step) {
    draw(hidden, labels);
    head.forward_backward(Tensor(hidden.data(), 64, 2), labels, 1.0f / 64, {});
    head.step({0.02f, 0.9f, 0.999f, 1e-6f, 0, step, 1});
  }
  int right = 0;
  for (int batch = 0; batch < 10; ++batch) {
    draw(hidden, labels);
    // One row at a time: a batch's own mean would say nothing.
    for (size_t i = 0; i < 64; ++i) {
      head.predict(Tensor(hidden.data() + 2 * i, 1, 2), std::span(predicted).subspan(i, 1));
      right += predicted[i] == labels[i];
    }
  }
  CHECK(right > 600);
}
