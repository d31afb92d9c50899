// The training loop: one stage (forget, learn, ...) over a source of batches. The loss of a step is the mean over its
// target tokens, the same for any split into micro-batches.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lethe/model/transformer.h"
#include "lethe/run/run_folder.h"
#include "lethe/text/example.h"
#include "lethe/train/checkpoint.h"
#include "lethe/train/config.h"
#include "lethe/train/source.h"

namespace lethe::train {

// Where a run keeps its state. Stages that were done before the resumed checkpoint are skipped by whoever runs the
// stages.
struct Session {
  run::RunFolder* folder = nullptr;       // null: nothing is logged or saved
  std::optional<CheckpointState> resume;  // the state to go on from, taken by the stage of its name
  uint64_t seed = 0;

  // Begins a run in `folder`, or opens the state of an earlier one of the same settings.
  static Session open(run::RunFolder& folder, bool resume, const std::string& config_toml, uint64_t seed);
  // Whether the run in `folder` has these settings; else an error, since --resume is the same command again.
  static void check_settings(const run::RunFolder& folder, const std::string& config_toml);
  bool resumes(const std::string& stage) const { return resume && resume->stage == stage; }
};

struct Stage {
  std::string name;
  double learning_rate = 5e-5;
  std::optional<double> epochs =
      {};                    // unset: until every target of an epoch was the argmax when it was trained on, ...
  int64_t most_epochs = 20;  // ... or so many epochs
  // Called after every watch_steps steps (0: never) and after the last: learning curves.
  int64_t watch_steps = 0;
  std::function<void(int64_t step, int64_t tokens)> watch = {};
};

struct StageResult {  // of the whole stage, what was done before a resumption too
  int64_t steps = 0, tokens = 0;
  double epochs = 0;
  double loss = 0;       // of the last step
  bool learned = false;  // every target of the last epoch was the argmax
  double seconds = 0;    // of training alone, less what `watch` took
};

// Trains model.trained(). Throws Error at a loss that is not finite (the parameters are those of the last good step),
// Interrupted after Ctrl-C with the state saved.
StageResult train(model::Transformer& model, Source& source, const TrainingConfig& config, const Stage& stage,
                  Session& session);
// The same on examples, in a new order every epoch.
StageResult train(model::Transformer& model, const std::vector<text::Example>& examples, const TrainingConfig& config,
                  const Stage& stage, Session& session);

}  // namespace lethe::train
