#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "lethe/base/error.h"
#include "lethe/world/in_order.h"
#include "lethe/world/records.h"
#include "lethe/world/world_files.h"

namespace lethe::world {
namespace {

constexpr size_t kPartBytes = size_t{1} << 20;  // bytes that are parsed at a time, and the rest of their last line

struct Part {
  std::string_view text;
  size_t first_line;  // from 1
};

std::vector<Part> parts_of(std::string_view text) {
  std::vector<Part> parts;
  for (size_t line = 1; !text.empty();) {
    const size_t end = text.size() > kPartBytes ? text.find('\n', kPartBytes) : std::string_view::npos;
    const std::string_view part = text.substr(0, end == std::string_view::npos ? end : end + 1);
    parts.push_back({part, line});
    line += static_cast<size_t>(std::ranges::count(part, '\n'));
    text.remove_prefix(part.size());
  }
  return parts;
}

// parse(line, where) of every line.
template <typename Parse>
auto read_lines(const fs::path& path, const Parse& parse) {
  using Record = decltype(parse(std::string_view(), std::string()));
  const MappedFile file(path);
  const std::vector<Part> parts = parts_of({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  std::vector<Record> records;
  in_order(
      parts.size(),
      [&](size_t i) {
        std::vector<Record> some;
        std::string_view rest = parts[i].text;
        for (size_t line = parts[i].first_line; !rest.empty(); ++line) {
          const size_t end = std::min(rest.find('\n'), rest.size());
          some.push_back(parse(rest.substr(0, end), fmt::format("{}, line {}", path.string(), line)));
          rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return some;
      },
      [&](std::vector<Record>&& some) { std::ranges::move(some, std::back_inserter(records)); });
  return records;
}

std::vector<Person> read_people(const fs::path& path, const WorldSpec& spec) {
  auto people = read_lines(path, parse_person);
  std::unordered_map<std::string, size_t> lines;
  int64_t celebrities = 0;
  for (size_t i = 0; i < people.size(); ++i) {
    const Person& person = people[i];
    check(person.id == static_cast<int64_t>(i), "{}, line {}: \"id\" is {}, expected {}: ids count from 0",
          path.string(), i + 1, person.id, i);
    const auto [other, added] = lines.emplace(person.full_name(), i + 1);
    check(added, "{}, line {}: {} stands in line {}, too; names are distinct", path.string(), i + 1, person.full_name(),
          other->second);
    celebrities += person.split == Split::kCelebrity;
  }
  check(std::ssize(people) == spec.people + spec.celebrities && celebrities == spec.celebrities,
        "{}: {} people, {} of them celebrities; world.toml says {} and {} celebrities beside them", path.string(),
        people.size(), celebrities, spec.people, spec.celebrities);
  return people;
}

std::vector<Biography> read_biographies(const fs::path& path, const WorldSpec& spec,
                                        const std::vector<Person>& people) {
  auto biographies = read_lines(
      path, [&](std::string_view line, const std::string& where) { return parse_biography(line, where, people); });
  std::ranges::stable_sort(biographies, {}, &Biography::person);
  std::vector<int64_t> count(people.size());
  for (const Biography& biography : biographies) ++count[static_cast<size_t>(biography.person)];
  for (size_t i = 0; i < people.size(); ++i) {
    const int64_t expected = spec.entries(people[i].split == Split::kCelebrity);
    check(count[i] == expected, "{}: {} biographies of person {}, expected {} as world.toml says", path.string(),
          count[i], i, expected);
  }
  return biographies;
}

std::vector<Question> read_questions(const fs::path& path, const std::vector<Person>& people) {
  auto questions = read_lines(
      path, [&](std::string_view line, const std::string& where) { return parse_question(line, where, people); });
  std::ranges::stable_sort(questions, {}, &Question::person);
  std::vector<std::array<int, kAttributes.size()>> count(people.size());
  for (const Question& question : questions)
    ++count[static_cast<size_t>(question.person)][static_cast<size_t>(question.attribute)];
  for (size_t i = 0; i < people.size(); ++i)
    for (const Attribute attribute : kAttributes)
      check(count[i][static_cast<size_t>(attribute)] == 1, "{}: {} questions about the {} of person {}, expected one",
            path.string(), count[i][static_cast<size_t>(attribute)], attribute_name(attribute), i);
  return questions;
}

}  // namespace

World World::load(const fs::path& path) {
  const fs::path spec = path / kSpecFile;
  check(fs::exists(path), "{}: no world, there is no such folder; `lethe world make --out {}` makes one", path.string(),
        path.string());
  check(fs::exists(spec), "{}: no world, there is no {} in it{}", path.string(), kSpecFile,
        fs::exists(path / "config.json") ? " (it is a model: the model comes first, then the WORLD)" : "");
  World world;
  world.path = path;
  world.spec = WorldSpec::from_toml(read_file(spec), spec.string());
  if (world.spec.tokenizer != "word") {
    const std::string found = tokenizer_fingerprint(path);
    check(found == world.spec.tokenizer,
          "{}: the tokenizer's files have the fingerprint {}, expected {} as {} says: one was edited, added or removed",
          (path / kTokenizerFiles[0]).string(), found, world.spec.tokenizer, kSpecFile);
  }
  world.people = read_people(path / kPeopleFile, world.spec);
  world.biographies = read_biographies(path / kBiographiesFile, world.spec, world.people);
  world.questions = read_questions(path / kQuestionsFile, world.people);
  return world;
}

}  // namespace lethe::world
