#include "lethe/study/finetune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/edit/values.h"
#include "lethe/run/progress.h"
#include "lethe/run/report.h"
#include "lethe/study/inputs.h"
#include "lethe/study/prepare.h"
#include "lethe/text/dataset.h"
#include "lethe/train/trainer.h"

namespace lethe::study {
namespace {

constexpr const char* kStage = "train";

struct Data {
  std::vector<text::Example> examples;
  int64_t truncated = 0;  // how many of them were cut
};

Data read_data(const FinetuneConfig& config, const model::ModelFiles& files) {
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

FinetuneConfig::FinetuneConfig() {
  training.per_device_train_batch_size = 8;
  training.lr_scheduler_type = "linear";
}

void FinetuneConfig::add_to(Options& options) {
  options.add("model", model, "a Hugging Face directory or a .gguf file").positional().required().placeholder("MODEL");
  options.add("data", files, "files of examples: .txt or .jsonl, several by comma")
      .positional()
      .required()
      .placeholder("FILES");
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
  options.explain("learning-rate", "the peak learning rate; 2e-4, of full training 5e-5, unless told");
  options.explain("num-train-epochs", "passes over the examples; 3 unless told");
  lora.add_to(options);
}

void FinetuneConfig::resolve(Options& options) {
  if (method == "full") {
    train::LoraOptions::no_effect(options, "full trains no LoRA");
    options.no_effect("merge", "full writes the whole model", "method");
  }
  training.resolve(options);
  template_given = options.was_set("template");
  if (options.was_overruled("method")) options.drop_from_file("learning-rate");  // the other method's
  if (!training.learning_rate) training.learning_rate = method == "lora" ? 2e-4 : 5e-5;
  if (!training.num_train_epochs && !training.max_steps) training.num_train_epochs = 3;
  if (run_dir.empty()) run_dir = out / "lethe";
}

OrderedJson finetune(const FinetuneConfig& config, const RunInfo& run) {
  const model::ModelFiles files = open_whole_model(config.model);
  const Data data = read_data(config, files);
  const bool full = config.method == "full";
  if (!full) model::lora_modules(files.config(), config.lora.lora_target);  // found wanting before anything is written
  RunPlace place{config.out, config.run_dir, config.overwrite, config.resume, {config.model}};
  place.inputs.insert(place.inputs.end(), config.files.begin(), config.files.end());
  check_run(place);
  run::RunFolder folder = open_run(place);
  const Inputs inputs = {config.model.string(), fingerprint(files), fmt::format("{}", fmt::join(config.files, ", ")),
                         fingerprint(data.examples)};
  if (is_complete(folder, config.resume, run, inputs, config.out)) return folder.json(run::kResultsFile)["result"];
  train::Session session = open_session(folder, config.resume, run, inputs);

  auto model = std::make_shared<model::Transformer>(model::Transformer::load(files, run.precision, full));
  if (!full) model->attach(model::Lora(files.config(), config.lora.config(), run.precision, run.seed));
  train::Stage stage{kStage, config.training.learning_rate.value(), config.training.num_train_epochs, 20};
  const train::StageResult trained = train::train(*model, data.examples, config.training, stage, session);

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
                           {"out", config.out.string()}};
  OrderedJson page = result;
  page["lethe"] = run.version;
  page["command"] = run.command;
  page["model"] = config.model.string();
  page["data"] = inputs.data;
  page["seconds"] = {{"train", trained.seconds}};
  page["settings"] = run.settings;
  page["result"] = result;
  write_file(folder.file(run::kReportFile), run::training_page(page, folder.metrics()));
  folder.write_json(run::kResultsFile, page);  // last: with it the run is complete
  remove_state(folder);
  return result;
}

}  // namespace lethe::study
