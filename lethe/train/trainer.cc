#include "lethe/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/run/progress.h"

namespace lethe::train {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kSaveSeconds = 600;
constexpr double kEndSaveSeconds = 10;  // so much work is saved when a stage ends: what follows may be interrupted too

constexpr double kMostWeightNorm = 1e19;  // the squares of such weights are beyond fp32: no loss comes of them

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct StepOutcome {
  double loss = 0;
  int64_t tokens = 0, wrong = 0;
};

// Forward and backward of one step's micro-batches: the gradients of their mean loss.
StepOutcome accumulate_gradients(model::Transformer& model, std::vector<model::Batch> batches, uint64_t dropout_key) {
  std::erase_if(batches, [](const model::Batch& batch) { return batch.targets() == 0; });
  int64_t targets = 0;
  for (const model::Batch& batch : batches) targets += batch.targets();
  check(targets > 0, "no example of this step has a target: every label is masked");
  StepOutcome outcome;
  model::TargetScores scores;
  for (size_t i = 0; i < batches.size(); ++i) {
    const model::Batch& batch = batches[i];
    outcome.loss += model.forward_backward(batch, 1.0f / static_cast<float>(targets), i > 0,
                                           dropout_key + i * 0x9e3779b97f4a7c15ULL, scores);
    outcome.tokens += batch.tokens();
    for (size_t t = 0; t < scores.argmax.size(); ++t) outcome.wrong += scores.argmax[t] != batch.target_ids[t];
  }
  outcome.loss /= static_cast<double>(targets);
  return outcome;
}

[[noreturn]] void fail_diverged(const std::string& what, double rate, const Session& session) {
  const bool kept = session.folder && fs::exists(session.folder->file(kCheckpointFile));
  fail("{} (learning rate {:g}): training diverged; a lower learning rate or --max-grad-norm may help{}", what, rate,
       kept ? ". The last good checkpoint is kept in " + session.folder->path().string() : "");
}

}  // namespace

void Session::check_settings(const run::RunFolder& folder, const std::string& config_toml) {
  const auto earlier = folder.config();
  check(earlier.has_value(), "{} holds no run to resume (config.toml is missing)", folder.path().string());
  check(*earlier == config_toml, "--resume: the settings differ from those in {}; give the same command again",
        folder.file(run::kConfigFile).string());
}

Session Session::open(run::RunFolder& folder, bool resume, const std::string& config_toml, uint64_t seed) {
  Session session{&folder, std::nullopt, seed};
  const fs::path checkpoint = folder.file(kCheckpointFile);
  if (!resume) {
    fs::remove(checkpoint);
    folder.write_config(config_toml);
    return session;
  }
  check_settings(folder, config_toml);
  session.resume = read_checkpoint_state(checkpoint);
  folder.truncate_metrics(session.resume ? session.resume->metrics_lines : 0);
  return session;
}

StageResult train(model::Transformer& model, const std::vector<text::Example>& examples, const TrainingConfig& config,
                  const Stage& stage, Session& session) {
  ExampleSource source(examples, config, session.seed, stage.name);
  return train(model, source, config, stage, session);
}

StageResult train(model::Transformer& model, Source& source, const TrainingConfig& config, const Stage& stage,
                  Session& session) {
  const int64_t steps_per_epoch = source.steps_per_epoch();
  const double epochs = stage.epochs.value_or(static_cast<double>(stage.most_epochs));
  int64_t total = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(epochs * static_cast<double>(steps_per_epoch))));
  if (config.max_steps) total = *config.max_steps;
  const bool until_learned = !stage.epochs && !config.max_steps;

  Optimizer optimizer(model.trained(), config);
  model.set_gradient_checkpointing(config.gradient_checkpointing);
  CheckpointState state;
  state.stage = stage.name;
  if (session.resumes(stage.name)) {
    state = *session.resume;
    read_checkpoint(session.folder->file(kCheckpointFile), model.trained(), optimizer);
    session.resume.reset();
  }
  Clock::time_point begin = Clock::now();  // later by what the watch took
  const double earlier_seconds = state.seconds;
  Clock::time_point saved = begin;
  const auto save = [&] {
    state.metrics_lines = session.folder->metrics_logged();
    state.seconds = earlier_seconds + since(begin);
    write_checkpoint(session.folder->file(kCheckpointFile), state, model.trained(), optimizer);
    saved = Clock::now();
  };
  const auto learned = [&] { return state.step > 0 && state.step % steps_per_epoch == 0 && state.wrong_targets == 0; };

  const auto check_weights = [&] {
    const double norm = optimizer.weight_norm();
    if (!(norm < kMostWeightNorm))
      fail_diverged(
          fmt::format("{}: the weights' norm is {:g} after step {} of {}", stage.name, norm, state.step, total),
          stage.learning_rate, session);
  };

  StageResult result;
  bool due = false;  // a checkpoint of the state as it is; written once a step from it has a finite loss
  run::Progress progress(stage.name, total, "steps", state.step);
  // The next step's batches are made while the step before computes.
  const auto prepare = [&](int64_t at) {
    return std::async(std::launch::async, [&source, at] { return source.batches(at); });
  };
  std::future<std::vector<model::Batch>> next = prepare(state.step);
  while (state.step < total && !(until_learned && learned())) {
    const Clock::time_point step_begin = Clock::now();
    const int64_t in_epoch = state.step % steps_per_epoch, step = state.step + 1;
    std::vector<model::Batch> batches = next.get();
    if (step < total) next = prepare(step);
    const uint64_t dropout_key = Random(session.seed, "dropout/" + stage.name, static_cast<uint64_t>(step)).next();
    const StepOutcome outcome = accumulate_gradients(model, std::move(batches), dropout_key);
    const double rate = scheduled_learning_rate(config, stage.learning_rate, step, total);
    const int64_t wrong = (in_epoch == 0 ? 0 : state.wrong_targets) + outcome.wrong;
    const bool last = step == total || (until_learned && step % steps_per_epoch == 0 && wrong == 0);
    const bool logs = session.folder && (step % config.logging_steps == 0 || last);
    const double norm = config.max_grad_norm > 0 || logs ? optimizer.gradient_norm() : 0;
    check(std::isfinite(outcome.loss) || step > 1,
          "{}: the loss is {} at step 1, before this stage moved a weight: the model's outputs are not numbers",
          stage.name, outcome.loss);
    if (!std::isfinite(outcome.loss) || !std::isfinite(norm))
      fail_diverged(fmt::format("{}: the loss is {} and the gradient's norm {} at step {} of {}", stage.name,
                                outcome.loss, norm, step, total),
                    rate, session);
    if (due) {
      check_weights();
      save();
    }
    optimizer.step(step, rate, norm);
    state.step = step;
    state.wrong_targets = wrong;
    state.loss = outcome.loss;
    state.tokens += outcome.tokens;
    if (logs)
      session.folder->append({step, stage.name, outcome.loss, rate, norm, outcome.tokens,
                              static_cast<double>(outcome.tokens) / std::max(since(step_begin), 1e-9)});
    if (stage.watch && (step == total || (stage.watch_steps > 0 && step % stage.watch_steps == 0))) {
      const Clock::time_point watch_begin = Clock::now();
      stage.watch(step, state.tokens);
      begin += Clock::now() - watch_begin;
    }
    progress.update(step, fmt::format("loss {:.4f}", outcome.loss));

    due = session.folder && (config.save_steps > 0 ? step % config.save_steps == 0 : since(saved) > kSaveSeconds);
    if (interrupted()) {
      if (!session.folder) throw Interrupted(fmt::format("interrupted after step {} of {}", step, stage.name));
      check_weights();
      save();
      throw Interrupted(fmt::format("interrupted after step {} of {}, the state is saved", step, stage.name));
    }
  }
  check_weights();
  if (due || (session.folder && since(saved) > kEndSaveSeconds)) save();
  progress.finish();
  result.steps = state.step;
  result.epochs = static_cast<double>(state.step) / static_cast<double>(steps_per_epoch);
  result.loss = state.loss;
  result.learned = learned();
  result.tokens = state.tokens;
  result.seconds = earlier_seconds + since(begin);
  return result;
}

}  // namespace lethe::train
