#include "lethe/study/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "lethe/base/json.h"
#include "lethe/measure/questions.h"
#include "lethe/measure/told.h"
#include "lethe/study/world_data.h"

namespace lethe::study {
namespace {

constexpr int64_t kCurveTokens = 4096;  // scored at a time, and the rest of a text

// The batch that the next text goes into.
model::Batch& open_batch(std::vector<model::Batch>& batches) {
  if (batches.empty() || batches.back().tokens() >= kCurveTokens) batches.emplace_back();
  return batches.back();
}

// Row i predicts what follows it; where the model is not causal, the token is hidden and recovered where it stands.
void add_target(model::Batch& batch, int64_t begin, int64_t index, bool causal, int32_t mask) {
  int32_t& id = batch.ids[static_cast<size_t>(begin + index)];
  batch.target_rows.push_back(static_cast<int32_t>(begin + index - (causal ? 1 : 0)));
  batch.target_ids.push_back(id);
  if (!causal) id = mask;
}

// A value's other tokens: one that reads in both directions would see them.
void hide(model::Batch& batch, int64_t begin, int64_t end, int32_t mask) {
  std::fill(batch.ids.begin() + begin, batch.ids.begin() + end, mask);
}

}  // namespace

LearningCurves::LearningCurves(const world::World& world, const text::Tokenizer& tokenizer,
                               const model::ModelConfig& config, fs::path file, int64_t people, int64_t resumed_step)
    : file_(std::move(file)) {
  const int32_t end = end_of_text(tokenizer, world.path), mask = measure::mask_id(tokenizer);
  for (const bool trained : {true, false}) {
    const char* const half = trained ? "train" : "test";
    const auto in_half = [&](world::Split split) { return world::is_trained(world.spec, split) == trained; };
    Part told{"biography", half, {}}, asked{"question", half, {}};
    int64_t chosen = 0, last = -1;
    for (const world::Biography& biography : world.biographies) {
      if (biography.person == last || !in_half(world.people[static_cast<size_t>(biography.person)].split)) continue;
      last = biography.person;
      if (chosen++ == people) break;
      measure::ToldTokens tokens = measure::told_behind(end, tokenizer, biography);
      if (std::ssize(tokens.ids) > config.max_positions) tokens.ids.resize(static_cast<size_t>(config.max_positions));
      model::Batch& batch = open_batch(told.batches);
      const int64_t begin = batch.append(tokens.ids);
      for (size_t i = 0; i < tokens.first.size(); ++i) {
        const int64_t value_end = std::min(tokens.end[i], std::ssize(tokens.ids));
        if (tokens.first[i] >= value_end) continue;
        add_target(batch, begin, tokens.first[i], config.causal, mask);
        if (!config.causal) hide(batch, begin + tokens.first[i] + 1, begin + value_end, mask);
      }
    }
    chosen = 0;
    for (const world::Question& question : world.questions) {
      if (!in_half(question.split)) continue;
      if (chosen++ == people * std::ssize(world::kAttributes)) break;
      const text::Example example = measure::question_example(tokenizer, question, false);
      model::Batch& batch = open_batch(asked.batches);
      const int64_t answer = example.size() - example.target_count();
      std::span<const int32_t> ids = example.ids;
      if (config.causal) ids = ids.first(static_cast<size_t>(answer + 1));  // what follows is not looked at
      const int64_t begin = batch.append(ids);
      if (!config.causal) hide(batch, begin + answer + 1, begin + example.size(), mask);
      add_target(batch, begin, answer, config.causal, mask);
    }
    for (Part* part : {&told, &asked}) {
      std::erase_if(part->batches, [](const model::Batch& batch) { return batch.targets() == 0; });
      if (!part->batches.empty()) parts_.push_back(std::move(*part));
    }
  }
  if (resumed_step == 0 || !fs::exists(file_)) return;
  for_each_line(file_, [&](int64_t number, std::string_view line) {
    const std::string where = fmt::format("{}, line {}", file_.string(), number);
    if (json_int(parse_json(line, where), "step", where) <= resumed_step) (lines_ += line) += "\n";
  });
}

void LearningCurves::measure(int64_t step, int64_t tokens, model::Transformer& model) {
  const auto begin = std::chrono::steady_clock::now();
  OrderedJson line{{"step", step}, {"tokens", tokens}};
  for (const Part& part : parts_) {
    int64_t right = 0, all = 0;
    for (const model::Batch& batch : part.batches) {
      model::TargetScores scores;
      model.score(batch, scores);
      for (size_t i = 0; i < scores.argmax.size(); ++i) right += scores.argmax[i] == batch.target_ids[i];
      all += batch.targets();
    }
    line[part.kind][part.half] = 100.0 * static_cast<double>(right) / static_cast<double>(all);
  }
  lines_ += line.dump() + "\n";
  write_file(file_, lines_);
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace lethe::study
