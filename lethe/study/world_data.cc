#include "lethe/study/world_data.h"

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/measure/questions.h"

namespace lethe::study {

world::World old_world_of(const world::World& world, const fs::path& before) {
  world::World old = world::World::load(before);
  const auto same_name = [](const world::Person& a, const world::Person& b) { return a.full_name() == b.full_name(); };
  check(std::ranges::equal(world.people, old.people, same_name), "--old-world: {} and {} are not the same people",
        before.string(), world.path.string());
  const auto same_values = [](const world::Person& a, const world::Person& b) { return a.values == b.values; };
  check(!std::ranges::equal(world.people, old.people, same_values),
        "--old-world: nobody has another value in {} than in {}, expected what `world change` made of it",
        world.path.string(), before.string());
  return old;
}

std::vector<std::vector<int32_t>> biography_entries(const text::Tokenizer& tokenizer, const world::World& world) {
  const int32_t end = end_of_text(tokenizer, world.path);
  std::vector<std::vector<int32_t>> entries;
  entries.reserve(world.biographies.size());
  for (const world::Biography& biography : world.biographies) {
    entries.push_back(tokenizer.encode(biography.text, false));
    entries.back().push_back(end);
  }
  return entries;
}

std::vector<std::vector<int32_t>> question_entries(const text::Tokenizer& tokenizer, const world::World& world) {
  std::vector<std::vector<int32_t>> entries;
  for (text::Example& example : question_examples(tokenizer, world)) entries.push_back(std::move(example.ids));
  return entries;
}

std::vector<text::Example> question_examples(const text::Tokenizer& tokenizer, const world::World& world,
                                             bool with_end) {
  end_of_text(tokenizer, world.path);  // an error names the world
  std::vector<text::Example> examples;
  for (const world::Question& question : world::training_questions(world))
    examples.push_back(measure::question_example(tokenizer, question, with_end));
  return examples;
}

}  // namespace lethe::study
