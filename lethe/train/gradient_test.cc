// Gradients against finite differences of the loss, for whole models: full training and LoRA, dropout included. What
// PyTorch says about the same gradients stands in parity_test.cc; this needs nobody's word.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "lethe/base/random.h"
#include "lethe/model/transformer.h"
#include "lethe/train/pack.h"
#include "tests/golden/golden.h"

using namespace lethe;
using model::Parameters;
using model::Transformer;
using tensor::DType;

namespace {

constexpr uint64_t kDropoutKey = 17;

// Sequences of random ids, `tokens` in all, whose first third is a prompt.
model::Batch random_batch(const model::ModelConfig& config, int64_t tokens, Random& random) {
  std::vector<text::Example> examples;
  for (int64_t rest = tokens; rest > 0; rest -= 30) {
    text::Example example;
    for (int64_t i = 0; i < std::min<int64_t>(rest, 30); ++i) {
      example.ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(config.vocab_size))));
      example.labels.push_back(i < 10 ? text::kNoTarget : example.ids.back());
    }
    examples.push_back(std::move(example));
  }
  std::vector<const text::Example*> pointers;
  for (const auto& e : examples) pointers.push_back(&e);
  return train::pack(pointers);
}

// The values of all parameters of one kind ("q_proj.weight") of every layer, as one vector.
struct Group {
  std::vector<float*> values;
  std::vector<double> gradient;
};

std::map<std::string, Group> groups_of(Parameters& parameters) {
  std::map<std::string, Group> groups;
  for (const Parameters::Slot& slot : parameters.slots()) {
    std::string kind = slot.spec.name;
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });  // the layer
    Group& group = groups[kind];
    const float* gradient = slot.spec.is_vector() ? parameters.vector_gradient(slot) : parameters.gradient(slot).f32();
    float* values = parameters.master(slot);
    for (int64_t i = 0; i < slot.spec.size(); ++i) {
      group.values.push_back(values + i);
      group.gradient.push_back(gradient[i]);
    }
  }
  return groups;
}

double norm_of(const std::vector<double>& x) {
  double squares = 0;
  for (double v : x) squares += v * v;
  return std::sqrt(squares);
}

// The derivative of the mean loss along `direction` by central differences at two distances, extrapolated to none.
double slope(Transformer& model, const model::Batch& batch, const Group& group, const std::vector<double>& direction) {
  std::vector<float> start;
  for (const float* value : group.values) start.push_back(*value);
  const auto loss_at = [&](double distance) {
    for (size_t i = 0; i < start.size(); ++i) *group.values[i] = static_cast<float>(start[i] + distance * direction[i]);
    model::TargetScores scores;
    double sum = 0;
    model.forward_backward(batch, 1, false, kDropoutKey, scores);
    for (float nll : scores.nll) sum += nll;
    return sum / static_cast<double>(batch.targets());
  };
  const auto difference = [&](double h) { return (loss_at(h) - loss_at(-h)) / (2 * h); };
  constexpr double kDistance = 0.005;
  const double result = (4 * difference(kDistance) - difference(2 * kDistance)) / 3;
  for (size_t i = 0; i < start.size(); ++i) *group.values[i] = start[i];
  return result;
}

void check_gradients(Transformer& model, const model::Batch& batch, Random random) {
  model::TargetScores scores;
  model.forward_backward(batch, 1.0f / static_cast<float>(batch.targets()), false, kDropoutKey, scores);
  const auto groups = groups_of(model.trained());
  double largest = 0;
  for (const auto& [kind, group] : groups) largest = std::max(largest, norm_of(group.gradient));
  for (const auto& item : groups) {
    const std::string& kind = item.first;
    const Group& group = item.second;
    CAPTURE(kind);
    const double norm = norm_of(group.gradient);
    CHECK(norm > 0);
    // One direction of no relation to the gradient, and two of about half of its components each, where the slope is
    // large.
    for (int kept = 0; kept < 3; ++kept) {
      std::vector<double> direction;
      for (double g : group.gradient) {
        const double z = random.normal();
        direction.push_back(kept == 0 ? z : (z > 0) == (kept == 1) ? g : 0);
      }
      const double length = norm_of(direction);
      double expected = 0;
      for (size_t i = 0; i < direction.size(); ++i) expected += (direction[i] /= length) * group.gradient[i];
      const double found = slope(model, batch, group, direction);
      CAPTURE(kept);
      CAPTURE(expected);
      CAPTURE(found);
      CHECK(std::abs(found - expected) <= 0.01 * std::abs(expected) + 1e-3 * norm + 1e-4 * largest);
    }
  }
}

}  // namespace

TEST_CASE("gradients of all parameters are the slopes of the loss") {
  for (const char* name : {"models/llama-bias", "models/llama-tied", "models/gpt2", "models/gpt2-gelu",
                           "models/gpt-neox", "models/gpt-neox-parallel"}) {
    CAPTURE(std::string(name));
    const Golden golden(name);
    Transformer model = Transformer::load(model::ModelFiles::open(golden.folder), DType::kF32, true);
    Random random(3, "gradients");
    const model::Batch batch = random_batch(model.config(), 60, random);
    check_gradients(model, batch, random);
  }
}

// Masked tokens of sequences that are read in both directions: the row of a target predicts the token at its own place.
TEST_CASE("gradients of a GBERT are the slopes of the loss of its masked tokens") {
  const auto files = model::ModelFiles::open("tests/golden/models/gpt-neox");
  Transformer causal = Transformer::load(files, DType::kF32, true);
  Json json = files.config_json();
  json["model_type"] = "gbert";
  Transformer model(model::read_config(json, "a GBERT"), DType::kF32, true);
  for (const auto& slot : model.parameters().slots())
    model.parameters().set(slot, causal.parameters().master(causal.parameters().slot(slot.spec.name)));
  Random random(3, "gradients");
  model::Batch batch = random_batch(model.config(), 60, random);
  batch.spans = {{0, 7, 0, 0}, {7, 53, 0, 0}};  // a short one, and one that is computed as products
  for (int32_t i = 0; i < 60; ++i) batch.positions[static_cast<size_t>(i)] = i < 7 ? i : i - 7;
  batch.target_rows = {0, 5, 7, 8, 20, 33, 58, 59};
  batch.target_ids.clear();
  for (const int32_t row : batch.target_rows) {
    batch.target_ids.push_back(batch.ids[static_cast<size_t>(row)]);
    batch.ids[static_cast<size_t>(row)] = 3;  // the mask
  }
  check_gradients(model, batch, random);
}

TEST_CASE("gradients of adapters are the slopes of the loss, with dropout and without") {
  for (const char* name : {"llama/lora-all", "llama/lora-embedding", "llama/lora-head", "gpt2/lora-all",
                           "gpt2-gelu/lora-head", "gpt-neox/lora-all", "gpt-neox-parallel/lora-all"})
    for (const double dropout : {0.0, 0.3}) {
      CAPTURE(std::string(name));
      CAPTURE(dropout);
      const fs::path folder = fs::path("tests/golden/models") / name;
      const auto files = model::ModelFiles::open(folder.parent_path());
      model::Adapter adapter = model::read_adapter(folder, files.config());
      adapter.dropout = dropout;
      for (auto& w : adapter.weights) w.scale = 0.5;  // as stored, the attention saturates: no slope worth the name
      Transformer model = Transformer::load(files, DType::kF32, false);
      model.attach(model::Lora(files.config(), adapter, DType::kF32, true));
      const bool head = folder.filename() == "lora-head";  // 300 targets: two of the head's blocks
      Random random(3, "gradients");
      const model::Batch batch = random_batch(model.config(), head ? 450 : 60, random);
      check_gradients(model, batch, random);
    }
}
