// Parity with PyTorch 2 and transformers 5 on tiny models of each family: logits, losses, gradients, steps, greedy ids;
// LoRA against PEFT; and what must not change a result: micro-batches, checkpointing, the order of packing.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "lethe/model/generate.h"
#include "lethe/train/optimizer.h"
#include "lethe/train/pack.h"
#include "tests/golden/golden.h"

using namespace lethe;
using model::ModelFiles;
using model::Transformer;
using tensor::DType;

namespace {

const std::vector<std::string> kFullModels = {
    "models/llama", "models/llama-tied", "models/llama-bias", "models/llama-linear-rope", "models/llama-llama3-rope",
    "models/gpt2",  "models/gpt2-gelu",  "models/gpt-neox",   "models/gpt-neox-parallel", "gguf/stories260K"};

ModelFiles open(const Golden& golden) {
  const fs::path gguf = golden.folder / "model.gguf";
  return ModelFiles::open(fs::exists(gguf) ? gguf : golden.folder);
}

model::Batch batch_of(const std::vector<text::Example>& examples) {
  std::vector<const text::Example*> pointers;
  for (const auto& e : examples) pointers.push_back(&e);
  return train::pack(pointers);
}

// One forward and backward over the golden batch; the mean loss.
double step_loss(Transformer& model, const std::vector<text::Example>& examples, int64_t targets) {
  model::TargetScores scores;
  return model.forward_backward(batch_of(examples), 1.0f / static_cast<float>(targets), false, 0, scores) /
         static_cast<double>(targets);
}

train::TrainingConfig settings_of(const Json& settings) {
  train::TrainingConfig config;
  config.max_grad_norm = settings.value("max_grad_norm", 0.0);
  config.weight_decay = settings.value("weight_decay", 0.0);
  return config;
}

void check_steps(Transformer& model, const Golden& golden, const std::vector<text::Example>& examples, int64_t targets,
                 const char* optim, double norm_tolerance = 2e-4) {
  const Json& golden_steps = golden.json[optim];
  train::TrainingConfig config = settings_of(golden_steps["settings"]);
  config.optim = optim;
  train::Optimizer optimizer(model.trained(), config);
  for (size_t i = 0; i < golden_steps["losses"].size(); ++i) {
    const double loss = step_loss(model, examples, targets);
    CHECK(loss == doctest::Approx(golden_steps["losses"][i].get<double>()).epsilon(1e-4));
    const double norm = optimizer.gradient_norm();
    CHECK(norm == doctest::Approx(golden_steps["grad_norms"][i].get<double>()).epsilon(norm_tolerance));
    optimizer.step(static_cast<int64_t>(i + 1), golden_steps["settings"]["lr"].get<double>(), norm);
  }
}

}  // namespace

TEST_CASE("logits, losses and greedy ids equal those of transformers") {
  auto names = kFullModels;
  names.insert(names.end(), {"models/llama-f16", "models/llama-bf16", "models/gpt2-first-names"});
  for (const std::string& name : names) {
    CAPTURE(name);
    const Golden golden(name);
    const ModelFiles files = open(golden);
    Transformer model = Transformer::load(files, DType::kF32, false);
    const auto examples = golden.batch();
    for (size_t s = 0; s < examples.size(); ++s) {
      const auto& want = golden.array("logits." + std::to_string(s));
      const auto V = static_cast<size_t>(files.config().vocab_size);
      std::vector<float> logits(V);
      double worst = 0;
      for (size_t t = 0; t < examples[s].ids.size(); ++t) {
        model::KeyValueCache cache(files.config(), DType::kF32, 64);
        model::KeyValueCache* caches[] = {&cache};
        const std::vector<int32_t> prefix[] = {
            {examples[s].ids.begin(), examples[s].ids.begin() + static_cast<long>(t) + 1}};
        model.extend(prefix, caches, logits.data());
        for (size_t v = 0; v < V; ++v)
          worst = std::max(worst, std::abs(static_cast<double>(logits[v]) - want[t * V + v]));
      }
      CHECK(worst < 1e-4);
    }
    const model::Batch batch = batch_of(examples);
    model::TargetScores scores;
    model.score(batch, scores);
    size_t at = 0;
    for (size_t s = 0; s < examples.size(); ++s) {
      const auto& want = golden.array("nll." + std::to_string(s));
      for (size_t t = 1; t < examples[s].ids.size(); ++t)
        if (examples[s].labels[t] != text::kNoTarget) CHECK(std::abs(scores.nll[at++] - want[t]) < 1e-5);
    }
    CHECK(at == scores.nll.size());
    if (!golden.json.contains("greedy")) continue;
    const std::vector<int32_t> prompts[] = {golden.json["greedy"]["prompt_ids"].get<std::vector<int32_t>>()};
    const auto want = golden.json["greedy"]["ids"].get<std::vector<int32_t>>();
    model::GenerateOptions options;
    options.max_new_tokens = static_cast<int64_t>(want.size());
    const auto ids = model::generate(model, prompts, options);
    CHECK(ids[0] == want);
  }
}

TEST_CASE("prompts that begin alike are computed as if each stood alone") {
  for (const std::string& name : kFullModels) {
    CAPTURE(name);
    const ModelFiles files = open(Golden(name));
    model::ModelConfig config = files.config();
    const bool rotary = config.positions == model::PositionKind::kRotary;
    if (rotary) config.max_positions = 200;
    Transformer trained = Transformer::load(files, DType::kF32, true), model(config, DType::kF32, false);
    for (const auto& slot : model.parameters().slots())
      model.parameters().set(slot, trained.parameters().master(trained.parameters().slot(slot.spec.name)));
    const auto V = config.vocab_size;
    const auto made = [&](uint64_t seed, size_t shared, size_t length) {  // `shared` ids of one text, then others
      std::vector<int32_t> ids;
      Random common(1, "common"), own(seed, "own");
      for (size_t i = 0; i < length; ++i)
        ids.push_back(static_cast<int32_t>((i < shared ? common : own).below(static_cast<uint64_t>(V))));
      return ids;
    };
    // One that has less in common; one that is the others' beginning; twins; a stranger; a short one.
    const size_t longer_by = rotary ? 70 : 0;
    std::vector<std::vector<int32_t>> prompts = {made(2, 32, 34), made(3, 33 + longer_by, 36 + longer_by)};
    for (const uint64_t seed : {4, 5, 4, 4})
      prompts.push_back(made(seed, 33 + longer_by, (seed == 5 ? 33 : 38) + longer_by));
    prompts.insert(prompts.end(), {made(6, 0, 30), made(7, 3, 4)});
    std::vector<float> together(prompts.size() * static_cast<size_t>(V)), alone(static_cast<size_t>(V));
    std::vector<model::KeyValueCache> caches;
    std::vector<model::KeyValueCache*> pointers;
    for (size_t i = 0; i < prompts.size(); ++i) caches.emplace_back(config, DType::kF32, config.max_positions);
    for (auto& cache : caches) pointers.push_back(&cache);
    const auto check_alone = [&](const std::vector<std::vector<int32_t>>& texts) {
      for (size_t i = 0; i < texts.size(); ++i) {
        model::KeyValueCache cache(config, DType::kF32, config.max_positions);
        model::KeyValueCache* one[] = {&cache};
        model.extend(std::span(&texts[i], 1), one, alone.data());
        double worst = 0;
        for (size_t v = 0; v < alone.size(); ++v)
          worst = std::max(worst, std::abs(static_cast<double>(alone[v]) - together[i * alone.size() + v]));
        CAPTURE(i);
        CHECK(worst < 1e-4);
        CHECK(caches[i].length() == std::ssize(texts[i]));
      }
    };
    model.extend(prompts, pointers, together.data());
    check_alone(prompts);
    std::vector<std::vector<int32_t>> next, longer = prompts;
    for (size_t i = 0; i < prompts.size(); ++i) {
      next.push_back({static_cast<int32_t>(i + 1)});
      longer[i].push_back(next[i][0]);
    }
    model.extend(next, pointers, together.data());  // from what the caches hold
    check_alone(longer);

    // More than are computed at once, which end after different numbers of tokens.
    prompts.clear();
    for (uint64_t i = 0; i < 100; ++i) prompts.push_back(made(i, i % 3 * 33, 32 + i % 3 * 2 - i % 2));
    model::GenerateOptions options;
    options.max_new_tokens = 4;
    for (int32_t id = 0; id < V / 4; ++id) options.stop_ids.push_back(id);
    const auto ids = model::generate(model, prompts, options);
    for (size_t i = 0; i < prompts.size(); ++i)
      CHECK(ids[i] == model::generate(model, std::span(&prompts[i], 1), options)[0]);
  }
}

TEST_CASE("a GBERT is a GPT-NeoX under a mask that hides nothing; it is not asked for the next token") {
  const Golden golden("models/gpt-neox");
  const ModelFiles files = open(golden);
  Transformer causal = Transformer::load(files, DType::kF32, true);
  Json json = files.config_json();
  json["model_type"] = "gbert";
  Transformer model(model::read_config(json, "a GBERT"), DType::kF32, false);
  for (const auto& slot : model.parameters().slots())
    model.parameters().set(slot, causal.parameters().master(causal.parameters().slot(slot.spec.name)));
  const auto examples = golden.batch();
  model::Batch batch = batch_of(examples);
  batch.target_rows.resize(batch.ids.size());
  std::iota(batch.target_rows.begin(), batch.target_rows.end(), 0);
  batch.target_ids = batch.ids;
  model::TargetScores scores;
  model.score(batch, scores);
  size_t at = 0;
  for (size_t s = 0; s < examples.size(); ++s)
    for (const float want : golden.array("both_ways_nll." + std::to_string(s)))
      CHECK(std::abs(scores.nll[at++] - want) < 1e-5);
  CHECK(at == scores.nll.size());

  const std::vector<int32_t> prompts[] = {{1, 2, 3}};
  model::GenerateOptions options;
  options.model_name = "m";
  CHECK_THROWS_WITH_AS(model::generate(model, prompts, options), doctest::Contains("m: a gbert model reads in both"),
                       Error);
  model::KeyValueCache cache(model.config(), DType::kF32, 8);
  model::KeyValueCache* caches[] = {&cache};
  std::vector<float> logits(static_cast<size_t>(model.config().vocab_size));
  CHECK_THROWS_WITH_AS(model.extend(prompts, caches, logits.data()), doctest::Contains("cannot continue a text"),
                       Error);
}

TEST_CASE("gradients equal those of PyTorch") {
  for (const std::string& name : kFullModels) {
    CAPTURE(name);
    const Golden golden(name);
    const ModelFiles files = open(golden);
    Transformer model = Transformer::load(files, DType::kF32, true);
    const double loss = step_loss(model, golden.batch(), golden.json["targets"].get<int64_t>());
    CHECK(std::abs(loss - golden.json["loss"].get<double>()) < 1e-5);
    for (const auto& slot : model.parameters().slots()) {
      CAPTURE(slot.spec.name);
      const float* values =
          slot.spec.is_vector() ? model.parameters().vector_gradient(slot) : model.parameters().gradient(slot).f32();
      const std::vector<float> gradient(values, values + slot.spec.size());
      double squares = 0;
      for (float x : gradient) squares += static_cast<double>(x) * x;
      CHECK(std::sqrt(squares) ==
            doctest::Approx(golden.json["gradient_norms"][slot.spec.name].get<double>()).epsilon(1e-4));
      if (golden.arrays.count("grad." + slot.spec.name))
        CHECK(relative_distance(gradient, golden.array("grad." + slot.spec.name)) < 1e-4);
    }
  }
}

TEST_CASE("eight steps of AdamW and of clipped SGD equal those of PyTorch") {
  for (const std::string& name : kFullModels)
    for (const char* optim : {"adamw", "sgd"}) {
      CAPTURE(name);
      CAPTURE(optim);
      const Golden golden(name);
      const ModelFiles files = open(golden);
      Transformer model = Transformer::load(files, DType::kF32, true);
      check_steps(model, golden, golden.batch(), golden.json["targets"].get<int64_t>(), optim);
    }
}

TEST_CASE("LoRA equals PEFT: loss, gradients, eight steps, the adapter after them") {
  for (const std::string name : {"llama/lora-qv", "llama-tied/lora-qv", "llama/lora-all", "llama/lora-embedding",
                                 "llama/lora-head", "gpt2/lora-attn", "gpt2/lora-all", "gpt2-gelu/lora-head",
                                 "gpt-neox/lora-qkv", "gpt-neox/lora-all", "gpt-neox-parallel/lora-all"}) {
    CAPTURE(name);
    const Golden golden("models/" + name), base("models/" + name.substr(0, name.find('/')));
    const ModelFiles files = open(base);
    const auto examples = base.batch();
    const auto targets = base.json["targets"].get<int64_t>();
    const model::Adapter adapter = model::read_adapter(golden.folder, files.config());
    Transformer model = Transformer::load(files, DType::kF32, false);
    model.attach(model::Lora(files.config(), adapter, DType::kF32, true));
    const auto V = static_cast<size_t>(files.config().vocab_size);
    std::vector<float> logits(V);
    model::KeyValueCache cache(files.config(), DType::kF32, 64);
    model::KeyValueCache* caches[] = {&cache};
    model.extend(std::span(&examples[0].ids, 1), caches, logits.data());
    const auto& golden_logits = golden.array("logits.0");
    CHECK(relative_distance(logits, {golden_logits.end() - static_cast<std::ptrdiff_t>(V), golden_logits.end()}) <
          1e-5);
    CHECK(std::abs(step_loss(model, examples, targets) - golden.json["loss"].get<double>()) < 1e-5);
    // At this learning rate the gradients of later steps spread rounding a hundredfold; the losses do not.
    check_steps(model, golden, examples, targets, "adamw", 5e-3);
    const model::Adapter after = model.lora()->adapter();
    CHECK(!after.weights.empty());
    for (const auto& w : after.weights) {
      const std::string key = "after.base_model.model." + w.module + (w.embedding ? ".lora_embedding_" : ".lora_");
      const std::string end = w.embedding ? "" : ".weight";
      CHECK(relative_distance(w.a, golden.array(key + "A" + end)) < 1e-3);
      CHECK(relative_distance(w.b, golden.array(key + "B" + end)) < 1e-3);
    }
  }
}

TEST_CASE("bf16 losses lie within 1 % of fp32's") {
  for (const std::string& name : kFullModels) {
    CAPTURE(name);
    const Golden golden(name);
    const ModelFiles files = open(golden);
    Transformer model = Transformer::load(files, DType::kBF16, true);
    const auto examples = golden.batch();
    const auto targets = golden.json["targets"].get<int64_t>();
    const double loss = step_loss(model, examples, targets);
    CHECK(loss == doctest::Approx(golden.json["loss"].get<double>()).epsilon(0.01));
  }
}

TEST_CASE("micro-batches and gradient checkpointing change nothing but rounding") {
  const Golden golden("models/llama");
  const ModelFiles files = open(golden);
  const auto examples = golden.batch();
  const auto targets = golden.json["targets"].get<int64_t>();
  const float scale = 1.0f / static_cast<float>(targets);
  Transformer whole = Transformer::load(files, DType::kF32, true), parts = Transformer::load(files, DType::kF32, true),
              again = Transformer::load(files, DType::kF32, true);
  model::TargetScores scores;
  const double one = whole.forward_backward(batch_of(examples), scale, false, 0, scores);
  double sum = 0;
  for (size_t i = 0; i < examples.size(); ++i)
    sum += parts.forward_backward(batch_of({examples[i]}), scale, i > 0, 0, scores);
  again.set_gradient_checkpointing(true);
  CHECK(again.forward_backward(batch_of(examples), scale, false, 0, scores) == one);
  CHECK(sum == doctest::Approx(one).epsilon(1e-6));
  for (auto run : {&model::Parameters::matrices, &model::Parameters::vectors}) {
    const auto gradients = [&](Transformer& m) {
      const auto& r = (m.parameters().*run)();
      return std::vector<float>(r.gradients(), r.gradients() + r.size);
    };
    CHECK(relative_distance(gradients(parts), gradients(whole)) < 1e-6);
    CHECK(gradients(again) == gradients(whole));
  }
}
