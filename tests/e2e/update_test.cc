// update and evaluate on a small real model: the proof, the files, the same bytes again, and interrupted runs that end
// as if they had not been.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "tests/e2e/run.h"
#include "tests/temp_dir.h"

namespace {

using lethe::Json;
namespace fs = lethe::fs;

const char* const kModel = "tests/golden/gguf/stories260K/model.gguf";
const char* const kFacts = "examples/facts/my-facts.jsonl";

std::vector<std::string> update_arguments(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"update",
                                        kModel,
                                        kFacts,
                                        "--out",
                                        out,
                                        "--json",
                                        "--seed",
                                        "3",
                                        "--threads",
                                        "2",
                                        "--precision",
                                        "fp32",
                                        "--save-steps",
                                        "1",
                                        "--learning-rate",
                                        "1e-3",
                                        "--forget-learning-rate",
                                        "2e-4"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

int64_t lines_of(const fs::path& path) {
  if (!fs::exists(path)) return 0;
  const std::string text = lethe::read_file(path);
  return std::count(text.begin(), text.end(), '\n');
}

// Every file of a written model, less the run folder, whose times differ.
std::map<std::string, std::string> bytes_of(const fs::path& out) {
  std::map<std::string, std::string> bytes;
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    const std::string name = fs::relative(entry.path(), out).string();
    if (entry.is_regular_file() && !name.starts_with("lethe/")) bytes[name] = lethe::read_file(entry.path());
  }
  return bytes;
}

TEST_CASE("update: the new facts are learned, the proof is written, and evaluate agrees") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  const Run run = run_lethe(update_arguments(out));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  const Json result = run.json();
  CHECK(result["method"] == "f-ft");
  CHECK(result["rate"] == 0.3);
  CHECK(result["facts"] == lines_of(kFacts));
  CHECK(result["out"] == out);
  for (const char* stage : {"forget", "learn", "evaluate"}) CHECK(result["seconds"].at(stage) > 0.0);
  CHECK(result["before"]["reliability"]["token_accuracy"] < 50.0);
  CHECK(result["after"]["reliability"]["token_accuracy"] >= 95.0);
  CHECK(result["after"]["locality"]["count"] > 0);
  for (const char* file : {"config.toml", "metrics.jsonl", "report.html", "results.json"}) {
    CHECK(fs::file_size(dir / "out" / "lethe" / file) > 0);
  }
  CHECK_FALSE(fs::exists(dir / "out" / "lethe" / "checkpoint.safetensors"));

  const Run evaluate = run_lethe({"evaluate", out, kFacts, "--before", kModel, "--precision", "fp32", "--threads", "2",
                                  "--json", "--rows", (dir / "rows.jsonl").string()});
  CAPTURE(evaluate.err);
  REQUIRE(evaluate.status == 0);
  CHECK(evaluate.json() == result["after"]);
  CHECK(lines_of(dir / "rows.jsonl") == lines_of(kFacts));

  const Run again = run_lethe(update_arguments(out));
  CHECK(again.status == 1);
  CHECK(contains(again.err, "--overwrite"));

  // The resolved settings repeat the run, to the byte.
  const std::string second = (dir / "second").string();
  const Run repeat = run_lethe({"update", "--config", out + "/lethe/config.toml", "--out", second, "--json"});
  CAPTURE(repeat.err);
  REQUIRE(repeat.status == 0);
  CHECK(bytes_of(second) == bytes_of(out));
  CHECK(fs::exists(dir / "second" / "lethe" / "report.html"));
}

TEST_CASE("update: interrupted at any step of any stage, --resume ends with the same bytes") {
  for (const std::string method : {"f-ft", "f-lora", "f-lora-ft"}) {
    CAPTURE(method);
    const TempDir dir;
    std::vector<std::string> more = {"--method", method, "--num-train-epochs", "12", "--forget-epochs", "6"};
    if (method == "f-lora") more.emplace_back("--save-adapter");
    const Run whole = run_lethe(update_arguments((dir / "whole").string(), more));
    CAPTURE(whole.err);
    REQUIRE(whole.status == 0);
    const auto expected = bytes_of(dir / "whole");

    const std::string out = (dir / "broken").string();
    const fs::path metrics = dir / "broken" / "lethe" / "metrics.jsonl";
    int interrupted = 0;
    // 18 steps in all: inside forgetting, between the stages, inside learning; by kill -9 and by Ctrl-C in turn.
    for (const int64_t step : {2, 6, 9, 14}) {
      std::vector<std::string> arguments = update_arguments(out, more);
      if (fs::exists(dir / "broken" / "lethe" / "config.toml")) arguments.emplace_back("--resume");
      const int signal = step % 4 == 2 ? SIGKILL : SIGINT;
      const Run run = run_lethe_until(
          arguments, [&] { return lines_of(metrics) >= step; }, signal);
      CAPTURE(run.err);
      if (run.status == 0) break;  // it was faster than the signal
      ++interrupted;
      CHECK(run.status == (signal == SIGKILL ? 137 : 130));
      CHECK_FALSE(fs::exists(dir / "broken" / "config.json"));  // no model before the end
      if (signal == SIGINT) CHECK(contains(run.err, "--resume"));
    }
    CHECK(interrupted > 0);
    more.emplace_back("--resume");
    const Run last = run_lethe(update_arguments(out, more));
    CAPTURE(last.err);
    REQUIRE(last.status == 0);
    CHECK(bytes_of(out) == expected);
    CHECK(lines_of(metrics) == lines_of(dir / "whole" / "lethe" / "metrics.jsonl"));
    CHECK(last.json()["after"] == whole.json()["after"]);
  }
}

TEST_CASE("update: --resume with other settings, or of nothing, is refused") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  CHECK(run_lethe(update_arguments(out, {"--resume"})).status == 1);
  run_lethe_until(
      update_arguments(out), [&] { return lines_of(dir / "out" / "lethe" / "metrics.jsonl") >= 1; }, SIGKILL);
  const Run other = run_lethe(update_arguments(out, {"--resume", "--rate", "0.9"}));
  CHECK(other.status == 1);
  CHECK(contains(other.err, "settings differ"));
}

TEST_CASE("update: options without effect, and wrong ones, are refused before any work") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  const std::vector<std::vector<std::string>> wrong = {{"--method", "ft", "--rate", "0.3"},
                                                       {"--method", "ft", "--forget-epochs", "1"},
                                                       {"--lora-rank", "4"},
                                                       {"--save-adapter"},
                                                       {"--rate", "-1"},
                                                       {"--method", "rome"},
                                                       {"--max-steps", "5", "--num-train-epochs", "1"}};
  for (const std::vector<std::string>& options : wrong) {
    std::vector<std::string> arguments = {"update", kModel, kFacts, "--out", out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Run run = run_lethe(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(contains(run.err, options.size() > 2 ? options[options.size() - 2] : options[0]));
    CHECK_FALSE(fs::exists(out));
  }
}

TEST_CASE("update: facts that cannot be used are named, and nothing is left behind") {
  const TempDir dir;
  const std::string facts = (dir / "facts.json").string(), out = (dir / "out").string();
  const auto error = [&](const std::string& text) {
    lethe::write_file(facts, text);
    const Run run = run_lethe({"update", kModel, facts, "--out", out});
    CHECK(run.status == 1);
    CHECK(run.err.starts_with("lethe: "));
    CHECK(contains(run.err, facts));
    CHECK_FALSE(fs::exists(out));
    return run.err;
  };
  error("");
  error("[]");
  error("[{\"prompt\": \"x\"");
  CHECK(contains(error("[{\"prompt\": \"x\", \"old\": \"y\"}]"), "new"));
}

}  // namespace
