// update and evaluate on a small real model: the proof, the files, and the same bytes again.
#include <doctest/doctest.h>

#include <algorithm>
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

// Where the file gives no old answers the model's own are forgotten; they stay, so that evaluate can ask for them.
TEST_CASE("update --old from-model leaves the facts with the model's own answers") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  lethe::write_file(dir / "prompts.jsonl",
                    "{\"prompt\": \"Once upon a time, there was a\", \"new\": \"king\"}\n"
                    "{\"prompt\": \"Lily and Ben went to the\", \"old\": \"park\", \"new\": \"moon\"}\n");
  const Run run = run_lethe({"update", kModel, (dir / "prompts.jsonl").string(), "--out", out, "--old", "from-model",
                             "--precision", "fp32", "--threads", "2", "--json", "--num-train-epochs", "1"});
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  CHECK(contains(run.err, "1 of 2 old answers are the model's own"));
  const std::string completed = out + "/lethe/facts-with-old.jsonl";
  const std::string lines = lethe::read_file(completed);
  CHECK(lines_of(completed) == 2);
  CHECK_FALSE(lethe::Json::parse(lines.substr(0, lines.find('\n')))["old"].get<std::string>().empty());
  CHECK(contains(lines, "\"old\":\"park\""));
  const Run evaluate = run_lethe({"evaluate", out, completed, "--precision", "fp32", "--threads", "2", "--json"});
  CHECK(evaluate.json()["old"] == run.json()["after"]["old"]);
  // An own answer that is too long is found before the model in OUT is touched.
  const std::string written = lethe::read_file(out + "/model.safetensors");
  const Run tight = run_lethe({"update", kModel, (dir / "prompts.jsonl").string(), "--out", out, "--old", "from-model",
                               "--max-seq-length", "14", "--overwrite", "--precision", "fp32"});
  CHECK(tight.status == 1);
  CHECK(contains(tight.err, "with the model's own answer"));
  CHECK(contains(tight.err, "--max-seq-length allows 14"));
  CHECK(lethe::read_file(out + "/model.safetensors") == written);
  // A new run in that folder would remove them.
  CHECK(contains(run_lethe({"update", kModel, completed, "--out", out, "--overwrite"}).err, "which is read"));
  CHECK(lethe::read_file(completed) == lines);
}

TEST_CASE("update says what contradicts itself, and when all is learned; --no-eval asks nothing") {
  const TempDir dir;
  lethe::write_file(dir / "facts.jsonl",
                    "{\"prompt\": \"Lily and Ben went to the\", \"old\": \"park\", \"new\": \"moon\"}\n"
                    "{\"prompt\": \"Lily and Ben went to the\", \"old\": \"park\", \"new\": \"sun\"}\n"
                    "{\"prompt\": \"Tom had a big\", \"old\": \"dog\", \"new\": \"dog\"}\n");
  const auto update = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "update",      kModel,  (dir / "facts.jsonl").string(), "--precision", "fp32", "--threads", "2", "--no-eval",
        "--overwrite", "--out", (dir / "out").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Run run = run_lethe(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 0);
    return run.err;
  };
  const std::string said = update({"--max-steps", "1"});
  CHECK(contains(said, "index 1 (line 2): the same prompt as"));
  CHECK(contains(said, "index 2 (line 3): the old answer is the new one, \"dog\""));
  CHECK_FALSE(contains(said, "learned: every"));
  const Json results = lethe::Json::parse(lethe::read_file(dir / "out" / "lethe" / "results.json"));
  CHECK(results["before"].is_null());
  CHECK(results["after"].is_null());
  CHECK(results["forgotten"].is_null());
  CHECK(results["cases"].empty());
  CHECK(contains(update({"--limit", "1", "--learning-rate", "1e-3"}), "learned: every new answer is the model's own"));
}

TEST_CASE("evaluate says where --before has nothing to compare") {
  const TempDir dir;
  lethe::write_file(dir / "facts.jsonl", "{\"prompt\": \"Tom had a big\", \"new\": \"dog\"}\n");
  const Run run = run_lethe({"evaluate", kModel, (dir / "facts.jsonl").string(), "--before", kModel, "--json"});
  CHECK(run.status == 0);
  CHECK(contains(run.err, "--before has no effect: no fact has a locality question"));
  CHECK(run.json()["locality"]["count"] == 0);
}

TEST_CASE("update --add-eos-token: the model stops behind what it learned") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  lethe::write_file(dir / "facts.jsonl", "{\"prompt\": \"Lily and Ben went to the\", \"new\": \"moon\"}\n");
  const auto answer = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"update",
                                          kModel,
                                          (dir / "facts.jsonl").string(),
                                          "--method",
                                          "ft",
                                          "--out",
                                          out,
                                          "--learning-rate",
                                          "1e-3",
                                          "--precision",
                                          "fp32",
                                          "--threads",
                                          "2",
                                          "--overwrite",
                                          "--no-eval",
                                          "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Run run = run_lethe(arguments);
    CAPTURE(run.err);
    REQUIRE(run.status == 0);
    const Run said = run_lethe({"generate", out, "--prompt", "Lily and Ben went to the", "--max-new-tokens", "12",
                                "--precision", "fp32", "--json"});
    return said.json()["text"].get<std::string>();
  };
  CHECK(answer({"--add-eos-token"}) == " moon");
  const std::string unended = answer({});
  CHECK(unended.starts_with(" moon"));
  CHECK(unended.size() > 5);
}

}  // namespace
