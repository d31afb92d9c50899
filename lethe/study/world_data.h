// A WORLD as data to train on: its texts and questions in a model's tokens.
#pragma once
#include <vector>

#include "lethe/measure/told.h"
#include "lethe/text/example.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/world_files.h"

namespace lethe::study {

using measure::end_of_text;

// What `world change` changed; Error where they are not the same people, or nobody has another value in `world`.
world::World old_world_of(const world::World& world, const fs::path& before);

// Entries of a pretraining: each biography, and the end-of-text token behind it.
std::vector<std::vector<int32_t>> biography_entries(const text::Tokenizer& tokenizer, const world::World& world);
// The same of the questions that training may see, with their answers.
std::vector<std::vector<int32_t>> question_entries(const text::Tokenizer& tokenizer, const world::World& world);

// The questions that training may see as examples: the answer is the target and, `with_end`, the end-of-text token.
std::vector<text::Example> question_examples(const text::Tokenizer& tokenizer, const world::World& world,
                                             bool with_end = true);

}  // namespace lethe::study
