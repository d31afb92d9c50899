// A WORLD directory: world.toml, people.jsonl, biographies.jsonl, questions.jsonl and a tokenizer. All but the
// tokenizer and the words of a language model that retold the lives is a function of world.toml. What is read is what
// stands in the files; the spec says how much of it there must be.
//
//   people.jsonl       {"id","first","middle","last","pronoun","birth_date",...,"company_city","split"}, ids from 0
//   biographies.jsonl  {"person","text","attributes":[{"attribute","start","end"}]}: where in the text each value
//                      stands, in bytes, in the order of the text; of each person as many as world.toml says
//   questions.jsonl    {"person","attribute","split","prompt","completion"}: the six of each person
#pragma once
#include <vector>

#include "lethe/base/file.h"
#include "lethe/world/texts.h"

namespace lethe::world {

struct World {
  fs::path path;
  WorldSpec spec;
  std::vector<Person> people;          // by their ids
  std::vector<Biography> biographies;  // person by person
  std::vector<Question> questions;     // person by person

  // Errors name the file, the line, the field, its value and what was expected: a damaged line, a person who is not
  // there, an attribute or a half that is none, offsets at which the person's value does not stand, a completion that
  // is not the person's value, a person without one of the texts or questions.
  static World load(const fs::path& path);

  fs::path tokenizer_path() const { return path; }  // the directory with tokenizer.json
};

bool is_world(const fs::path& path);  // holds world.toml

// The half whose questions are for training: the celebrities where there are any, so that all the others are tested,
// else the training half.
Split training_split(const WorldSpec& spec);
// Questions about the people of one half.
std::vector<Question> questions_of(const World& world, Split split);
// What a model may be taught to answer with: never a question about a person who is asked about in tests.
std::vector<Question> training_questions(const World& world);
// What is asked in tests; with celebrities, questions about all the others.
std::vector<Question> test_questions(const World& world);

// Error unless it is "word" or a directory with tokenizer.json.
void check_tokenizer(const fs::path& tokenizer);

struct WorldSize {
  size_t biographies = 0, questions = 0;
};

// Makes the directory and takes an older world.toml out of it: what is not whole is no world.
void begin_world(const fs::path& out);

// Writes the world that `spec` makes, each file beside and then renamed, world.toml last. `tokenizer`: "word", or a
// directory with tokenizer.json, which is copied with tokenizer_config.json and special_tokens_map.json.
WorldSize write_world(const fs::path& out, const WorldSpec& spec, const fs::path& tokenizer);
// Writes spec, people and biographies as they are, and the people's questions; "word" knows their words, too.
WorldSize write_world(const fs::path& out, const World& world, const fs::path& tokenizer);

}  // namespace lethe::world
