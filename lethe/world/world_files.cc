#include "lethe/world/world_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lethe/base/error.h"
#include "lethe/base/hash.h"
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

void write_tokenizer(const fs::path& out, const fs::path& tokenizer, const std::vector<Biography>& retold) {
  std::error_code none;
  if (tokenizer != "word" && fs::equivalent(out, tokenizer, none)) return;
  for (const char* name : kTokenizerFiles) fs::remove(out / name, none);  // of another world: not every one has all
  if (tokenizer == "word") {
    write_file(out / "tokenizer.json", word_tokenizer(retold).dump());
    write_file(out / "tokenizer_config.json", word_tokenizer_config().dump(2));
    return;
  }
  for (const char* name : kTokenizerFiles)
    if (fs::exists(tokenizer / name)) write_file(out / name, read_file(tokenizer / name));
}

// `retold`: biographies whose words the tokenizer must know; lines(person, text) adds a person's biographies.
template <typename Lines>
WorldSize write_files(const fs::path& out, WorldSpec spec, const std::vector<Person>& people, const fs::path& tokenizer,
                      const Files& beside, const std::vector<Biography>& retold, const Lines& lines) {
  spec.tokenizer = tokenizer_name(tokenizer);
  begin_world(out);
  write_tokenizer(out, tokenizer, retold);
  for (const auto& [name, bytes] : beside) write_file(out / name, bytes);
  write_lines(out / kPeopleFile, people, [](const Person& person, std::string& text) { add_line(person, text); });
  WorldSize size;
  size.biographies = write_lines(out / kBiographiesFile, people, lines);
  size.questions = write_lines(out / kQuestionsFile, people, [](const Person& person, std::string& text) {
    for (const Question& question : questions_about(person)) add_line(question, text);
  });
  write_file(out / kSpecFile, spec.toml());
  std::error_code none;
  if (!spec.rewrite) fs::remove(out / kLivesFile, none);
  return size;
}

// Those that are for training, or all others.
std::vector<Question> questions_of(const World& world, bool trained) {
  std::vector<Question> questions;
  std::ranges::copy_if(world.questions, std::back_inserter(questions),
                       [&](const Question& q) { return is_trained(world.spec, q.split) == trained; });
  return questions;
}

}  // namespace

void begin_world(const fs::path& out) {
  std::error_code error;
  fs::create_directories(out, error);
  check(!error, "cannot make the directory {}: {}", out.string(), error.message());
  const auto remove = [&](const char* name) {
    fs::remove(out / name, error);
    check(!error, "cannot replace {}: {}", (out / name).string(), error.message());
  };
  remove(kSpecFile);
  remove(kRewriteFile);
  for (const char* name : kFactsFiles) remove(name);
}

WorldSize write_world(const fs::path& out, const WorldSpec& spec, const fs::path& tokenizer) {
  return write_world(out, spec, make_people(spec), tokenizer);
}

WorldSize write_world(const fs::path& out, const WorldSpec& spec, const std::vector<Person>& people,
                      const fs::path& tokenizer, const Files& beside) {
  return write_files(out, spec, people, tokenizer, beside, {}, [&](const Person& person, std::string& text) {
    for (const Biography& biography : biographies_of(spec, person)) add_line(biography, text);
  });
}

WorldSize write_world(const fs::path& out, const World& world, const fs::path& tokenizer, const Files& beside) {
  const auto& all = world.biographies;
  const auto lines = [&](const Person& person, std::string& text) {
    auto biography = std::ranges::lower_bound(all, person.id, {}, &Biography::person);
    for (; biography != all.end() && biography->person == person.id; ++biography) add_line(*biography, text);
  };
  return write_files(out, world.spec, world.people, tokenizer, beside, all, lines);
}

std::string tokenizer_name(const fs::path& tokenizer) {
  if (tokenizer == "word") return "word";
  check(fs::exists(tokenizer / "tokenizer.json"),
        "--tokenizer {}: no tokenizer.json there, expected \"word\" or a directory with one", tokenizer.string());
  if (read_file(tokenizer / "tokenizer.json") == word_tokenizer().dump()) return "word";  // another world's
  return tokenizer_fingerprint(tokenizer);
}

std::string tokenizer_fingerprint(const fs::path& directory) {
  uint64_t hash = fnv1a("");
  for (const char* name : kTokenizerFiles)
    if (fs::exists(directory / name)) hash = fnv1a(read_file(directory / name), fnv1a(name, hash));
  return fmt::format("{:016x}", hash);
}

void check_not_edited(const World& world) {
  const auto edited = [&](const char* file) {
    fail("{}: this is not what its world.toml makes: it was edited, or another version made it",
         (world.path / file).string());
  };
  if (world.people != make_people(world.spec)) edited(kPeopleFile);
  auto biography = world.biographies.begin();
  auto question = world.questions.begin();
  for (const Person& person : world.people) {
    if (!world.spec.rewrite)
      for (const Biography& made : biographies_of(world.spec, person))
        if (*biography++ != made) edited(kBiographiesFile);
    for (const Question& made : questions_about(person))
      if (*question++ != made) edited(kQuestionsFile);
  }
}

bool is_world(const fs::path& path) { return fs::exists(path / kSpecFile); }

bool is_trained(const WorldSpec& spec, Split split) {
  return split == (spec.celebrities > 0 ? Split::kCelebrity : Split::kTrain);
}

std::vector<Question> training_questions(const World& world) { return questions_of(world, true); }

std::vector<Question> test_questions(const World& world) { return questions_of(world, false); }

}  // namespace lethe::world
