// What probes train through: the gradient of a loss of the last hidden states, at a shift of the embeddings, against
// finite differences; families with every kind of norm, position and feed-forward.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "lethe/base/random.h"
#include "lethe/model/new_model.h"
#include "lethe/model/transformer.h"
#include "tests/golden/golden.h"

using namespace lethe;
using model::Transformer;
using tensor::DType;
using tensor::Tensor;

namespace {

using Values = std::vector<float>;

Values normals(int64_t n, Random& random) {
  Values values(static_cast<size_t>(n));
  for (float& x : values) x = static_cast<float>(random.normal());
  return values;
}

double dot(const Values& a, const Values& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](float x, float y) { return static_cast<double>(x) * y; });
}

// A golden model; gbert, which transformers does not have, from nothing.
Transformer load_probed(const std::string& name, DType precision) {
  if (name != "gbert")
    return Transformer::load(model::ModelFiles::open("tests/golden/models/" + name), precision, false);
  const Json config = model::new_config(
      {.family = name, .layers = 2, .heads = 2, .hidden_size = 32, .vocab_size = 97, .max_positions = 64});
  return model::new_transformer(model::read_config(config, name), precision, 3, false, 0.1);
}

// Three sequences of random ids, read at some rows; the loss is the product of the hidden states with fixed weights.
struct Probed {
  Transformer model;
  model::Batch batch;
  std::vector<int32_t> rows = {3, 8, 9, 22, 30};
  Values weights;
  int64_t D = model.config().hidden_size;

  Probed(const std::string& name, DType precision) : model(load_probed(name, precision)) {
    Random random(5, "probe");
    for (const int64_t length : {9, 16, 8}) {
      batch.spans.push_back({batch.tokens(), length, 0, 0});
      for (int32_t i = 0; i < length; ++i) {
        batch.positions.push_back(i);
        batch.ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(model.config().vocab_size))));
      }
    }
    weights = normals(std::ssize(rows) * D, random);
  }

  // The hidden states that the loss was given, row by row. `shift` and `gradient` may be null.
  Values read(Values* shift, Values* gradient) {
    Values hidden;
    const auto tensor = [&](Values* values) {
      return values == nullptr ? Tensor() : Tensor(values->data(), batch.tokens(), D);
    };
    model.probe(batch, rows, tensor(shift), tensor(gradient), [&](const Tensor& hidden_ND, const Tensor& dhidden_ND) {
      hidden.assign(hidden_ND.f32(), hidden_ND.f32() + hidden_ND.size());
      CHECK(static_cast<bool>(dhidden_ND) == (gradient != nullptr));
      if (dhidden_ND) std::copy(weights.begin(), weights.end(), dhidden_ND.f32());
    });
    return hidden;
  }
};

}  // namespace

TEST_CASE("a probe's gradient at the embeddings is the slope of its loss") {
  for (const char* name : {"llama-bias", "llama-tied", "gpt2", "gpt2-gelu", "gpt-neox", "gpt-neox-parallel", "gbert"}) {
    CAPTURE(std::string(name));
    Probed probed(name, DType::kF32);
    Random random(6, "shift");
    const int64_t n = probed.batch.tokens() * probed.D;
    Values shift = normals(n, random), gradient(static_cast<size_t>(n));
    for (float& x : shift) x *= 0.3f;
    probed.read(&shift, &gradient);
    const double norm = std::sqrt(dot(gradient, gradient));
    CHECK(norm > 0);
    for (int kind = 0; kind < 3; ++kind) {  // a direction of no relation to the gradient; two with half of it each
      Values direction = normals(n, random);
      for (size_t i = 0; kind > 0 && i < direction.size(); ++i)
        direction[i] = (direction[i] > 0) == (kind == 1) ? gradient[i] : 0;
      const double length = std::sqrt(dot(direction, direction));
      const auto loss_at = [&](double distance) {
        Values moved = shift;
        for (size_t i = 0; i < moved.size(); ++i) moved[i] += static_cast<float>(distance / length * direction[i]);
        return dot(probed.read(&moved, nullptr), probed.weights);
      };
      const auto difference = [&](double h) { return (loss_at(h) - loss_at(-h)) / (2 * h); };
      constexpr double kDistance = 0.005;
      const double found = (4 * difference(kDistance) - difference(2 * kDistance)) / 3;
      const double expected = dot(direction, gradient) / length;
      CAPTURE(kind);
      CAPTURE(expected);
      CAPTURE(found);
      CHECK(std::abs(found - expected) <= 0.01 * std::abs(expected) + 1e-3 * norm);
    }
  }
}

TEST_CASE("without a shift a probe reads what the head reads, and bf16 is near") {
  for (const char* name : {"llama-bias", "gpt2"}) {
    CAPTURE(std::string(name));
    Probed exact(name, DType::kF32), rough(name, DType::kBF16);
    const int64_t n = exact.batch.tokens() * exact.D;
    Values none(static_cast<size_t>(n)), gradient(static_cast<size_t>(n)), rough_gradient(static_cast<size_t>(n));
    const Values hidden = exact.read(nullptr, nullptr);
    CHECK(exact.read(&none, &gradient) == hidden);
    CHECK(relative_distance(rough.read(&none, &rough_gradient), hidden) < 0.03);
    CHECK(relative_distance(rough_gradient, gradient) < 0.1);

    // The logits of the last row, as generation computes them.
    const auto& span = exact.batch.spans[0];
    const std::vector<std::vector<int32_t>> ids = {
        {exact.batch.ids.begin(), exact.batch.ids.begin() + static_cast<std::ptrdiff_t>(span.length)}};
    exact.rows = {static_cast<int32_t>(span.length - 1)};
    const Values last = exact.read(nullptr, nullptr);
    model::KeyValueCache cache(exact.model.config(), DType::kF32, span.length);
    model::KeyValueCache* caches[] = {&cache};
    Values logits(static_cast<size_t>(exact.model.config().vocab_size));
    exact.model.extend(ids, caches, logits.data());
    const model::Parameters& parameters = exact.model.parameters();
    const bool tied = exact.model.config().tied_embeddings;  // then the first parameter, the embedding, is the head
    const Tensor head = parameters.weight(tied ? parameters.slots()[0] : parameters.slot("lm_head.weight"));
    for (size_t v = 0; v < logits.size(); ++v) {
      const Values row(head.f32() + static_cast<int64_t>(v) * exact.D,
                       head.f32() + static_cast<int64_t>(v + 1) * exact.D);
      CHECK(logits[v] == doctest::Approx(dot(row, last)).epsilon(1e-4));
    }
  }
}
