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

// Returns the JSON of `update`; `table`, where given, gets the same for people.
OrderedJson update(const UpdateConfig& config, const RunInfo& run, std::string* table = nullptr);

}  // namespace lethe::study
