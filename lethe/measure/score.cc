#include "lethe/measure/score.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/run/progress.h"
#include "lethe/train/pack.h"

namespace lethe::measure {
namespace {

// Large enough to keep the products busy, small enough that the logits of a batch stay in reach of the caches.
constexpr int64_t kBatchTokens = 2048;

bool is_target(int32_t label) { return label != text::kNoTarget; }

// Where the answer begins.
std::ptrdiff_t prompt_length(const text::Example& example) {
  return std::find_if(example.labels.begin(), example.labels.end(), is_target) - example.labels.begin();
}

bool same_prompt(const text::Example& a, const text::Example& b) {
  const std::ptrdiff_t length = prompt_length(a);
  return length == prompt_length(b) && std::equal(a.ids.begin(), a.ids.begin() + length, b.ids.begin());
}

model::TargetScores score(const NamedModel& model, const model::Batch& batch) {
  model::check_causal(model.transformer.config(), model.name, "be scored by the tokens that it predicts next");
  return score_batch(model, batch);
}

// One forward pass: prompts once, each answer as a span that sees its prompt.
class SharedBatch {
 public:
  void add(size_t index, const text::Example& example) {
    const std::ptrdiff_t first = prompt_length(example);
    const auto length = static_cast<int64_t>(example.ids.size());
    check(first > 0 && first < length, "example {} has no answer after a prompt", index);
    const std::vector<int32_t> prompt(example.ids.begin(), example.ids.begin() + first);
    const auto [at, fresh] = prompts_.emplace(prompt, batch_.tokens());
    if (fresh) append(prompt.data(), first, 0, 0);
    const int64_t prompt_begin = at->second;
    const int64_t answer_begin = batch_.tokens();
    if (length - 1 > first) append(example.ids.data() + first, length - 1 - first, prompt_begin, first);
    for (int64_t i = first; i < length; ++i) {
      check(is_target(example.labels[static_cast<size_t>(i)]), "example {}: its targets are not one run at its end",
            index);
      batch_.target_rows.push_back(
          static_cast<int32_t>(i == first ? prompt_begin + first - 1 : answer_begin + i - first - 1));
      batch_.target_ids.push_back(example.labels[static_cast<size_t>(i)]);
    }
    answers_.push_back({index, length - first});
  }

  int64_t tokens() const { return batch_.tokens(); }

  void run(const NamedModel& model, std::vector<AnswerScore>& results) {
    const model::TargetScores scores = score(model, batch_);
    std::ptrdiff_t at = 0;
    for (const auto& [index, count] : answers_) {
      AnswerScore& r = results[index];
      r.ids.assign(batch_.target_ids.begin() + at, batch_.target_ids.begin() + at + count);
      r.argmax.assign(scores.argmax.begin() + at, scores.argmax.begin() + at + count);
      r.nll.assign(scores.nll.begin() + at, scores.nll.begin() + at + count);
      at += count;
    }
    *this = {};
  }

 private:
  void append(const int32_t* ids, int64_t count, int64_t prefix_begin, int64_t prefix_length) {
    batch_.spans.push_back({batch_.tokens(), count, prefix_begin, prefix_length});
    for (int64_t i = 0; i < count; ++i) {
      batch_.ids.push_back(ids[i]);
      batch_.positions.push_back(static_cast<int32_t>(prefix_length + i));
    }
  }

  model::Batch batch_;
  std::map<std::vector<int32_t>, int64_t> prompts_;  // to their first row
  std::vector<std::pair<size_t, int64_t>> answers_;  // example, number of targets
};

}  // namespace

model::TargetScores score_batch(const NamedModel& model, const model::Batch& batch) {
  if (interrupted()) throw Interrupted("interrupted while measuring");
  model::TargetScores scores;
  if (batch.targets() > 0) model.transformer.score(batch, scores);
  for (const float nll : scores.nll)
    check(std::isfinite(nll), "{}: the model's outputs are not numbers (the loss of a token is {})", model.name, nll);
  return scores;
}

double AnswerScore::token_accuracy(const std::vector<int32_t>& expected) const {
  check(expected.size() == argmax.size(), "{} tokens were compared with {}", argmax.size(), expected.size());
  int64_t same = 0;
  for (size_t i = 0; i < argmax.size(); ++i) same += argmax[i] == expected[i];
  return static_cast<double>(same) / static_cast<double>(argmax.size());
}

double AnswerScore::log_probability() const {
  double sum = 0;
  for (float x : nll) sum -= x;
  return sum;
}

std::vector<AnswerScore> score_answers(const NamedModel& model, const std::vector<text::Example>& examples,
                                       const char* label) {
  std::vector<AnswerScore> results(examples.size());
  run::Progress progress(label, static_cast<int64_t>(examples.size()), "answers");
  SharedBatch batch;
  for (size_t i = 0; i < examples.size(); ++i) {
    batch.add(i, examples[i]);
    if (i + 1 < examples.size()) {
      if (batch.tokens() < kBatchTokens) continue;
      // The answers to one prompt stay together, unless they are very many.
      if (batch.tokens() < 2 * kBatchTokens && same_prompt(examples[i], examples[i + 1])) continue;
    }
    batch.run(model, results);
    progress.update(static_cast<int64_t>(i + 1));
  }
  return results;
}

void score_examples(const NamedModel& model, const std::vector<text::Example>& examples, const char* label,
                    const std::function<void(size_t, const model::TargetScores&)>& done) {
  run::Progress progress(label, static_cast<int64_t>(examples.size()), "records");
  for (size_t i = 0; i < examples.size();) {
    std::vector<const text::Example*> chosen;
    const size_t first = i;
    for (int64_t tokens = 0; i < examples.size() && (chosen.empty() || tokens + examples[i].size() <= kBatchTokens);
         ++i) {
      tokens += examples[i].size();
      chosen.push_back(&examples[i]);
    }
    const model::TargetScores all = score(model, train::pack(chosen));
    std::ptrdiff_t at = 0;
    for (size_t k = 0; k < chosen.size(); ++k) {
      const std::ptrdiff_t end = at + chosen[k]->target_count();
      done(first + k,
           {{all.nll.begin() + at, all.nll.begin() + end}, {all.argmax.begin() + at, all.argmax.begin() + end}});
      at = end;
    }
    progress.update(static_cast<int64_t>(i));
  }
}

}  // namespace lethe::measure
