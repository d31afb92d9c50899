// What a model says of its own accord: short greedy answers.
#pragma once
#include <string>
#include <vector>

#include "lethe/measure/score.h"
#include "lethe/model/transformer.h"
#include "lethe/text/template.h"
#include "lethe/text/tokenizer.h"

namespace lethe::measure {

// Up to the first line end, or the first full stop, question or exclamation mark that ends a sentence; trimmed. The
// stops of 3.5, "U.S. dollar", "John F. Kennedy" and "St. Louis" end none, unless what follows begins one ("... in
// Washington, D.C. It is"); a short form that stands last keeps its stop, a letter alone ("Vitamin C.") does not.
std::string first_sentence(const std::string& text);

// The first sentence of the greedy continuation of each prompt, which has at most `max_new_tokens` tokens.
std::vector<std::string> greedy_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                        const text::Template& format, const std::vector<std::string>& prompts,
                                        int64_t max_new_tokens = 12);

// The ids after which a text of this model ends: config.json's and the tokenizer's.
std::vector<int32_t> stop_ids(const model::ModelConfig& config, const text::Tokenizer* tokenizer);

}  // namespace lethe::measure
