#include "lethe/study/world_data.h"

#include <doctest/doctest.h>

#include "tests/temp_dir.h"

using namespace lethe;

TEST_CASE("training on a world's questions never asks about a person who is asked about in tests") {
  const TempDir dir;
  for (const int64_t celebrities : {0, 3}) {
    CAPTURE(celebrities);
    write_world(dir / "w", world::WorldSpec{.people = 21, .celebrities = celebrities}, "word");
    const world::World world = world::World::load(dir / "w");
    const text::Tokenizer tokenizer = text::Tokenizer::load(dir / "w");
    std::vector<std::string> trained, tested;
    for (const world::Person& person : world.people)
      (world::is_trained(world.spec, person.split) ? trained : tested).push_back(person.full_name());
    CHECK(trained.size() == (celebrities > 0 ? 3 : 11));
    const auto entries = study::question_entries(tokenizer, world);
    const std::vector<text::Example> examples = study::question_examples(tokenizer, world);
    REQUIRE(entries.size() == trained.size() * world::kAttributes.size());
    REQUIRE(examples.size() == entries.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      CHECK(examples[i].ids == entries[i]);
      CHECK(entries[i].back() == study::end_of_text(tokenizer, dir / "w"));
      const std::string asked = tokenizer.decode(entries[i]);
      CHECK(asked.find(trained[i / world::kAttributes.size()]) != std::string::npos);
      for (const std::string& name : tested) CHECK(asked.find(name) == std::string::npos);
    }
  }
}
