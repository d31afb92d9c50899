#include "lethe/study/finetune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/edit/values.h"
#include "lethe/measure/questions.h"
#include "lethe/run/progress.h"
#include "lethe/study/curves.h"
#include "lethe/study/inputs.h"
#include "lethe/study/prepare.h"
#include "lethe/study/world_data.h"
#include "lethe/text/dataset.h"
#include "lethe/train/trainer.h"

namespace lethe::study {
namespace {

constexpr int64_t kTunedPoints = 8, kTunedPeople = 12;  // of the curves: fewer than in pretraining, which takes longer

constexpr const char* kStage = "train";

struct Data {
  std::vector<text::Example> examples;
  int64_t truncated = 0;  // how many of them were cut
};

// The questions of a world's training half.
Data read_world(const FinetuneConfig& config, const model::ModelFiles& files, const world::World& world) {
  const text::Tokenizer tokenizer = tokenizer_of(files);
  check_same_tokenizer(config.model.string(), tokenizer, world);
  Data data{question_examples(tokenizer, world, files.config().causal)};
  check(!data.examples.empty(), "{}: nobody is in the training half", world.path.string());
  const int64_t longest = std::ranges::max(data.examples, {}, &text::Example::size).size();
  check(longest <= files.config().max_positions, "{}: a question with its answer has {} tokens, {} has {} positions",
        world.path.string(), longest, config.model.string(), files.config().max_positions);
  if (config.limit > 0 && std::ssize(data.examples) > config.limit)
    data.examples.resize(static_cast<size_t>(config.limit));
  return data;
}

Data read_files(const FinetuneConfig& config, const model::ModelFiles& files) {
  model::check_causal(files.config(), config.model.string(), "be trained on text; give a WORLD");
  const text::TokenizerSource tokenizer = text::opened_when_needed(
      [&] { return files.has_tokenizer() ? std::optional(tokenizer_of(files)) : std::nullopt; });
  const int64_t positions = files.config().max_positions;
  text::DatasetOptions options{{text::parse_template(config.template_name), files.config().model_type},
                               config.training.max_seq_length > 0 ? config.training.max_seq_length : positions,
                               files.config().vocab_size};
  check(options.max_seq_length <= positions, "--max-seq-length {} is more than the model's {} positions",
        options.max_seq_length, positions);
  options.add_eos_token = config.add_eos_token;
  Data data;
  bool uses_template = false, eos_added = false;
  for (const std::string& file : config.files) {
    text::Dataset part = text::read_examples(file, tokenizer, options);
    uses_template |= part.uses_template;
    eos_added |= part.eos_added;
    const size_t room = config.limit > 0 ? static_cast<size_t>(config.limit) - data.examples.size() : SIZE_MAX;
    if (part.examples.size() > room) part.examples.resize(room);
    data.truncated += std::ranges::count_if(part.truncated, [&](int64_t i) { return i < std::ssize(part.examples); });
    data.examples.insert(data.examples.end(), std::make_move_iterator(part.examples.begin()),
                         std::make_move_iterator(part.examples.end()));
  }
  if (config.template_given && !uses_template) fail_usage("--template has no effect: no record is an instruction");
  if (config.add_eos_token && !eos_added)
    fail_usage("--add-eos-token has no effect: no record is a text or a completion");
  if (data.truncated > 0)
    run::message("{} of {} examples were cut to {} tokens", data.truncated, data.examples.size(),
                 options.max_seq_length);
  return data;
}

}  // namespace

bool FinetuneConfig::on_world() const { return world::is_world(files[0]); }

FinetuneConfig::FinetuneConfig() {
  training.per_device_train_batch_size = 8;
  training.lr_scheduler_type = "linear";
}

void FinetuneConfig::add_to(Options& options) {
  options.add("model", model, "a Hugging Face directory or a .gguf file").positional().required().placeholder("MODEL");
  options
      .add("data", files,
           "files of examples: .txt or .jsonl, several by comma; or a WORLD: the questions of its training half")
      .positional()
      .required()
      .placeholder("FILES|WORLD");
  options.add("out", out, "where the adapter or the model goes").required().placeholder("DIR");
  options.group("Method");
  options.add("method", method, "what is trained").one_of({"full", "lora"});
  options.add("merge", merge, "write the whole model with LoRA's update in it, not the adapter").flag();
  options.add("template", template_name, "for instructions: what is put around them")
      .one_of({"none", "alpaca", "chat"});
  options
      .add("add-eos-token", add_eos_token,
           "the tokenizer's end-of-text token behind each text and completion, to be learned, too")
      .flag();
  options.add("limit", limit, "only the first N examples; 0: all").at_least(0);
  options.group("Output");
  options.add("overwrite", overwrite, "replace the model and the run in --out; other files stay").flag().not_resolved();
  options.add("run-dir", run_dir, "the run folder; OUT/lethe unless told").placeholder("DIR").not_resolved();
  options.add("resume", resume, "go on with an interrupted run").flag().not_resolved();
  training.add_to(options);
  lora.add_to(options);
  options
      .add("embedding-rank", lora.embedding_rank,
           "adapt the embedding, too, with this rank; 0: not; on a WORLD 128 unless told")
      .at_least(0);
  for (const auto& [name, help] : std::initializer_list<std::pair<const char*, const char*>>{
           {"learning-rate", "the peak learning rate; 2e-4, of full training 5e-5, on a WORLD 3e-4, unless told"},
           {"num-train-epochs", "passes over the examples; 3, on a WORLD 8, unless told"},
           {"per-device-train-batch-size", "examples a forward pass; on a WORLD 48 unless told"},
           {"lr-scheduler-type", "how the learning rate goes after warm-up; on a WORLD cosine unless told"},
           {"min-lr-rate",
            "where a linear or cosine schedule ends, as a share of the peak; on a WORLD 0.1 unless told"},
           {"weight-decay",
            "decay of matrices, with AdamW decoupled; norms and biases have none; on a WORLD 0.01 unless told"},
           {"adam-epsilon", "AdamW's epsilon; on a WORLD 1e-6 unless told"},
           {"max-seq-length", "cut examples to so many tokens; 0: the model's positions; not on a WORLD"},
           {"lora-alpha", "the update is scaled by alpha / rank; on a WORLD 4 x rank unless told"}})
    options.explain(name, help);
  options.group("Learning curves");
  options
      .add("eval-steps", eval_steps, "on a WORLD, a point of the curves every N steps; 8 in all unless told; 0: none")
      .at_least(0);
}

void FinetuneConfig::resolve(Options& options) {
  if (options.was_overruled("method")) options.drop_from_file("learning-rate");  // the other method's
  if (on_world()) {  // section 3.2 of the paper's facts: appendix D of Physics of Language Models 3.1
    if (files.size() > 1) fail_usage("finetune takes one WORLD, or files of examples");
    options.no_effect("template", "a world's questions are asked as they are");
    options.no_effect("add-eos-token", "a world's answers end with it");
    options.no_effect("max-seq-length", "a world's questions are asked whole");
    const auto unless_given = [&](const char* name, auto& field, auto value) {
      if (!options.was_given(name)) field = value;
    };
    unless_given("per-device-train-batch-size", training.per_device_train_batch_size, 48);
    unless_given("lr-scheduler-type", training.lr_scheduler_type, "cosine");
    unless_given("min-lr-rate", training.min_lr_rate, 0.1);
    unless_given("weight-decay", training.weight_decay, 0.01);
    unless_given("adam-epsilon", training.adam_epsilon, 1e-6);
    unless_given("learning-rate", training.learning_rate, 3e-4);
    if (method == "lora") {
      unless_given("embedding-rank", lora.embedding_rank, 128);
      unless_given("lora-alpha", lora.lora_alpha, 4.0 * static_cast<double>(lora.lora_rank));
    }
  } else {
    options.no_effect("eval-steps", "only a WORLD has learning curves");
  }
  if (method == "full") {
    train::LoraOptions::no_effect(options, "full trains no LoRA");
    options.no_effect("embedding-rank", "full trains no LoRA", "method");
    options.no_effect("merge", "full writes the whole model", "method");
  }
  training.resolve(options);
  template_given = options.was_set("template");
  if (!training.learning_rate) training.learning_rate = method == "lora" ? 2e-4 : 5e-5;
  if (!training.num_train_epochs && !training.max_steps) training.num_train_epochs = on_world() ? 8 : 3;
  if (run_dir.empty()) run_dir = out / "lethe";
}

OrderedJson finetune(const FinetuneConfig& config, const RunInfo& run) {
  RunPlace place{config.out, config.run_dir, config.overwrite, config.resume, {config.model}};
  place.inputs.insert(place.inputs.end(), config.files.begin(), config.files.end());
  check_run(place);  // before the data is read, which may take a while
  const model::ModelFiles files = open_whole_model(config.model);
  std::optional<world::World> world;
  if (config.on_world()) world = world::World::load(config.files[0]);
  const Data data = world ? read_world(config, files, *world) : read_files(config, files);
  const bool full = config.method == "full";
  if (!full) model::lora_modules(files.config(), config.lora.lora_target);  // found wanting before anything is written
  run::RunFolder folder = open_run(place);
  const Inputs inputs = {config.model.string(), fingerprint(files), fmt::format("{}", fmt::join(config.files, ", ")),
                         fingerprint(data.examples)};
  const auto recorded = [&](const OrderedJson& record) {
    return recorded_result(record, {"examples", "steps", "loss", "tokens_per_second"},
                           folder.file(run::kResultsFile).string());
  };
  if (const auto result = complete_result(folder, config.resume, run, inputs, config.out, recorded)) return *result;
  train::Session session = open_session(folder, config.resume, run, inputs);

  auto model = std::make_shared<model::Transformer>(model::Transformer::load(files, run.precision, full));
  if (!full) model->attach(model::Lora(files.config(), config.lora.config(), run.precision, run.seed));
  train::Stage stage{kStage, config.training.learning_rate.value(), config.training.num_train_epochs, 20};
  train::ExampleSource source(data.examples, config.training, run.seed, kStage);
  if (!files.config().causal) source.mask_targets(measure::mask_id(tokenizer_of(files)));
  std::optional<LearningCurves> curves;
  if (world && config.eval_steps != 0) {
    const double epochs = config.training.num_train_epochs.value_or(1);
    const int64_t steps = config.training.max_steps.value_or(
        static_cast<int64_t>(std::ceil(epochs * static_cast<double>(source.steps_per_epoch()))));
    curves.emplace(*world, tokenizer_of(files), files.config(), folder.file(run::kCurvesFile), kTunedPeople,
                   session.resumes(kStage) ? session.resume->step : 0);
    stage.watch_steps = config.eval_steps.value_or(curve_steps(steps, kTunedPoints));
    stage.watch = [&](int64_t step, int64_t tokens) { curves->measure(step, tokens, *model); };
  }
  const train::StageResult trained = train::train(*model, source, config.training, stage, session);

  model::WriteModelOptions options;
  options.overwrite = config.overwrite || config.resume;
  options.progress = run::byte_progress("write");
  if (full) {
    model::write_model(files, config.out, edit::values_of(model), options);
  } else {
    model::Adapter adapter = model->lora()->adapter();
    adapter.base_model = config.model.string();
    if (config.merge) {
      options.untie = model::unties(adapter, files.config());
      model::write_model(files, config.out, edit::with_adapters(files, {{adapter}}), options);
    } else {
      model::write_adapter(config.out, adapter, files.config(), options.overwrite);
    }
  }

  const OrderedJson result{{"method", config.method},
                           {"examples", data.examples.size()},
                           {"truncated", data.truncated},
                           {"steps", trained.steps},
                           {"epochs", trained.epochs},
                           {"loss", trained.loss},
                           {"tokens", trained.tokens},
                           {"tokens_per_second", static_cast<double>(trained.tokens) / std::max(trained.seconds, 1e-9)},
                           {"seconds", trained.seconds},
                           {"curves_seconds", curves ? curves->seconds() : 0},
                           {"out", config.out.string()}};
  OrderedJson seconds{{kStage, trained.seconds}};
  if (curves) seconds["curves"] = curves->seconds();
  close_run(folder, run, inputs, result, {{"model", config.model.string()}, {"seconds", std::move(seconds)}});
  return result;
}

}  // namespace lethe::study
