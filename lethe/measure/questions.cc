#include "lethe/measure/questions.h"

#include <algorithm>

#include "lethe/measure/answers.h"
#include "lethe/measure/told.h"
#include "lethe/model/beam_search.h"
#include "lethe/run/progress.h"
#include "lethe/text/template.h"
#include "lethe/train/pack.h"

namespace lethe::measure {
namespace {

constexpr int64_t kMaskedTokens = 4096;

// The argmax of every target, example by example.
std::vector<std::vector<int32_t>> masked_answers(const NamedModel& model, const std::vector<text::Example>& examples,
                                                 int32_t mask, const char* label) {
  std::vector<std::vector<int32_t>> answers;
  run::Progress progress(label, std::ssize(examples), "answers");
  while (answers.size() < examples.size()) {
    std::vector<const text::Example*> chosen;
    int64_t tokens = 0;
    for (size_t i = answers.size(); i < examples.size() && tokens < kMaskedTokens; ++i) {
      chosen.push_back(&examples[i]);
      tokens += examples[i].size();
    }
    const model::TargetScores scores = score_batch(model, train::pack_masked(chosen, mask));
    auto at = scores.argmax.begin();
    for (const text::Example* example : chosen) {
      answers.emplace_back(at, at + example->target_count());
      at += example->target_count();
    }
    progress.update(std::ssize(answers));
  }
  return answers;
}

// What beam search says behind every question, some hundred questions at a time.
std::vector<std::vector<int32_t>> searched_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                                   const std::vector<text::Example>& examples, int64_t num_beams) {
  constexpr size_t kAtOnce = 256;
  model::GenerateOptions options;
  options.model_name = model.name;
  options.stop_ids = stop_ids(model.transformer.config(), &tokenizer);
  options.max_new_tokens = 0;
  for (const text::Example& example : examples)
    options.max_new_tokens = std::max(options.max_new_tokens, example.target_count() + 1);
  std::vector<std::vector<int32_t>> answers;
  run::Progress progress("search", std::ssize(examples), "answers");
  while (answers.size() < examples.size()) {
    std::vector<std::vector<int32_t>> prompts;
    for (size_t i = answers.size(); i < examples.size() && prompts.size() < kAtOnce; ++i)
      prompts.emplace_back(examples[i].ids.begin(), examples[i].ids.end() - examples[i].target_count());
    for (std::vector<int32_t>& ids : model::beam_search(model.transformer, prompts, num_beams, options))
      answers.push_back(std::move(ids));
    progress.update(std::ssize(answers));
  }
  return answers;
}

}  // namespace

QuestionScore QuestionScores::mean() const {
  QuestionScore mean;
  int asked = 0;
  for (const QuestionScore& score : attributes) {
    if (score.count == 0) continue;
    ++asked;
    mean.exact_match += score.exact_match;
    mean.first_token += score.first_token;
    mean.count += score.count;
  }
  mean.exact_match /= std::max(asked, 1);
  mean.first_token /= std::max(asked, 1);
  return mean;
}

OrderedJson QuestionScores::json() const {
  OrderedJson json;
  const QuestionScore all = mean();
  json["mean"] = {{"exact_match", all.exact_match}, {"first_token", all.first_token}};
  for (const world::Attribute attribute : world::kAttributes) {
    const QuestionScore& score = attributes[static_cast<size_t>(attribute)];
    if (score.count > 0)
      json[std::string(world::attribute_name(attribute))] = {
          {"exact_match", score.exact_match}, {"first_token", score.first_token}, {"count", score.count}};
  }
  return json;
}

text::Example question_example(const text::Tokenizer& tokenizer, const world::Question& question, bool with_end) {
  text::Example example = text::encode_apart(tokenizer, question.prompt, question.completion);
  if (with_end) example.append(std::vector{end_of_text(tokenizer)}, true);
  return example;
}

int32_t mask_id(const text::Tokenizer& tokenizer) {
  for (const char* name : {"<mask>", "[MASK]", "<|mask|>"})
    if (const auto id = tokenizer.id(name)) return *id;
  return static_cast<int32_t>(tokenizer.size());
}

std::vector<std::string> spoken_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                        const std::vector<world::Question>& questions) {
  std::vector<text::Example> examples;
  for (const world::Question& question : questions) examples.push_back(question_example(tokenizer, question, false));
  std::vector<std::vector<int32_t>> answers;
  if (model.transformer.config().causal) {
    std::vector<std::vector<int32_t>> prompts;
    int64_t longest = 0;
    for (const text::Example& example : examples) {
      const int64_t targets = example.target_count();
      prompts.emplace_back(example.ids.begin(), example.ids.end() - targets);
      longest = std::max(longest, targets);
    }
    model::GenerateOptions options;
    options.max_new_tokens = longest + 4;
    options.model_name = model.name;
    options.stop_ids = stop_ids(model.transformer.config(), &tokenizer);
    answers = model::generate(model.transformer, prompts, options);
  } else {
    answers = masked_answers(model, examples, mask_id(tokenizer), "ask");
  }
  std::vector<std::string> texts;
  for (const std::vector<int32_t>& ids : answers) {
    std::string text = tokenizer.decode(ids, true);
    text.erase(0, text.find_first_not_of(' '));
    texts.push_back(std::move(text));
  }
  return texts;
}

std::vector<Answered> answer_questions(const NamedModel& model, const text::Tokenizer& tokenizer,
                                       const std::vector<world::Question>& questions, const char* label,
                                       int64_t num_beams) {
  std::vector<text::Example> examples;
  for (const world::Question& question : questions) examples.push_back(question_example(tokenizer, question, false));
  std::vector<std::vector<int32_t>> said;
  if (model.transformer.config().causal) {
    for (AnswerScore& score : score_answers(model, examples, label)) said.push_back(std::move(score.argmax));
  } else {
    said = masked_answers(model, examples, mask_id(tokenizer), label);
  }
  std::vector<std::vector<int32_t>> searched = said;
  if (num_beams > 1) searched = searched_answers(model, tokenizer, examples, num_beams);
  std::vector<Answered> answers;
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto expected = std::span(examples[i].ids).last(said[i].size());
    const bool found =
        searched[i].size() >= expected.size() && std::equal(expected.begin(), expected.end(), searched[i].begin());
    answers.push_back({found, expected.front() == said[i].front()});
  }
  return answers;
}

QuestionScores scores_of(const std::vector<world::Question>& questions, const std::vector<Answered>& answers) {
  QuestionScores scores;
  for (size_t i = 0; i < questions.size(); ++i) {
    QuestionScore& score = scores.attributes[static_cast<size_t>(questions[i].attribute)];
    score.exact_match += answers[i].exact_match;
    score.first_token += answers[i].first_token;
    ++score.count;
  }
  for (QuestionScore& score : scores.attributes) {
    score.exact_match *= 100.0 / static_cast<double>(std::max<int64_t>(score.count, 1));
    score.first_token *= 100.0 / static_cast<double>(std::max<int64_t>(score.count, 1));
  }
  return scores;
}

}  // namespace lethe::measure
