// The options of `lethe update`, and what their defaults depend on.
#include <fmt/format.h>

#include "lethe/base/error.h"
#include "lethe/edit/f_learning.h"
#include "lethe/study/update.h"

namespace lethe::study {

void UpdateConfig::add_to(Options& options) {
  options.add("model", model, "a Hugging Face directory or a .gguf file").positional().required().placeholder("MODEL");
  options.add("out", out, "where the updated model goes").required().placeholder("DIR");
  facts.add_to(options);
  options.add("old", old, "where the file gives no old answer: from-model takes the model's own")
      .one_of({"given", "from-model"});
  options.add("template", template_name, "what is put around a prompt").one_of({"none", "alpaca", "chat"});
  options
      .add("add-eos-token", add_eos_token,
           "teach the end of each answer, too: the tokenizer's end-of-text token behind it")
      .flag();
  options.group("Method");
  std::vector<std::string> names;
  for (const edit::Method& m : edit::methods()) names.push_back(m.name);
  options.add("method", method, "how to update").one_of(names);
  options.add("rate", rate, "rate of forgetting: how much of the old facts' movement is subtracted").at_least(0);
  options.add("forget-epochs", forget_epochs, "passes over the old facts; 3 unless told").above(0).at_most(1e9);
  options
      .add("forget-learning-rate", forget_learning_rate,
           "learning rate while forgetting; 5e-5, by LoRA 2e-3, unless told")
      .above(0);
  options.group("Output");
  options.add("no-eval", no_eval, "measure nothing and ask nothing before and after").flag();
  options
      .add("save-adapter", save_adapter,
           "also leave OUT/adapter, a PEFT adapter on MODEL (lora; f-lora: of twice the rank)")
      .flag();
  options.add("overwrite", overwrite, "replace the model and the run in --out; other files stay").flag().not_resolved();
  options.add("run-dir", run_dir, "the run folder; OUT/lethe unless told").placeholder("DIR").not_resolved();
  options.add("resume", resume, "go on with an interrupted run").flag().not_resolved();
  training.add_to(options);
  options.explain("learning-rate", "the peak learning rate; 5e-5, learning by LoRA 2e-3, unless told");
  options.explain("num-train-epochs",
                  "passes over the new facts; unless told until every answer is learned, at most 20");
  options.explain("max-steps", "optimiser steps of each stage, whatever the epochs");
  options.explain("max-seq-length", "refuse facts of more tokens; 0: the model's positions");
  lora.add_to(options);
}

void UpdateConfig::resolve(Options& options) {
  const edit::Method& m = edit::method_named(method);
  const bool learns_by_lora = m.learn == edit::Tuning::kLora, forgets_by_lora = m.forget == edit::Tuning::kLora;
  if (!m.forgets())
    for (const char* name : {"rate", "forget-epochs", "forget-learning-rate"})
      options.no_effect(name, fmt::format("{} forgets nothing", method), "method");
  if (!m.has_lora()) train::LoraOptions::no_effect(options, fmt::format("{} uses no LoRA", method));
  if (template_name == "chat")
    options.no_effect("add-eos-token", "the chat template ends each answer itself", "template");
  if (!m.only_lora()) options.no_effect("save-adapter", fmt::format("{} changes all weights", method), "method");
  training.resolve(options);
  if (m.forgets()) options.overrides("max-steps", "forget-epochs", "--max-steps ends each stage");
  if (options.was_overruled("method"))  // the rates of the file's method are not this one's
    for (const char* rate : {"learning-rate", "forget-learning-rate"}) options.drop_from_file(rate);
  facts::FactsFile::resolve(options);
  if (facts.path.empty() == (facts.old_file.empty() && facts.new_file.empty()))
    fail_usage("update takes FACTS, or --old-file and --new-file");
  // Chosen by measurement on SmolLM2-135M (docs/defaults.md).
  if (!training.learning_rate) training.learning_rate = learns_by_lora ? 2e-3 : 5e-5;
  if (m.forgets() && !forget_learning_rate) forget_learning_rate = forgets_by_lora ? 2e-3 : 5e-5;
  if (m.forgets() && !forget_epochs) forget_epochs = 3;
  if (run_dir.empty()) run_dir = out / "lethe";
}

}  // namespace lethe::study
