// The lines of a WORLD's files, to text and back. Inside of the module only.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lethe/world/texts.h"

namespace lethe::world {

inline constexpr const char *kSpecFile = "world.toml", *kPeopleFile = "people.jsonl",
                            *kBiographiesFile = "biographies.jsonl", *kQuestionsFile = "questions.jsonl";
inline constexpr const char* kTokenizerFiles[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"};
// What `world change` writes beside: facts taught by questions, by biographies, by both.
inline constexpr const char* kFactsFiles[] = {"facts-questions.jsonl", "facts-biographies.jsonl", "facts-both.jsonl"};

// One object and a line's end: the bytes that a JSON library writes, without building values.
void add_line(const Person& person, std::string& text);
void add_line(const Biography& biography, std::string& text);
void add_line(const Question& question, std::string& text);

// `where` ("w/people.jsonl, line 3") begins the errors; people: all of the world, by their ids.
Person parse_person(std::string_view line, const std::string& where);
Biography parse_biography(std::string_view line, const std::string& where, const std::vector<Person>& people);
Question parse_question(std::string_view line, const std::string& where, const std::vector<Person>& people);

}  // namespace lethe::world
