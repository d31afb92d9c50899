// A WORLD directory: world.toml, people.jsonl, biographies.jsonl, questions.jsonl and a tokenizer. Everything but the
// tokenizer is a function of world.toml; the other files are there for people and for other programs.
#pragma once
#include "lethe/base/file.h"
#include "lethe/world/texts.h"

namespace lethe::world {

struct WorldSize {
  size_t biographies = 0, questions = 0;
};

// Writes all files, each beside and then renamed, world.toml last. `tokenizer`: "word", or a directory with
// tokenizer.json, which is copied with tokenizer_config.json and special_tokens_map.json.
WorldSize write_world(const fs::path& out, const WorldSpec& spec, const fs::path& tokenizer);

bool is_world(const fs::path& path);  // holds world.toml

// A world as it is read: made anew from world.toml. Error where people.jsonl is not what world.toml makes, which names
// the first line that differs (a world of another version of Lethe, or one that was edited).
struct World {
  WorldSpec spec;
  std::vector<Person> people;
  static World load(const fs::path& path);
};

}  // namespace lethe::world
