// world rewrite: a tiny model, which never tells a life, and what becomes of its answers; interruption, bad input.
#include <doctest/doctest.h>

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
  CHECK_FALSE(fs::exists(s.dir / "told" / "lives.jsonl"));
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
  CHECK(nothing.json()["biographies"] == 6 * 3 + 5);
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

TEST_CASE("world rewrite: interrupted and resumed, the same bytes") {
  const RewriteSetting s({"--people", "200"});  // two waves of answers
  const Arguments how = {"--max-tries", "1", "--incomplete", "complete"};
  Arguments first = s.rewrite("broken", how);
  first.insert(first.end(), {"--threads", "1"});
  const fs::path log = s.dir / "broken" / "lives.jsonl";
  const Run broken = run_lethe_until(
      first, [&] { return lines(log).size() >= 2; }, SIGINT);
  CAPTURE(broken.err);
  REQUIRE(broken.status == 130);
  CHECK(contains(broken.err, "--resume"));
  CHECK_FALSE(fs::exists(s.dir / "broken" / "world.toml"));
  lethe::write_file(log, lethe::read_file(log) + "{\"answers\":[{\"li");  // as a machine that stopped would leave it
  Arguments resume = how;
  resume.push_back("--resume");
  const Run resumed = check_works(s.rewrite("broken", resume)), whole = check_works(s.rewrite("whole", how));
  CHECK(resumed.json()["answers"] == whole.json()["answers"]);
  CHECK(lethe::read_file(s.dir / "broken" / "biographies.jsonl") ==
        lethe::read_file(s.dir / "whole" / "biographies.jsonl"));
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
