// world make: the files, their fields, the same bytes again, and a tokenizer that knows every word.
#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <set>
#include <sstream>

#include "tests/e2e/bad_input.h"

namespace {

using lethe::Json;
namespace fs = lethe::fs;

std::vector<Json> lines_in(const fs::path& path) {
  std::vector<Json> records;
  std::istringstream text(lethe::read_file(path));
  for (std::string line; std::getline(text, line);) records.push_back(Json::parse(line));
  return records;
}

const char* const kFiles[] = {"world.toml",      "people.jsonl",   "biographies.jsonl",
                              "questions.jsonl", "tokenizer.json", "tokenizer_config.json"};

TEST_CASE("world make: the contract's fields, and the same bytes again") {
  const TempDir dir;
  const std::string one = (dir / "one").string(), two = (dir / "two").string();
  const std::vector<std::string> arguments = {"world",     "make",           "--people",      "40", "--seed", "5",
                                              "--augment", "multi2+permute", "--celebrities", "3",  "--json", "--out"};
  const auto make = [&](const std::string& out) {
    std::vector<std::string> all = arguments;
    all.push_back(out);
    return run_lethe(all);
  };
  const Run run = make(one);
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  CHECK(run.json()["people"] == 40);
  CHECK(run.json()["celebrities"] == 3);
  CHECK(run.json()["biographies"] == 40 * 2 + 3 * 5);
  CHECK(run.json()["questions"] == 43 * 6);
  REQUIRE(make(two).status == 0);
  for (const char* file : kFiles) CHECK(lethe::read_file(dir / "one" / file) == lethe::read_file(dir / "two" / file));

  const auto people = lines_in(dir / "one" / "people.jsonl");
  REQUIRE(people.size() == 43);
  for (const char* field : {"first", "middle", "last", "pronoun", "birth_date", "birth_city", "university", "major",
                            "company", "company_city", "split"})
    CHECK_FALSE(people[7].at(field).get<std::string>().empty());
  for (const Json& biography : lines_in(dir / "one" / "biographies.jsonl")) {
    const Json& person = people[biography["person"].get<size_t>()];
    const auto text = biography["text"].get<std::string>();
    for (const Json& told : biography["attributes"]) {
      const auto start = told["start"].get<size_t>(), end = told["end"].get<size_t>();
      CHECK(text.substr(start, end - start) == person[told["attribute"].get<std::string>()]);
    }
  }
  for (const Json& question : lines_in(dir / "one" / "questions.jsonl")) {
    const Json& person = people[question["person"].get<size_t>()];
    CHECK(question["split"] == person["split"]);
    CHECK(question["completion"] == " " + person[question["attribute"].get<std::string>()].get<std::string>() + ".");
  }
  check_fails(1, {"world", "make", "--out", one}, {one, "--overwrite"});
}

TEST_CASE("the word tokenizer knows every word of biographies and questions, and gives the text back") {
  const TempDir dir;
  const std::string world = (dir / "w").string();
  REQUIRE(run_lethe({"world", "make", "--people", "300", "--augment", "multi5+permute", "--out", world}).status == 0);
  std::string text;
  for (const Json& b : lines_in(dir / "w" / "biographies.jsonl")) text += Json({{"text", b["text"]}}).dump() + "\n";
  for (const Json& q : lines_in(dir / "w" / "questions.jsonl"))
    text += Json({{"text", q["prompt"].get<std::string>() + q["completion"].get<std::string>()}}).dump() + "\n";
  lethe::write_file(dir / "texts.jsonl", text);
  const Run run = run_lethe({"tokenize", world, "--jsonl", (dir / "texts.jsonl").string()});
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  std::istringstream ids(run.out), texts(text);
  size_t checked = 0;
  for (std::string line, record; std::getline(ids, line) && std::getline(texts, record); ++checked) {
    const auto numbers = Json::parse(line).get<std::vector<int>>();
    CHECK(std::find(numbers.begin(), numbers.end(), 1) == numbers.end());  // <unk>
    if (checked % 300 != 0) continue;
    const Run back = run_lethe({"tokenize", world, "--decode", fmt::format("{}", fmt::join(numbers, ",")), "--json"});
    CHECK(back.json()["text"] == Json::parse(record)["text"]);
  }
  CHECK(checked == 300 * 5 + 300 * 6);
}

TEST_CASE("worlds that cannot be") {
  const TempDir dir;
  const std::string out = (dir / "w").string();
  const auto fails = [&](int status, std::vector<std::string> more, std::vector<std::string> parts) {
    std::vector<std::string> arguments = {"world", "make", "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    check_fails(status, arguments, parts);
    CHECK_FALSE(fs::exists(out));
  };
  fails(2, {"--people", "160000001"}, {"--people 160000001", "160000000 different names"});
  fails(2, {"--celebrities", "160000000"}, {"--people 1000 and --celebrities 160000000"});
  fails(2, {"--people", "0"}, {"--people", "'0'"});
  fails(2, {"--augment", "multi3"}, {"--augment", "'multi3'", "multi5+permute"});
  fails(2, {"--couple", "3"}, {"--couple", "'3'", "expected 1, 2 or 5"});
  fails(2, {"--couple", "2", "--augment", "single+fullname"}, {"--augment has no effect"});
  fails(2, {"--celebrity-augment", "multi2"}, {"--celebrity-augment has no effect", "no celebrities"});
  fails(1, {"--tokenizer", "/no/such"}, {"/no/such", "no tokenizer.json", "word"});
}

TEST_CASE("world change: facts that `update` and `evaluate` read, and a world again") {
  const TempDir dir;
  const std::string world = (dir / "w").string(), changed = (dir / "w2").string();
  check_works({"world", "make", "--people", "50", "--augment", "multi2", "--out", world});
  const Run run = check_works({"world", "change", world, "--attribute", "university", "--share", "0.2", "--out",
                               changed, "--seed", "3", "--json"});
  CHECK(run.json()["changed"] == 10);
  CHECK(run.json()["attribute"] == "university");
  const auto before = lines_in(dir / "w" / "people.jsonl"), after = lines_in(dir / "w2" / "people.jsonl");
  int others = 0;
  for (size_t i = 0; i < 50; ++i) others += before[i] != after[i];
  CHECK(others == 10);
  CHECK(lines_in(dir / "w2" / "facts-questions.jsonl").size() == 10);
  CHECK(lines_in(dir / "w2" / "facts-biographies.jsonl").size() == 10);
  CHECK(contains(lethe::read_file(dir / "w2" / "world.toml"), "[[change]]\nattribute = \"university\"\nshare = 0.2\n"));
  // The tiny model reads every record; its tokenizer has room for 64 tokens only, so its texts may be too long.
  const Run read =
      run_lethe({"evaluate", copy_model(dir).string(), (dir / "w2" / "facts-both.jsonl").string(), "--json"});
  CHECK((read.status == 0 || contains(read.err, "64 positions")));

  check_fails(1, {"world", "change", world, "--out", changed}, {changed, "--overwrite"});
  check_fails(1, {"world", "change", world, "--out", world, "--overwrite"}, {world, "which is read"});
  check_fails(2, {"world", "change", world, "--out", (dir / "x").string(), "--attribute", "age"},
              {"--attribute", "'age'", "birth_date", "company_city"});
  check_fails(2, {"world", "change", world, "--out", (dir / "x").string(), "--share", "1.5"}, {"--share", "'1.5'"});
  check_fails(1, {"world", "change", world, "--out", (dir / "x").string(), "--share", "0.001"}, {"changes nobody"});
  check_fails(1, {"world", "change", (dir / "none").string(), "--out", (dir / "x").string()}, {"none", "no world"});
  replace_in(dir / "w" / "questions.jsonl", "\"split\":\"t", "\"split\":\"T");
  check_fails(1, {"world", "change", world, "--out", (dir / "x").string()},
              {"questions.jsonl, line 1", "\"split\"", "train, test, celebrity"});
  CHECK_FALSE(fs::exists(dir / "x"));
}

}  // namespace
