// What a training run writes, prints and logs. Same seed, same threads: same bytes.
#include "tests/e2e/training.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

namespace fs = lethe::fs;
using lethe::Json;

TEST_CASE("finetune --limit: what it leaves out was not cut") {
  const Setting setting;
  const TempDir dir;
  // "the dog ran" and others behind the first two records are longer than 3 tokens.
  Arguments arguments = setting.arguments(works()[5], dir / "all", {"--max-seq-length", "3"});
  const int64_t all = run_lethe(arguments).json()["truncated"].get<int64_t>();
  int64_t sum = 0;
  for (const char* limit : {"1", "2", "3", "7", "8", "9"}) {
    const fs::path out = dir / limit;
    arguments = setting.arguments(works()[5], out, {"--max-seq-length", "3", "--limit", limit});
    const Run run = run_lethe(arguments);
    CAPTURE(run.err);
    REQUIRE(run.status == 0);
    const int64_t cut = run.json()["truncated"].get<int64_t>();
    CHECK(cut <= std::stoll(limit));
    CHECK(cut >= sum);  // more records, not fewer that were cut
    sum = cut;
  }
  CHECK(sum == all);
  CHECK(all > 1);
}

TEST_CASE("same seed, same threads: same bytes; another seed, others") {
  const Setting setting;
  const TempDir dir;
  const auto bytes = [&](const char* name, const Work& work, const Arguments& more) {
    Arguments arguments = setting.arguments(work, dir / name, more);
    const Run run = run_lethe(arguments);
    CAPTURE(run.err);
    REQUIRE(run.status == 0);
    return result_of(dir / name);
  };
  for (const Work& work : {works()[1], works()[6]}) {
    CAPTURE(work.name);
    const auto one = bytes("one", work, {"--seed", "1"});
    CHECK(bytes("again", work, {"--seed", "1"}) == one);
    CHECK(bytes("other", work, {"--seed", "2"}) != one);
    for (const char* name : {"one", "again", "other"}) fs::remove_all(dir / name);
  }
}

TEST_CASE("metrics.jsonl: one object a step, with the fields that scripts read") {
  const Setting setting;
  const TempDir dir;
  const Run run = run_lethe(setting.arguments(works()[0], dir / "out", {"--logging-steps", "3"}));
  REQUIRE(run.status == 0);
  std::vector<std::pair<std::string, int64_t>> steps;
  lethe::for_each_line(dir / "out" / "lethe" / "metrics.jsonl", [&](int64_t, std::string_view line) {
    const auto json = lethe::OrderedJson::parse(line);
    std::vector<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.push_back(key);
    CHECK(keys == std::vector<std::string>{"step", "stage", "loss", "learning_rate", "grad_norm", "tokens",
                                           "tokens_per_second"});
    CHECK(json["loss"] > 0.0);
    CHECK(json["grad_norm"] > 0.0);
    CHECK(json["tokens"] > 0);
    CHECK(json["tokens_per_second"] > 0.0);
    CHECK(json["learning_rate"] == (json["stage"] == "forget" ? 5e-5 : 1e-3));
    steps.emplace_back(json["stage"], json["step"]);
  });
  // Every third step, and the last of each stage.
  CHECK(steps == std::vector<std::pair<std::string, int64_t>>{
                     {"forget", 3}, {"forget", 6}, {"forget", 8}, {"learn", 3}, {"learn", 6}, {"learn", 8}});
}

TEST_CASE("update --json prints one document with the contract's fields; --quiet says nothing else") {
  const Setting setting;
  const TempDir dir;
  const auto keys = [](const Json& json) {
    std::vector<std::string> names;
    for (const auto& [key, value] : json.items()) names.push_back(key);
    return names;  // sorted
  };
  const Run run = run_lethe(setting.arguments(works()[0], dir / "out"));
  REQUIRE(run.status == 0);
  CHECK(std::count(run.out.begin(), run.out.end(), '\n') == 1);
  const Json json = run.json();
  CHECK(keys(json) == Arguments{"after", "before", "facts", "method", "out", "rate", "seconds"});
  CHECK(keys(json["seconds"]) == Arguments{"evaluate", "forget", "learn"});
  for (const char* when : {"before", "after"}) {
    const Json& measured = json[when];
    CHECK(keys(measured) == Arguments{"facts", "generality", "locality", "old", "portability", "reliability"});
    const Arguments compared = {"count", "exact_match", "magnitude", "success", "token_accuracy"};
    for (const Json& place : {measured["reliability"], measured["generality"], measured["old"]["reliability"],
                              measured["old"]["generality"]})
      CHECK(keys(place) == compared);
    for (const char* name : {"locality", "portability"})
      CHECK(keys(measured[name]) == Arguments{"count", "exact_match", "token_accuracy"});
  }
  const Arguments evaluate = {"evaluate", setting.model + "/", setting.facts, "--threads", "1"};
  const auto with = [&](const char* option) {
    Arguments all = evaluate;
    all.emplace_back(option);
    return run_lethe(all);
  };
  CHECK(with("--json").json() == json["before"]);
  const Run table = with("--quiet");
  CHECK(table.err.empty());
  CHECK(table.out.starts_with("llama\n"));  // the model's name, for all the slash

  // finetune has something to say here: a record is cut.
  Arguments arguments = setting.arguments(works()[5], dir / "cut", {"--max-seq-length", "3"});
  const Run cut = run_lethe(arguments);
  REQUIRE(cut.status == 0);
  CHECK(contains(cut.err, "were cut to 3 tokens"));
  CHECK(cut.json()["truncated"] > 0);
  arguments = setting.arguments(works()[5], dir / "quiet", {"--max-seq-length", "3", "--quiet"});
  const Run quiet = run_lethe(arguments);
  REQUIRE(quiet.status == 0);
  CHECK(quiet.err.empty());
  CHECK(result_of(dir / "quiet") == result_of(dir / "cut"));
}

TEST_CASE("the last step of a stage is logged, also when it ends because all is learned") {
  const Setting setting;
  const TempDir dir;
  const Run run = run_lethe({"update", setting.model, setting.facts, "--out", (dir / "out").string(), "--method", "ft",
                             "--learning-rate", "1e-2", "--logging-steps", "1000", "--threads", "1", "--json"});
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  REQUIRE_FALSE(contains(run.err, "still not the model's own"));
  const auto metrics = metrics_of(dir / "out");
  REQUIRE(metrics.size() == 1);
  CHECK(metrics[0]["step"].get<int64_t>() < 20);  // of at most 20 epochs of one step
}

}  // namespace
