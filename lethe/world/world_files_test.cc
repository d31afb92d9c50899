#include "lethe/world/world_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "lethe/base/error.h"
#include "lethe/base/hash.h"
#include "lethe/base/json.h"
#include "lethe/world/word_tokenizer.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::world;

namespace {

const WorldSpec kSpec{.people = 30, .celebrities = 4, .seed = 6, .augment = parse_augmentation("multi2+permute")};

void replace(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = read_file(file);
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_file(file, text.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("what is written is read: people, texts with their offsets, questions") {
  const TempDir dir;
  const WorldSize size = write_world(dir / "w", kSpec, "word");
  CHECK(is_world(dir / "w"));
  const World world = World::load(dir / "w");
  CHECK(world.spec == kSpec);
  CHECK(world.people == make_people(kSpec));
  CHECK(size.biographies == 30 * 2 + 4 * 5);
  REQUIRE(world.biographies.size() == size.biographies);
  REQUIRE(world.questions.size() == size.questions);
  CHECK(fs::exists(world.path / "tokenizer.json"));
  size_t at = 0, asked = 0;
  for (const Person& person : world.people) {
    for (const Biography& biography : biographies_of(kSpec, person)) {
      const Biography& read = world.biographies[at++];
      CHECK(read.person == biography.person);
      CHECK(read.text == biography.text);
      REQUIRE(read.attributes.size() == 6);
      for (size_t i = 0; i < 6; ++i) CHECK(read.attributes[i].start == biography.attributes[i].start);
    }
    for (const Question& question : questions_about(person)) CHECK(world.questions[asked++].prompt == question.prompt);
  }
}

TEST_CASE("a spec's bytes are the same on every machine and in every version") {
  const TempDir dir;
  write_world(dir / "w", kSpec, "word");
  uint64_t hash = fnv1a("");
  for (const char* file : {"people.jsonl", "biographies.jsonl", "questions.jsonl"})
    hash = fnv1a(read_file(dir / "w" / file), hash);
  CHECK(hash == 0x4a0a0e65c11a820f);
  CHECK(fnv1a(read_file(dir / "w" / "tokenizer.json")) == 0x3af890c2197fbb45);
}

TEST_CASE("a world that is written and read in several parts: what is read, and the number of a damaged line") {
  const TempDir dir;
  const WorldSpec spec{.people = 1500, .augment = parse_augmentation("multi2")};
  write_world(dir / "w", spec, "word");
  const fs::path file = dir / "w" / "biographies.jsonl";
  REQUIRE(fs::file_size(file) > 1 << 20);  // it is parsed by the mebibyte
  const World world = World::load(dir / "w");
  CHECK(world.people == make_people(spec));
  CHECK_NOTHROW(check_not_edited(world));
  std::string text = read_file(file);
  write_file(file, text.replace(text.rfind("{\"person\":1499,"), 15, "{\"person\":1500,"));
  CHECK_THROWS_WITH_AS(World::load(dir / "w"), doctest::Contains("line 3000: \"person\" is 1500"), Error);
}

TEST_CASE("a world takes the place of another one with all that belonged to that") {
  const TempDir dir;
  write_world(dir / "w", {.people = 3}, "word");
  const char* const others[] = {"facts-questions.jsonl", "facts-biographies.jsonl", "facts-both.jsonl", "rewrite.json",
                                "lives.jsonl",           "special_tokens_map.json"};
  for (const char* file : others) write_file(dir / "w" / file, "{}\n");
  write_world(dir / "w", {.people = 2}, make_people({.people = 2}), "word", {{"rewrite.json", "its own"}});
  CHECK(World::load(dir / "w").people.size() == 2);
  for (const char* file : others) CHECK(fs::exists(dir / "w" / file) == (file == others[3]));
  CHECK(read_file(dir / "w" / "rewrite.json") == "its own");

  write_file(dir / "w" / "lives.jsonl", "{}\n");
  begin_world(dir / "w");
  CHECK_FALSE(is_world(dir / "w"));
  CHECK_FALSE(fs::exists(dir / "w" / "rewrite.json"));
  CHECK(fs::exists(dir / "w" / "lives.jsonl"));  // hours of answers
}

TEST_CASE("a world of other words is written and read as it is, whatever its letters") {
  const TempDir dir;
  World world;
  world.spec = {.people = 2, .rewrite = Rewrite{"m", 1, 5, true, 0}};
  world.people = make_people(world.spec);
  for (const Person& person : world.people) {
    Biography b{person.id, " \"Zo\u00eb\"\\ \t" + person.full_name(), {}};
    for (const Attribute attribute : kAttributes) {
      b.text += " snorkels ";
      b.attributes.push_back({attribute, b.text.size(), b.text.size() + person.value(attribute).size()});
      b.text += person.value(attribute);
    }
    world.biographies.push_back(b);
  }
  write_world(dir / "w", world, "word");
  const World read = World::load(dir / "w");
  CHECK(read.spec == world.spec);
  CHECK(read.biographies[1].text == world.biographies[1].text);
  const Json words = read_json(dir / "w" / "tokenizer.json")["model"]["vocab"];
  CHECK(words.contains(" snorkels"));
  CHECK(words.contains(" \"Zo\u00eb\"\\"));
  CHECK_FALSE(Json(word_tokenizer())["model"]["vocab"].contains(" snorkels"));
}

TEST_CASE("no question about a person of the test half reaches training") {
  const TempDir dir;
  for (const int64_t celebrities : {0, 7}) {
    write_world(dir / "w", {.people = 41, .celebrities = celebrities}, "word");
    const World world = World::load(dir / "w");
    const auto training = training_questions(world), tested = test_questions(world);
    std::set<int64_t> taught;
    for (const Question& q : training) {
      taught.insert(q.person);
      CHECK(world.people[static_cast<size_t>(q.person)].split == (celebrities ? Split::kCelebrity : Split::kTrain));
    }
    for (const Question& q : tested) {
      CHECK(taught.count(q.person) == 0);
      for (const Question& other : training)
        CHECK(other.prompt.find(world.people[static_cast<size_t>(q.person)].full_name()) == std::string::npos);
    }
    CHECK(training.size() == (celebrities ? 7 : 21) * 6);
    CHECK(tested.size() == (celebrities ? 41 : 20) * 6);
    for (const Split split : kSplits)
      CHECK(is_trained(world.spec, split) == (split == (celebrities ? Split::kCelebrity : Split::kTrain)));
  }
}

TEST_CASE("damaged worlds: file, line, field, value, and what was expected") {
  const TempDir dir;
  write_world(dir / "good", kSpec, "word");
  const auto fresh = [&] {
    fs::remove_all(dir / "w");
    fs::copy(dir / "good", dir / "w");
  };
  const auto fails = [&](const char* file, const std::string& from, const std::string& to,
                         const std::vector<const char*>& parts) {
    fresh();
    replace(dir / "w" / file, from, to);
    std::string message = "nothing is wrong";
    try {
      World::load(dir / "w");
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(message.find((dir / "w" / file).string()) == 0);
    for (const char* part : parts) CHECK_MESSAGE(message.find(part) != std::string::npos, message, " lacks ", part);
  };
  const std::vector<Person> people = make_people(kSpec);
  const std::string name = people[1].full_name();
  fails("people.jsonl", "{\"id\":2,", "{\"id\":2", {", line 3", "not valid JSON"});
  fails("people.jsonl", "{\"id\":2,", "{\"id\":7,", {", line 3", "\"id\" is 7, expected 2"});
  fails("people.jsonl", "{\"id\":0,\"first\"", "{\"id\":0,\"f\"", {", line 1", "\"first\" is missing"});
  fails("people.jsonl", "\"pronoun\":\"", "\"pronoun\":\"x",
        {", line 1", "\"pronoun\" is \"x", "expected one of he, she, they"});
  fails("people.jsonl", "\"split\":\"", "\"split\":\"x", {", line 1", "\"split\" is \"x", "train, test, celebrity"});
  fails("people.jsonl", "\"major\":\"", "\"major\":\"X", {", line 1", "\"major\" is \"X", "expected one of the 100"});
  fails("people.jsonl", read_file(dir / "w" / "people.jsonl").substr(0, 20), "", {", line 1"});
  fails("world.toml", "people = 30", "people = 0", {":1: people: 0 is not a whole number from 1 to 160000000"});
  fails("biographies.jsonl", "{\"person\":3,", "{\"person\":34,",
        {", line 7", "\"person\" is 34, expected an id below 34"});
  fails("biographies.jsonl", "{\"person\":3,", "{\"person\":-1,", {", line 7", "\"person\" is -1"});
  fails("biographies.jsonl", "{\"person\":3,", "{\"person\":4,", {", line 7", "the person's"});
  fails("biographies.jsonl", "\"attribute\":\"", "\"attribute\":\"x",
        {", line 1", "\"attribute\" is \"x", "birth_city"});
  fails("biographies.jsonl", "\"start\":", "\"start\":9", {", line 1", "expected bytes of the text's"});
  fails("biographies.jsonl", "\"start\":", "\"start\":null,\"s\":", {", line 1", "\"start\" is missing"});
  fails("biographies.jsonl", "\"text\":\" ", "\"text\":\"  ", {", line 1", "expected the person's"});
  fails("biographies.jsonl", "\"attributes\":[", "\"attributes\":[1,",
        {", line 1", "\"attributes\" is [1,", "a list of 6"});
  fails("biographies.jsonl", "\"text\":\" ", "\"text\":\"\xff", {", line 1", "UTF-8"});
  fails("questions.jsonl", "\"split\":\"", "\"split\":\"maybe", {", line 1", "\"split\" is \"maybe"});
  fails("questions.jsonl", "\"person\":1,", "\"person\":34,", {", line 7", "\"person\" is 34"});
  fails("questions.jsonl", name, "Ada", {", line 7", "\"prompt\" is \"What is the birth date of Ada", name.c_str()});
  fails("questions.jsonl", "\"completion\":\" ", "\"completion\":\"", {", line 1", "expected the person's birth_date"});
  fails("questions.jsonl", "\"attribute\":\"birth_city\"", "\"attribute\":\"age\"",
        {", line 2", "\"attribute\" is \"age\""});

  // Whole lines that are gone, twice there, or another person's.
  const auto first_line = [&](const char* file) {
    const std::string text = read_file(dir / "good" / file);
    return text.substr(0, text.find('\n') + 1);
  };
  std::string line = first_line("biographies.jsonl");
  fails("biographies.jsonl", line, "", {"1 biographies of person 0, expected 2"});
  fails("biographies.jsonl", line, line + line, {"3 biographies of person 0, expected 2"});
  fails("biographies.jsonl", line, line + "\n", {", line 2", "empty"});
  line = first_line("questions.jsonl");
  fails("questions.jsonl", line, "", {"0 questions about the birth_date of person 0"});
  line = first_line("people.jsonl");
  fails("people.jsonl", line, "", {", line 1", "\"id\" is 1, expected 0"});
  const Person& one = people[1];
  fails("people.jsonl",
        fmt::format("\"first\":\"{}\",\"middle\":\"{}\",\"last\":\"{}\"", one.first, one.middle, one.last),
        fmt::format("\"first\":\"{}\",\"middle\":\"{}\",\"last\":\"{}\"", people[0].first, people[0].middle,
                    people[0].last),
        {", line 2", "stands in line 1, too"});
  fresh();
  replace(dir / "w" / "world.toml", "people = 30", "people = 31");
  CHECK_THROWS_WITH_AS(World::load(dir / "w"),
                       doctest::Contains("34 people, 4 of them celebrities; world.toml says 31 and 4 celebrities"),
                       Error);
  for (const char* file : {"people.jsonl", "biographies.jsonl", "questions.jsonl", "world.toml"}) {
    fresh();
    fs::remove(dir / "w" / file);
    CHECK_THROWS_WITH_AS(World::load(dir / "w"), doctest::Contains(file), Error);
  }
}

TEST_CASE("a tokenizer is copied with what belongs to it, and one that is not there stops before anything is written") {
  const TempDir dir;
  write_world(dir / "w", {.people = 2}, "word");
  write_world(dir / "other", {.people = 3}, dir / "w");
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    CHECK(read_file(dir / "w" / file) == read_file(dir / "other" / file));
  CHECK(World::load(dir / "other").spec.tokenizer == "word");
  write_file(dir / "w" / "special_tokens_map.json", "{}");
  write_file(dir / "w" / "tokenizer.json", "{}");
  write_world(dir / "third", {.people = 3}, dir / "w");
  CHECK(read_file(dir / "third" / "special_tokens_map.json") == "{}");
  const std::string name = World::load(dir / "third").spec.tokenizer;
  CHECK(name.size() == 16);
  CHECK(read_file(dir / "third" / "world.toml") ==
        "people = 3\nseed = 0\naugment = \"single\"\ntokenizer = \"" + name + "\"\n");
  CHECK(tokenizer_name(dir / "third") == name);
  fs::copy(dir / "third", dir / "copy");
  CHECK_NOTHROW(World::load(dir / "copy"));
  write_file(dir / "copy" / "tokenizer.json", "{} ");
  const std::string edited = tokenizer_fingerprint(dir / "copy");
  CHECK_THROWS_WITH_AS(World::load(dir / "copy"),
                       doctest::Contains(("fingerprint " + edited + ", expected " + name + " as world.toml").c_str()),
                       Error);
  write_file(dir / "w" / "tokenizer_config.json", "{}");
  CHECK(tokenizer_name(dir / "w") != name);
  CHECK_THROWS_WITH_AS(write_world(dir / "none", {.people = 3}, dir / "no"),
                       doctest::Contains("no tokenizer.json there"), Error);
  CHECK_FALSE(fs::exists(dir / "none"));
}
