// world rewrite: a tiny model, which never tells a life, and what becomes of its answers; answers of a better one;
// interruption, what --resume refuses, bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <sstream>

#include "tests/e2e/bad_input.h"

namespace {

using lethe::Json;
namespace fs = lethe::fs;
using Arguments = std::vector<std::string>;

std::vector<Json> lines(const fs::path& path) {
  std::vector<Json> records;
  if (!fs::exists(path)) return records;
  std::istringstream text(lethe::read_file(path));
  for (std::string line; std::getline(text, line) && !text.eof();) records.push_back(Json::parse(line));
  return records;
}

// lives.jsonl without what differs from run to run.
std::vector<Json> answers_in(const fs::path& out) {
  std::vector<Json> all = lines(out / "lives.jsonl");
  for (Json& line : all) line.erase("seconds");
  return all;
}

std::string name_in(const Json& person) {
  return person["first"].get<std::string>() + " " + person["middle"].get<std::string>() + " " +
         person["last"].get<std::string>();
}

// A life as a good model tells it, with marks around the major and the city of work.
std::string life_of(const Json& person, const std::string& before = "", const std::string& behind = "") {
  const auto value = [&](const char* attribute) { return person[attribute].get<std::string>(); };
  return name_in(person) + " was born on " + value("birth_date") + " in " + value("birth_city") + ". She studied " +
         before + value("major") + behind + " at " + value("university") + ". Later she moved to " + before +
         value("company_city") + behind + " and worked for " + value("company") + ".";
}

// A model that has room for a conversation, and a world.
struct RewriteSetting {
  TempDir dir;
  std::string model = copy_model(dir).string(), world = (dir / "world").string();

  explicit RewriteSetting(const Arguments& more) {
    replace_in(fs::path(model) / "config.json", "\"max_position_embeddings\": 64", "\"max_position_embeddings\":9999");
    Arguments make = {"world", "make", "--out", world};
    make.insert(make.end(), more.begin(), more.end());
    check_works(make);
  }
  Arguments rewrite(const std::string& out, const Arguments& more) const {
    Arguments all = {"world",  "rewrite",          world, "--model", model, "--out", (dir / out).string(),
                     "--json", "--max-new-tokens", "16"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

TEST_CASE("world rewrite: a whole world of the same people; lives that are not told are said, and completed if asked") {
  const RewriteSetting s({"--people", "6", "--celebrities", "1"});
  const Arguments how = {"--versions", "3", "--max-tries", "2", "--incomplete", "complete", "--seed", "4"};
  const Run run = check_works(s.rewrite("told", how));
  const Json json = run.json();
  CHECK(json["people"] == 7);
  CHECK(json["versions"] == 3);
  CHECK(json["biographies"] == 6 * 3 + 5);
  CHECK(json["completed"] == 6 * 3 + 5);
  CHECK(json["told"] == 0);
  CHECK(json["answers"] == 2 * (6 * 3 + 5));
  CHECK(json["acceptance_rate"] == 0);
  CHECK(json["wrong"]["unfinished"] == 2 * (6 * 3 + 5));
  CHECK(json["tokens"].get<int64_t>() > 0);
  for (const char* file : {"people.jsonl", "questions.jsonl"})
    CHECK(lethe::read_file(s.dir / "told" / file) == lethe::read_file(fs::path(s.world) / file));
  CHECK(lines(s.dir / "told" / "lives.jsonl").size() == 2);
  CHECK(contains(lethe::read_file(s.dir / "told" / "world.toml"), "[rewrite]\nmodel = \"" + lethe::name_of(s.model)));
  const auto people = lines(s.dir / "told" / "people.jsonl");
  std::set<std::string> texts;
  for (const Json& biography : lines(s.dir / "told" / "biographies.jsonl")) {
    const auto text = biography["text"].get<std::string>();
    texts.insert(text);
    REQUIRE(biography["attributes"].size() == 6);
    for (const Json& told : biography["attributes"]) {
      const auto start = told["start"].get<size_t>(), end = told["end"].get<size_t>();
      CHECK(text.substr(start, end - start) ==
            people[biography["person"].get<size_t>()][told["attribute"].get<std::string>()]);
    }
  }
  CHECK(texts.size() == 6 * 3 + 5);

  check_works(s.rewrite("again", how));
  for (const char* file : {"world.toml", "biographies.jsonl", "tokenizer.json"})
    CHECK(lethe::read_file(s.dir / "told" / file) == lethe::read_file(s.dir / "again" / file));
  Arguments resume = how;
  resume.push_back("--resume");
  const Run nothing = check_works(s.rewrite("again", resume));
  CHECK(contains(nothing.err, "nothing is left to do"));
  const fs::path record = s.dir / "again" / "rewrite.json";
  const Json whole = lethe::read_json(record);
  CHECK(nothing.json() == whole["result"]);
  for (const std::string field : {"settings", "result"}) {
    Json damaged = whole;
    damaged[field] = "x";
    lethe::write_file(record, damaged.dump());
    check_fails(1, s.rewrite("again", resume), {"rewrite.json: \"" + field + "\" is \"x\", expected an object"});
  }
  check_fails(1, s.rewrite("again", how), {"again", "--overwrite"});
  check_fails(1, {"world", "change", (s.dir / "told").string(), "--out", (s.dir / "x").string()},
              {"a language model told these lives"});
}

TEST_CASE("world rewrite: what was not told is an error, after which the same answers are completed") {
  const RewriteSetting s({"--people", "9"});
  check_fails(1, s.rewrite("told", {"--max-tries", "2", "--limit", "4"}),
              {"4 of 4 lives are not told after 2 tries", "--resume", "--incomplete complete"});
  CHECK_FALSE(fs::exists(s.dir / "told" / "world.toml"));
  check_fails(2, s.rewrite("told", {"--max-tries", "2", "--limit", "4", "--resume", "--seed", "9"}),
              {"other settings", "\"seed\":0", "\"seed\":9"});
  const Run run =
      check_works(s.rewrite("told", {"--max-tries", "3", "--limit", "4", "--resume", "--incomplete", "complete"}));
  CHECK(run.json()["answers"] == 3 * 4);
  CHECK(run.json()["people"] == 4);
  CHECK(lines(s.dir / "told" / "biographies.jsonl").size() == 4);
}

TEST_CASE("world rewrite: good answers are taken, the first of each life; the world's tokenizer knows their words") {
  const RewriteSetting s({"--people", "5"});
  const fs::path out = s.dir / "told";
  check_fails(1, s.rewrite("told", {"--max-tries", "1"}), {"5 of 5 lives are not told"});
  const auto people = lines(fs::path(s.world) / "people.jsonl");
  Json answers = Json::array();
  const auto answer = [&](int life, int number, const std::string& text, bool ended = true) {
    answers.push_back({{"person", life}, {"version", 0}, {"try", number}, {"ended", ended}, {"text", text}});
  };
  answer(0, 0, life_of(people[0]));
  answer(0, 1, life_of(people[0], "a certain "));
  answer(1, 0, life_of(people[1]), false);
  answer(2, 0, "\u201cNow\u201d : why ? Whereas\u2009then\u202fas now, " + life_of(people[2], "\"", "\""));
  answer(3, 0, life_of(people[3], "(", ")"));
  answer(4, 0, life_of(people[2]));
  const Json wave = {{"answers", answers}, {"tokens", 1}, {"seconds", 1}};
  lethe::write_file(out / "lives.jsonl", lines(out / "lives.jsonl")[0].dump() + "\n" + wave.dump() + "\n");
  const Json json = check_works(s.rewrite("told", {"--max-tries", "2", "--resume", "--incomplete", "complete"})).json();
  CHECK(json["told"] == 2);
  CHECK(json["completed"] == 3);
  CHECK(json["answers"] == 6 + 3);  // one more try of the other three
  CHECK(json["wrong"] == Json({{"major", 1}, {"name", 1}, {"unfinished", 1 + 3}}));
  const auto biographies = lines(out / "biographies.jsonl");
  REQUIRE(biographies.size() == 5);
  CHECK(biographies[0]["text"] == " " + life_of(people[0]));
  CHECK(biographies[2]["text"] == " Now: why? Whereas then as now, " + life_of(people[2]));
  for (const size_t plain : {1, 3, 4}) CHECK_FALSE(contains(biographies[plain]["text"].get<std::string>(), "Later"));
  std::string texts;
  for (const Json& biography : biographies) texts += Json({{"text", biography["text"]}}).dump() + "\n";
  lethe::write_file(s.dir / "texts.jsonl", texts);
  std::istringstream ids(check_works({"tokenize", out.string(), "--jsonl", (s.dir / "texts.jsonl").string()}).out);
  int read = 0;
  for (std::string line; std::getline(ids, line); ++read) {
    const auto numbers = Json::parse(line).get<std::vector<int>>();
    CHECK(std::ranges::count(numbers, 1) == 0);  // <unk>
  }
  CHECK(read == 5);
}

TEST_CASE("world rewrite: the answers of an earlier one count first, whatever its versions and names") {
  const RewriteSetting s({"--people", "5", "--celebrities", "1"});
  const auto with = [&](Arguments more, const char* tries = "2") {
    more.insert(more.end(), {"--incomplete", "complete", "--max-tries", tries, "--precision", "fp32"});
    return more;
  };
  const std::string three = (s.dir / "three").string();
  check_works(s.rewrite("three", with({"--versions", "3"})));
  // One good answer among its tries: the second version of the first person.
  auto earlier = lines(s.dir / "three" / "lives.jsonl");
  const auto people = lines(fs::path(s.world) / "people.jsonl");
  for (Json& answer : earlier[1]["answers"])
    if (answer["person"] == 0 && answer["version"] == 1 && answer["try"] == 1) {
      answer["ended"] = true;
      answer["text"] = life_of(people[0]);
    }
  lethe::write_file(s.dir / "three" / "lives.jsonl", earlier[0].dump() + "\n" + earlier[1].dump() + "\n{\"ans");
  const Arguments two = with({"--versions", "2", "--celebrity-versions", "1", "--fullname", "--answers", three});
  const Run run = check_works(s.rewrite("two", two));
  CHECK(contains(run.err, "22 answers of " + three + " tell 1 of 11 lives"));
  const Json json = run.json();
  CHECK(json["told"] == 1);
  CHECK(json["answers"] == 2 * (2 * 5 + 1));
  CHECK(json["earlier"] == json["answers"]);
  CHECK(json["tokens"] == 0);  // nothing was asked
  const auto kept = lines(s.dir / "two" / "lives.jsonl");
  REQUIRE(kept.size() == 2);  // the settings, and all that was taken
  CHECK(kept[1]["earlier"] == true);
  const auto biographies = lines(s.dir / "two" / "biographies.jsonl");
  CHECK(biographies[1]["text"].get<std::string>().starts_with(" " + name_in(people[0]) + " was born on"));
  CHECK(contains(biographies[1]["text"].get<std::string>(), ". " + name_in(people[0]) + " studied"));

  // Without them the same model answers the same, but for the rounding of what it is asked beside.
  check_works(s.rewrite("asked", with({"--versions", "2", "--celebrity-versions", "1"})));
  check_works(s.rewrite("more", with({"--versions", "4", "--answers", (s.dir / "asked").string()}, "3")));
  check_works(s.rewrite("all", with({"--versions", "4"}, "3")));
  const auto sorted = [&](const char* out) {
    std::vector<std::string> all;
    for (const Json& line : lines(s.dir / out / "lives.jsonl"))
      for (const Json& answer : line.value("answers", Json::array())) all.push_back(answer.dump());
    std::ranges::sort(all);
    return all;
  };
  CHECK(sorted("more") == sorted("all"));
  CHECK(sorted("all").size() == 3 * (4 * 5 + 5));

  check_fails(2, s.rewrite("x", with({"--answers", three, "--seed", "7"})), {"--answers", three, "\"seed\":7"});
  check_fails(1, s.rewrite("x", with({"--answers", s.world})), {"--answers " + s.world, "no lives.jsonl"});
  lethe::write_file(s.dir / "three" / "lives.jsonl", earlier[0].dump() + "\n{\"answers\":[{\"person\":0}]}\n");
  check_fails(1, s.rewrite("x", with({"--answers", three})), {"lives.jsonl, line 2", "\"version\" is missing"});
  lethe::write_file(s.dir / "three" / "lives.jsonl",
                    earlier[0].dump() + "\n{\"answers\":[{\"person\":0,\"version\":0,\"try\":0,\"ended\":true}]}\n");
  check_fails(1, s.rewrite("x", with({"--answers", three})), {"lives.jsonl, line 2", "\"text\" is missing"});
  lethe::write_file(s.dir / "three" / "lives.jsonl", "");
  check_fails(1, s.rewrite("x", with({"--answers", three})), {"lives.jsonl is empty"});
  CHECK_FALSE(fs::exists(s.dir / "x"));
}

TEST_CASE("world rewrite: --resume goes on with the same model, world and settings, or changes nothing") {
  const RewriteSetting s({"--people", "8"});
  const Arguments how = {"--limit", "4", "--max-tries", "1", "--incomplete", "complete"};
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), how.begin(), how.end());
    more.emplace_back("--resume");
    return more;
  };
  const std::string made = (s.dir / "made").string();
  check_works({"world", "make", "--people", "4", "--out", made});
  const auto before = bytes_below(made);
  check_fails(1, s.rewrite("made", with({})), {"made", "holds no interrupted rewrite", "lives.jsonl"});
  check_fails(1, s.rewrite("none", with({})), {"none", "holds no interrupted rewrite"});
  CHECK(bytes_below(made) == before);

  check_works(s.rewrite("told", how));
  // What world.toml says is what is there: the world of four people, not half of a larger one's halves.
  CHECK(lethe::read_file(s.dir / "told" / "people.jsonl") == before.at("people.jsonl"));
  const auto told = bytes_below(s.dir / "told");
  check_fails(2, s.rewrite("told", with({"--seed", "9"})), {"other settings", "\"seed\":0", "\"seed\":9"});
  check_fails(2, s.rewrite("told", with({"--fullname"})), {"other settings", "\"fullname\":true"});
  fs::copy(s.model, s.dir / "copy", fs::copy_options::recursive);
  Arguments copy = s.rewrite("told", with({}));
  *std::ranges::find(copy, s.model) = (s.dir / "copy").string();
  CHECK(contains(check_works(copy).err, "nothing is left to do"));  // the same model elsewhere
  patch_file(fs::path(s.model) / "model.safetensors", -4, "\1\2\3\4");
  check_fails(2, s.rewrite("told", with({})), {"another model", "\"model\":"});
  *std::ranges::find(copy, s.world) = made;  // the four people whom --limit 4 makes
  CHECK(contains(check_works(copy).err, "nothing is left to do"));
  CHECK(bytes_below(s.dir / "told") == told);

  const auto pronoun = lines(fs::path(s.world) / "people.jsonl")[0]["pronoun"].get<std::string>();
  replace_in(fs::path(s.world) / "people.jsonl", pronoun, pronoun == "he" ? "she" : "he");
  check_fails(1, s.rewrite("x", {}), {"people.jsonl", "it was edited"});
  CHECK_FALSE(fs::exists(s.dir / "x"));
}

TEST_CASE("world rewrite: interrupted and resumed, the same answers") {
  const RewriteSetting s({"--people", "400"});  // two waves of answers
  const Arguments how = {"--max-tries", "1", "--quiet"};
  Arguments first = s.rewrite("broken", how);
  first.insert(first.end(), {"--threads", "1"});
  const fs::path log = s.dir / "broken" / "lives.jsonl";
  const Run broken = run_lethe_until(
      first, [&] { return lines(log).size() >= 2; }, SIGINT);
  CAPTURE(broken.err);
  REQUIRE(broken.status == 130);
  CHECK(contains(broken.err, "--resume"));
  CHECK_FALSE(fs::exists(s.dir / "broken" / "world.toml"));
  lethe::write_file(log, lethe::read_file(log) + "{\"answers\":[{\"pe");  // as a machine that stopped would leave it
  check_fails(1, s.rewrite("broken", {"--max-tries", "1", "--quiet", "--resume"}), {"400 of 400 lives are not told"});
  check_fails(1, s.rewrite("whole", how), {"400 of 400 lives are not told"});
  const auto whole = answers_in(s.dir / "whole");
  REQUIRE(whole.size() == 3);
  CHECK(whole[1]["answers"].size() + whole[2]["answers"].size() == 400);
  CHECK(answers_in(s.dir / "broken") == whole);
}

TEST_CASE("world rewrite: bad input") {
  const RewriteSetting s({"--people", "5"});
  const auto fails = [&](int status, const Arguments& more, const Arguments& parts) {
    check_fails(status, s.rewrite("out", more), parts);
    CHECK_FALSE(fs::exists(s.dir / "out"));
  };
  fails(1, {"--limit", "6"}, {"--limit 6", "has 5 people"});
  fails(2, {"--versions", "0"}, {"--versions", "'0'"});
  fails(2, {"--incomplete", "drop"}, {"--incomplete", "'drop'", "complete"});
  fails(2, {"--limit", "2", "--celebrity-versions", "3"}, {"--celebrity-versions has no effect"});
  fails(2, {"--celebrity-versions", "3"}, {"--celebrity-versions has no effect", s.world, "no celebrities"});
  fails(1, {"--tokenizer", "/no/such"}, {"/no/such", "no tokenizer.json"});
  const auto command = [&](const std::string& world, const std::string& model) {
    return Arguments{"world", "rewrite", world, "--model", model, "--out", (s.dir / "out").string()};
  };
  check_fails(1, command("/no/world", s.model), {"/no/world", "no world"});
  check_fails(1, command(s.world, "/no/model"), {"/no/model"});
  check_fails(1, command(s.world, copy_model(s.dir, "gpt2").string()), {"chat template", "known are ChatML"});
  replace_in(fs::path(s.world) / "biographies.jsonl", "\"start\":", "\"begin\":");
  check_fails(1, command(s.world, s.model), {"biographies.jsonl, line 1", "\"start\" is missing"});
  CHECK_FALSE(fs::exists(s.dir / "out"));
}

}  // namespace
