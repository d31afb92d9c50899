#include "lethe/world/world_files.h"

#include <algorithm>
#include <iterator>

#include "lethe/base/error.h"
#include "lethe/world/in_order.h"
#include "lethe/world/records.h"
#include "lethe/world/word_tokenizer.h"

namespace lethe::world {
namespace {

constexpr size_t kPeopleAtATime = 512;  // people whose lines are made at a time

// Writes lines(person, text) of all people; returns how many lines they are.
template <typename Lines>
size_t write_lines(const fs::path& path, const std::vector<Person>& people, const Lines& lines) {
  AtomicFile file(path);
  size_t count = 0;
  in_order((people.size() + kPeopleAtATime - 1) / kPeopleAtATime,
           [&](size_t part) {
             std::string text;
             for (size_t i = part * kPeopleAtATime; i < std::min(people.size(), (part + 1) * kPeopleAtATime); ++i)
               lines(people[i], text);
             return text;
           },
           [&](const std::string& text) {
             file.write(text);
             count += static_cast<size_t>(std::ranges::count(text, '\n'));
           });
  file.commit();
  return count;
}

void write_tokenizer(const fs::path& out, const fs::path& tokenizer, const std::vector<Biography>& biographies) {
  if (tokenizer == "word") {
    write_file(out / "tokenizer.json", word_tokenizer(biographies).dump());
    write_file(out / "tokenizer_config.json", word_tokenizer_config().dump(2));
    return;
  }
  std::error_code none;
  if (fs::equivalent(out, tokenizer, none)) return;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})
    if (fs::exists(tokenizer / name)) write_file(out / name, read_file(tokenizer / name));
}

template <typename Lines>
WorldSize write_files(const fs::path& out, const WorldSpec& spec, const std::vector<Person>& people,
                      const Lines& biographies) {
  begin_world(out);
  write_lines(out / kPeopleFile, people, [](const Person& person, std::string& text) { add_line(person, text); });
  WorldSize size;
  size.biographies = write_lines(out / kBiographiesFile, people, biographies);
  size.questions = write_lines(out / kQuestionsFile, people, [](const Person& person, std::string& text) {
    for (const Question& question : questions_about(person)) add_line(question, text);
  });
  write_file(out / kSpecFile, spec.toml());
  return size;
}

}  // namespace

void begin_world(const fs::path& out) {
  std::error_code error;
  fs::create_directories(out, error);
  check(!error, "cannot make the directory {}: {}", out.string(), error.message());
  fs::remove(out / kSpecFile, error);
  check(!error, "cannot replace {}: {}", (out / kSpecFile).string(), error.message());
}

WorldSize write_world(const fs::path& out, const WorldSpec& spec, const fs::path& tokenizer) {
  check_tokenizer(tokenizer);
  const std::vector<Person> people = make_people(spec);
  begin_world(out);
  write_tokenizer(out, tokenizer, {});
  return write_files(out, spec, people, [&](const Person& person, std::string& text) {
    for (const Biography& biography : biographies_of(spec, person)) add_line(biography, text);
  });
}

WorldSize write_world(const fs::path& out, const World& world, const fs::path& tokenizer) {
  check_tokenizer(tokenizer);
  begin_world(out);
  write_tokenizer(out, tokenizer, world.biographies);
  return write_files(out, world.spec, world.people, [&](const Person& person, std::string& text) {
    auto biography = std::ranges::lower_bound(world.biographies, person.id, {}, &Biography::person);
    for (; biography != world.biographies.end() && biography->person == person.id; ++biography)
      add_line(*biography, text);
  });
}

void check_tokenizer(const fs::path& tokenizer) {
  check(tokenizer == "word" || fs::exists(tokenizer / "tokenizer.json"),
        "--tokenizer {}: no tokenizer.json there, expected \"word\" or a directory with one", tokenizer.string());
}

bool is_world(const fs::path& path) { return fs::exists(path / kSpecFile); }

Split training_split(const WorldSpec& spec) { return spec.celebrities > 0 ? Split::kCelebrity : Split::kTrain; }

std::vector<Question> questions_of(const World& world, Split split) {
  std::vector<Question> questions;
  std::ranges::copy_if(world.questions, std::back_inserter(questions),
                       [&](const Question& q) { return q.split == split; });
  return questions;
}

std::vector<Question> training_questions(const World& world) { return questions_of(world, training_split(world.spec)); }

std::vector<Question> test_questions(const World& world) {
  if (world.spec.celebrities == 0) return questions_of(world, Split::kTest);
  std::vector<Question> questions;
  std::ranges::copy_if(world.questions, std::back_inserter(questions),
                       [&](const Question& q) { return q.split != Split::kCelebrity; });
  return questions;
}

}  // namespace lethe::world
