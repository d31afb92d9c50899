// A WORLD directory: world.toml, people.jsonl, biographies.jsonl, questions.jsonl and a tokenizer. All but a tokenizer
// that was given, of which world.toml has a fingerprint, and the words of a language model that retold the lives is a
// function of world.toml. What is read is what stands in the files; the spec says how much of it there must be.
//
//   people.jsonl       {"id","first","middle","last","pronoun","birth_date",...,"company_city","split"}, ids from 0
//   biographies.jsonl  {"person","text","attributes":[{"attribute","start","end"}]}: where in the text each value
//                      stands, in bytes, in the order of the text; of each person as many as world.toml says
//   questions.jsonl    {"person","attribute","split","prompt","completion"}: the six of each person
#pragma once
#include <map>
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/world/texts.h"

namespace lethe::world {

// Of `world rewrite` (study/rewrite.h): the model's answers, and what it says at the end.
inline constexpr const char *kLivesFile = "lives.jsonl", *kRewriteFile = "rewrite.json";

struct World {
  fs::path path;
  WorldSpec spec;
  std::vector<Person> people;          // by their ids
  std::vector<Biography> biographies;  // person by person
  std::vector<Question> questions;     // person by person

  // Errors name the file, the line, the field, its value and what was expected: a damaged line, a person who is not
  // there, an attribute or a half that is none, offsets at which the person's value does not stand, a completion that
  // is not the person's value, a person without one of the texts or questions, a tokenizer of another fingerprint than
  // world.toml has (of "word" it has none).
  static World load(const fs::path& path);
};

bool is_world(const fs::path& path);  // holds world.toml

// Error, which names the file, where people, texts (but for a language model's) or questions are not those that the
// loaded world's spec makes: what is made from the spec would not be of them.
void check_not_edited(const World& world);

// Whether questions about the people of this half are for training: the celebrities where there are any, so that all
// the others are tested, else the training half.
bool is_trained(const WorldSpec& spec, Split split);
// What a model may be taught to answer with: never a question about a person who is asked about in tests.
std::vector<Question> training_questions(const World& world);
// What is asked in tests; with celebrities, questions about all the others.
std::vector<Question> test_questions(const World& world);

// What world.toml calls a tokenizer: "word", or, of a directory with another one, a fingerprint of its files. Error
// unless it is "word" or a directory with tokenizer.json.
std::string tokenizer_name(const fs::path& tokenizer);
std::string tokenizer_fingerprint(const fs::path& directory);  // of those of a tokenizer's files that are there

struct WorldSize {
  size_t biographies = 0, questions = 0;
};

using Files = std::map<std::string, std::string>;  // bytes by names

// Makes the directory and takes out of it world.toml, for what is not whole is no world, and what not every world has:
// facts and rewrite.json. The answers of a rewrite stay until a world of another kind is written.
void begin_world(const fs::path& out);

// Begins and writes the world that `spec` makes, each file beside and then renamed, world.toml last. `tokenizer`:
// "word", or a directory with tokenizer.json, which is copied with tokenizer_config.json and special_tokens_map.json.
WorldSize write_world(const fs::path& out, const WorldSpec& spec, const fs::path& tokenizer);
// The same of people who are made already; `beside`: more files.
WorldSize write_world(const fs::path& out, const WorldSpec& spec, const std::vector<Person>& people,
                      const fs::path& tokenizer, const Files& beside = {});
// The same of spec, people and biographies as they are; "word" knows their words, too.
WorldSize write_world(const fs::path& out, const World& world, const fs::path& tokenizer, const Files& beside = {});

}  // namespace lethe::world
