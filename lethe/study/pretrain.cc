#include "lethe/study/pretrain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/measure/questions.h"
#include "lethe/model/new_model.h"
#include "lethe/study/curves.h"
#include "lethe/study/inputs.h"
#include "lethe/study/prepare.h"
#include "lethe/study/world_data.h"
#include "lethe/tensor/ops.h"
#include "lethe/text/dataset.h"
#include "lethe/train/trainer.h"
#include "lethe/train/windows.h"

namespace lethe::study {
namespace {

constexpr const char* kPretrainStage = "pretrain";

using Entries = std::vector<std::vector<int32_t>>;

struct Corpus {
  std::optional<world::World> world;
  Entries entries, questions;
};

Corpus read_corpus(const PretrainConfig& config, const text::Tokenizer& tokenizer, const fs::path& where) {
  Corpus data;
  if (world::is_world(config.data[0])) {
    data.world = world::World::load(config.data[0]);
    data.entries = biography_entries(tokenizer, *data.world);
    if (config.mixed > 0) data.questions = question_entries(tokenizer, *data.world);
    const auto longest = std::ranges::max(data.entries, {}, [](const auto& entry) { return entry.size(); }).size();
    check(static_cast<size_t>(config.training.max_seq_length) >= longest,
          "--max-seq-length is {}, shorter than the longest biography of {} ({} tokens): expected at least that",
          config.training.max_seq_length, config.data[0], longest);
    return data;
  }
  const int32_t end = end_of_text(tokenizer, where);
  text::DatasetOptions options;
  options.vocab_size = tokenizer.size();
  options.plain = true;
  const text::TokenizerSource source = [&] { return &tokenizer; };
  for (const std::string& file : config.data)
    for (text::Example& example : text::read_examples(file, source, options).examples) {
      data.entries.push_back(std::move(example.ids));
      data.entries.back().push_back(end);
    }
  return data;
}

train::Windows windows_of(const PretrainConfig& config, Corpus& data, const text::Tokenizer& tokenizer, bool causal,
                          int64_t vocab_size, uint64_t seed) {
  train::Windows windows(std::move(data.entries), std::move(data.questions),
                         {.window = config.training.max_seq_length,
                          .micro_batch = config.training.per_device_train_batch_size,
                          .micro_batches = config.training.gradient_accumulation_steps,
                          .mixed = config.mixed,
                          .seed = seed});
  if (causal) return windows;
  train::MaskedWords masked;
  masked.mask_id = measure::mask_id(tokenizer);
  masked.starts_word = train::word_starts(tokenizer, vocab_size);
  masked.separator = end_of_text(tokenizer);
  windows.mask_words(std::move(masked));
  return windows;
}

// All but what the tokenizer says.
model::NewModel shape_of(const PretrainConfig& config) {
  return {.family = config.family,
          .layers = config.layers,
          .heads = config.heads,
          .hidden_size = config.hidden_size,
          .intermediate_size = config.intermediate_size.value_or(0),
          .max_positions = config.training.max_seq_length,
          .initializer_range = config.initializer_range};
}

}  // namespace

PretrainConfig::PretrainConfig() {
  training.learning_rate = 1e-3;
  training.lr_scheduler_type = "cosine";
  training.min_lr_rate = 0.1;
  training.warmup_ratio = 0.0125;  // 1,000 of 80,000 steps
  training.weight_decay = 0.1;
  training.adam_epsilon = 1e-6;
  training.max_seq_length = 256;
  training.logging_steps = 10;
}

void PretrainConfig::add_to(Options& options) {
  options
      .add("data", data,
           "a WORLD, or files of text: .txt, or .jsonl of {\"text\"} or {\"input_ids\"} without prompts and labels, "
           "several by comma")
      .positional()
      .required()
      .placeholder("WORLD|FILES");
  options.add("out", out, "where the model goes").required().placeholder("DIR");
  options.group("Model");
  options.add("family", family, "what kind of transformer").one_of({"gpt2-rotary", "gpt2", "llama", "gbert"});
  options.add("layers", layers, "layers").at_least(1).at_most(1024);
  options.add("heads", heads, "attention heads").at_least(1).at_most(1024);
  options.add("hidden-size", hidden_size, "width of the residual stream").at_least(1).at_most(1 << 20);
  options
      .add("initializer-range", initializer_range,
           "standard deviation of the first weights; a narrow net learns sooner with more, at width 256 with 0.05")
      .above(0)
      .at_most(1);
  options
      .add("intermediate-size", intermediate_size, "width of the feed-forward layers; the family's usual unless told")
      .at_least(1)
      .at_most(1 << 24);
  options.add("tokenizer", tokenizer, "a directory with tokenizer.json; a WORLD has its own").placeholder("DIR");
  options.group("Data");
  options.add("mixed", mixed, "mixed training: the share of windows that hold questions of the training half; 0: none")
      .at_least(0)
      .below(1)
      .placeholder("QAR");
  options.add("eval-steps", eval_steps, "a point of the learning curves every N steps; 25 in all unless told; 0: none")
      .at_least(0);
  options.add("eval-people", eval_people, "of so many people of each half").at_least(1);
  options.group("Output");
  options.add("overwrite", overwrite, "replace the model and the run in --out; other files stay").flag().not_resolved();
  options.add("run-dir", run_dir, "the run folder; OUT/lethe unless told").placeholder("DIR").not_resolved();
  options.add("resume", resume, "go on with an interrupted run").flag().not_resolved();
  training.add_to(options);
  options.explain("num-train-epochs", "passes over the texts; 100 tellings of each life, of text 1, unless told");
  options.explain("max-seq-length", "the window: texts are joined and cut to so many tokens");
  options.explain("per-device-train-batch-size", "windows a forward pass");
}

void PretrainConfig::resolve(Options& options) {
  training.resolve(options);
  options.no_effect("shuffle", "texts come in a new order every pass");
  const bool is_world = world::is_world(data[0]);
  if (is_world && data.size() > 1) fail_usage("pretrain takes one WORLD, or files of text");
  if (is_world) options.no_effect("tokenizer", "the world has its own");
  if (!is_world) {
    for (const char* name : {"mixed", "eval-steps", "eval-people"})
      options.no_effect(name, "only a WORLD has questions");
    for (const std::string& path : data) {
      if (fs::is_directory(path))
        fail_usage("{}: neither a WORLD, a directory with world.toml, nor a file of text", path);
      if (tokenizer.empty())
        fail_usage("{}: neither a WORLD, a directory with world.toml, nor with a --tokenizer, which files of text need",
                   path);
    }
  }
  if (training.max_seq_length == 0) training.max_seq_length = 256;
  try {  // whether the heads divide the width; of what is not known yet, or is no matter here, the least
    model::NewModel shape = shape_of(*this);
    shape.vocab_size = shape.max_positions = 1;
    model::new_config(shape);
  } catch (const Error& problem) {
    fail_usage("--hidden-size {}: {}", hidden_size, problem.what());
  }
  if (!training.num_train_epochs && !training.max_steps && !is_world) training.num_train_epochs = 1;
  if (run_dir.empty()) run_dir = out / "lethe";
}

OrderedJson pretrain(const PretrainConfig& config, const RunInfo& run) {
  const bool of_world = world::is_world(config.data[0]);
  for (const std::string& path : config.data)  // only now: a stage of a study may write it
    if (!fs::exists(path)) fail_usage("{}: neither a WORLD nor a file of text: there is no such file", path);
  const fs::path tokenizer_path = of_world ? fs::path(config.data[0]) : config.tokenizer;
  RunPlace place{config.out, config.run_dir, config.overwrite, config.resume, {tokenizer_path}};
  place.inputs.insert(place.inputs.end(), config.data.begin(), config.data.end());
  check_run(place);  // before the texts are read, which takes a while
  const text::Tokenizer tokenizer = text::Tokenizer::load(tokenizer_path);
  Corpus data = read_corpus(config, tokenizer, tokenizer_path);
  model::NewModel shape = shape_of(config);
  shape.vocab_size = tokenizer.size();
  shape.bos_id = tokenizer.bos_id().value_or(-1);
  shape.eos_id = end_of_text(tokenizer);
  const bool causal = config.family != "gbert";
  if (!causal) shape.vocab_size = std::max<int64_t>(shape.vocab_size, measure::mask_id(tokenizer) + 1);
  const Json model_json = model::new_config(shape);
  const model::ModelConfig model_config = model::read_config(model_json, "the new model");

  run::RunFolder folder = open_run(place);
  const Inputs inputs = {"the new model", fingerprint(model_json), fmt::format("{}", fmt::join(config.data, ", ")),
                         fingerprint(data.entries) + fingerprint(data.questions)};
  const auto recorded = [&](const OrderedJson& record) {
    return recorded_result(record, {"parameters", "texts", "steps", "loss", "tokens_per_second", "peak_share"},
                           folder.file(run::kResultsFile).string());
  };
  if (const auto result = complete_result(folder, config.resume, run, inputs, config.out, recorded)) return *result;
  train::Session session = open_session(folder, config.resume, run, inputs);

  train::TrainingConfig training = config.training;
  const size_t texts = data.entries.size();
  double tellings = 1;  // of a person in one pass
  if (data.world) tellings = static_cast<double>(texts) / static_cast<double>(data.world->people.size());
  train::Windows windows = windows_of(config, data, tokenizer, causal, model_config.vocab_size, run.seed);
  const double passes = training.num_train_epochs.value_or(100 / tellings);
  if (!training.max_steps) training.max_steps = windows.steps_of(passes);

  model::Transformer model =
      model::new_transformer(model_config, run.precision, run.seed, true, config.initializer_range);
  train::Stage stage{kPretrainStage, training.learning_rate.value(), passes};
  std::optional<LearningCurves> curves;
  const int64_t every = config.eval_steps.value_or(curve_steps(*training.max_steps, kCurvePoints));
  if (data.world && every > 0) {
    curves.emplace(*data.world, tokenizer, model_config, folder.file(run::kCurvesFile), config.eval_people,
                   session.resumes(kPretrainStage) ? session.resume->step : 0);
    stage.watch_steps = every;
    stage.watch = [&](int64_t step, int64_t tokens) { curves->measure(step, tokens, model); };
  }
  const train::StageResult trained = train::train(model, windows, training, stage, session);
  model::write_new_model(config.out, model_json, model, tokenizer_path, config.overwrite || config.resume);

  const double flops = 6.0 * static_cast<double>(model.parameters().size()) * static_cast<double>(trained.tokens);
  const OrderedJson result{
      {"method", kPretrainStage},
      {"family", config.family},
      {"parameters", model.parameters().size()},
      {"texts", texts},
      {"steps", trained.steps},
      {"epochs", windows.passes_of(trained.steps)},
      {"loss", trained.loss},
      {"tokens", trained.tokens},
      {"tokens_per_second", static_cast<double>(trained.tokens) / std::max(trained.seconds, 1e-9)},
      {"seconds", trained.seconds},
      {"curves_seconds", curves ? curves->seconds() : 0},
      {"peak_share", flops / std::max(trained.seconds, 1e-9) / tensor::measure_peak_flops(run.precision)},
      {"out", config.out.string()}};
  OrderedJson seconds{{kPretrainStage, trained.seconds}};
  if (curves) seconds["curves"] = curves->seconds();
  close_run(folder, run, inputs, result,
            {{"model", config.out.string()}, {"examples", texts}, {"seconds", std::move(seconds)}});
  return result;
}

}  // namespace lethe::study
