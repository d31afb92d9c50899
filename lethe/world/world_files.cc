#include "lethe/world/world_files.h"

#include "lethe/base/error.h"
#include "lethe/base/json.h"
#include "lethe/world/word_tokenizer.h"

namespace lethe::world {
namespace {

constexpr const char *kSpec = "world.toml", *kPeople = "people.jsonl", *kBiographies = "biographies.jsonl",
                     *kQuestions = "questions.jsonl";
constexpr std::string_view kPronouns[] = {"he", "she", "they"};

OrderedJson json_of(const Person& person) {
  OrderedJson json{{"id", person.id},
                   {"first", person.first},
                   {"middle", person.middle},
                   {"last", person.last},
                   {"pronoun", kPronouns[person.pronoun]}};
  for (const Attribute attribute : kAttributes) json[std::string(attribute_name(attribute))] = person.value(attribute);
  json["split"] = split_name(person.split);
  return json;
}

OrderedJson json_of(const Biography& biography) {
  OrderedJson told = OrderedJson::array();
  for (const auto& [attribute, start, end] : biography.attributes)
    told.push_back({{"attribute", attribute_name(attribute)}, {"start", start}, {"end", end}});
  return {{"person", biography.person}, {"text", biography.text}, {"attributes", std::move(told)}};
}

OrderedJson json_of(const Question& question) {
  return {{"person", question.person},
          {"attribute", attribute_name(question.attribute)},
          {"split", split_name(question.split)},
          {"prompt", question.prompt},
          {"completion", question.completion}};
}

template <typename T>
void write_lines(const fs::path& path, const std::vector<T>& values) {
  AtomicFile file(path);
  for (const T& value : values) file.write(json_of(value).dump() + "\n");
  file.commit();
}

}  // namespace

WorldSize write_world(const fs::path& out, const WorldSpec& spec, const fs::path& tokenizer) {
  const bool words = tokenizer == "word";
  check(words || fs::exists(tokenizer / "tokenizer.json"),
        "--tokenizer {}: no tokenizer.json there, expected \"word\" or a directory with one", tokenizer.string());
  const std::vector<Person> people = make_people(spec);
  const std::vector<Biography> biographies = make_biographies(spec, people);
  const std::vector<Question> questions = make_questions(people);
  std::error_code error;
  fs::create_directories(out, error);
  check(!error, "cannot make the directory {}: {}", out.string(), error.message());
  write_lines(out / kPeople, people);
  write_lines(out / kBiographies, biographies);
  write_lines(out / kQuestions, questions);
  if (words) {
    write_file(out / "tokenizer.json", word_tokenizer().dump());
    write_file(out / "tokenizer_config.json", word_tokenizer_config().dump(2));
  } else {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})
      if (fs::exists(tokenizer / name)) write_file(out / name, read_file(tokenizer / name));
  }
  write_file(out / kSpec, spec.toml());
  return {biographies.size(), questions.size()};
}

bool is_world(const fs::path& path) { return fs::exists(path / kSpec); }

World World::load(const fs::path& path) {
  const fs::path spec = path / kSpec, people = path / kPeople;
  World world;
  world.spec = WorldSpec::from_toml(read_file(spec), spec.string());
  world.people = make_people(world.spec);
  const std::string text = read_file(people);
  std::string_view rest = text;
  for (size_t i = 0; i < world.people.size(); ++i) {
    const std::string line = json_of(world.people[i]).dump() + "\n";
    check(rest.starts_with(line), "{}, line {}: not the person that {} makes; make the world anew (lethe world make)",
          people.string(), i + 1, spec.string());
    rest.remove_prefix(line.size());
  }
  check(rest.empty(), "{}: more people than {} makes ({})", people.string(), spec.string(), world.people.size());
  return world;
}

}  // namespace lethe::world
