// What a model answers to the questions of a world. Exact match: the whole value and the full stop behind it are what
// greedy decoding gives (equal to teacher forcing where every token is the argmax); first token: the first one is.
// A model that is not causal gets as many masks behind the question as the answer has tokens, and must recover all.
// Source: Physics of Language Models 3.1, sections 2 and 7.
#pragma once
#include <array>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/measure/score.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/texts.h"

namespace lethe::measure {

struct QuestionScore {
  double exact_match = 0, first_token = 0;  // percent
  int64_t count = 0;
};

struct QuestionScores {
  std::array<QuestionScore, world::kAttributes.size()> attributes;
  QuestionScore mean() const;  // of the attributes that were asked for
  // {"mean": {"exact_match", "first_token"}, "birth_date": {...}, ...}
  OrderedJson json() const;
};

// The question as one example: the prompt with the tokenizer's default special tokens, the completion as targets;
// `with_end`: and the end-of-text token as one more.
text::Example question_example(const text::Tokenizer& tokenizer, const world::Question& question, bool with_end);

// The id that stands for a hidden word: <mask> or [MASK], else the first id behind the tokenizer's.
int32_t mask_id(const text::Tokenizer& tokenizer);

// What the model answers when it is left to, greedily, without the end-of-text token.
std::vector<std::string> spoken_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                        const std::vector<world::Question>& questions);

struct Answered {  // rightly, or not
  bool exact_match = false, first_token = false;
};
// num_beams above 1: the answers of the exact match are searched (beam_search.h).
std::vector<Answered> answer_questions(const NamedModel& model, const text::Tokenizer& tokenizer,
                                       const std::vector<world::Question>& questions, const char* label,
                                       int64_t num_beams = 1);
// Of one question each.
QuestionScores scores_of(const std::vector<world::Question>& questions, const std::vector<Answered>& answers);

}  // namespace lethe::measure
