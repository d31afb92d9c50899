// `lethe update`: measure, forget, learn, measure again, write the model and the proof.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "lethe/base/options.h"
#include "lethe/facts/facts.h"
#include "lethe/study/run_info.h"
#include "lethe/train/config.h"

namespace lethe::study {

struct UpdateConfig {
  fs::path model, out, run_dir;
  facts::FactsFile facts;
  std::string method = "f-ft";
  double rate = 0.3;
  std::optional<double> forget_epochs, forget_learning_rate;  // resolve() fills them in
  std::string old = "given";
  std::string template_name = "none";
  bool add_eos_token = false, no_eval = false, save_adapter = false, overwrite = false, resume = false;
  train::TrainingConfig training;
  train::LoraOptions lora;

  void add_to(Options& options);
  // After parsing: fills in what depends on the method, and refuses options without effect.
  void resolve(Options& options);
};

// JSON, which docs/files.md lists: what was trained, and the measures before and after, between the stages for those
// that forget; `table`, where given, gets the same for people. Errors as of finetune(), before anything is written;
// Interrupted after Ctrl-C, with the state saved.
OrderedJson update(const UpdateConfig& config, const RunInfo& run, std::string* table = nullptr);

}  // namespace lethe::study
