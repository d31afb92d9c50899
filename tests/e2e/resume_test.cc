// Exact resume: a run that was killed or interrupted at any step of any stage, again and again, ends with the bytes of
// one that was not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <sstream>
#include <thread>

#include "tests/e2e/training.h"

namespace {

namespace fs = lethe::fs;
using lethe::Json;

// The arguments of the command that an interrupted run prints.
Arguments printed_command(const std::string& err) {
  const std::string mark = "go on with: " LETHE_PROGRAM " ";  // as it was started
  const size_t at = err.find(mark);
  REQUIRE(at != std::string::npos);
  std::istringstream words(err.substr(at + mark.size()));
  Arguments arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  return arguments;
}

// Broken off as soon as it has logged a step and the log holds `steps` in all; the exit status. No model is there
// before the last step.
int break_off(const Arguments& arguments, const fs::path& out, int64_t steps, int64_t last, int signal,
              std::string* err = nullptr) {
  const fs::path metrics = out / "lethe" / "metrics.jsonl";
  steps = std::max(steps, lines_of(metrics) + 1);
  const Run run = run_lethe_until(
      arguments, [&] { return lines_of(metrics) >= steps; }, signal);
  CAPTURE(run.err);
  if (run.status == 0) return 0;  // it was faster than the signal
  CHECK(run.status == (signal == SIGKILL ? 137 : 130));
  if (lines_of(metrics) < last) CHECK_FALSE(holds_model(out));
  if (err) *err = run.err;
  return run.status;
}

TEST_CASE("exact resume: every method, killed and interrupted at many steps") {
  const Setting setting;
  for (const Work& work : works()) {
    CAPTURE(work.name);
    const TempDir dir;
    const Arguments save = {"--save-steps", work.updates ? "1" : "3"};
    const Run whole = run_lethe(setting.arguments(work, dir / "whole", save));
    CAPTURE(whole.err);
    REQUIRE(whole.status == 0);
    const auto expected = result_of(dir / "whole");
    const auto metrics = metrics_of(dir / "whole");
    REQUIRE(metrics.size() >= 8);

    const fs::path out = dir / "broken";
    const auto arguments = [&](bool resume) {
      Arguments all = setting.arguments(work, out, save);
      if (resume) all.emplace_back("--resume");
      return all;
    };
    int broken = 0, signal = SIGKILL;
    bool resume = false;
    const fs::path part = out / "lethe" / "checkpoint.safetensors.part";
    const auto steps = static_cast<int64_t>(metrics.size());
    for (int64_t step = 1; step <= steps; step += 3) {
      if (break_off(arguments(resume), out, step, steps, signal) == 0) break;
      ++broken;
      resume = true;
      signal = signal == SIGKILL ? SIGINT : SIGKILL;
      lethe::write_file(part, "half a checkpoint");
    }
    CHECK(broken > 0);
    const Run last = run_lethe(arguments(resume));
    CAPTURE(last.err);
    REQUIRE(last.status == 0);
    CHECK(result_of(out) == expected);
    CHECK(metrics_of(out) == metrics);
    // What was kept to resume from is gone.
    Arguments left;
    for (const auto& [name, bytes] : bytes_below(out / "lethe")) left.push_back(name);
    CHECK(left == Arguments{"config.toml", "events.out.tfevents.0.lethe", "inputs.json", "metrics.jsonl", "report.html",
                            "results.json"});
    if (work.updates) {
      CHECK(last.json()["after"] == whole.json()["after"]);
    } else {
      for (const char* field : {"loss", "steps", "epochs", "examples", "tokens"})
        CHECK(last.json()[field] == whole.json()[field]);
    }

    // A run that is complete stays as it is.
    const Run again = run_lethe(arguments(true));
    CHECK(again.status == 0);
    CHECK(again.out == last.out);
    CHECK(contains(again.err, "nothing is left to resume"));
    CHECK(result_of(out) == expected);

    const fs::path results = out / "lethe" / "results.json";
    const std::string field = work.updates ? "before" : "result";
    Json damaged = lethe::read_json(results);
    damaged.erase(field);
    lethe::write_file(results, damaged.dump());
    const Run refused = run_lethe(arguments(true));
    CHECK(refused.status == 1);
    CHECK(contains(refused.err, "results.json: the field \"" + field + "\" is missing"));
    CHECK_FALSE(contains(refused.err, "is complete"));
  }
}

TEST_CASE("an interrupted run prints the command that goes on, and that does") {
  const Setting setting;
  int broken = 0;
  for (const Work& work : {works()[0], works()[5]}) {
    for (const int signal : {SIGINT, SIGTERM}) {
      CAPTURE(work.name);
      const TempDir dir;
      REQUIRE(run_lethe(setting.arguments(work, dir / "whole")).status == 0);
      const int64_t steps = lines_of(dir / "whole" / "lethe" / "metrics.jsonl");
      const fs::path out = dir / "out";
      std::string err;
      Arguments command = setting.arguments(work, out, {"--save-steps", "100"});  // saved by the signal alone
      int status = break_off(command, out, 2, steps, signal, &err);
      if (status == 0) continue;
      ++broken;
      CHECK(err.starts_with("lethe: interrupted"));
      command = printed_command(err);
      CHECK(std::count(command.begin(), command.end(), "--resume") == 1);
      status = break_off(command, out, 5, steps, signal, &err);
      if (status != 0) {
        CHECK(printed_command(err) == command);
        const Run last = run_lethe(command);
        CAPTURE(last.err);
        CHECK(last.status == 0);
      }
      CHECK(result_of(out) == result_of(dir / "whole"));
    }
  }
  CHECK(broken > 0);
}

TEST_CASE("--resume without a run, with other settings, of a damaged or a busy one") {
  const Setting setting;
  const TempDir dir;
  const fs::path out = dir / "out", checkpoint = out / "lethe" / "checkpoint.safetensors";
  const Work& work = works()[0];
  const Arguments endless = {"--save-steps", "1", "--logging-steps", "1"};
  const auto arguments = [&](const Arguments& more) {
    Arguments all = setting.arguments(work, out, endless);
    *(std::find(all.begin(), all.end(), "8")) = "1000000";
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto refused = [&](const Arguments& more, const Arguments& parts) {
    const Run run = run_lethe(arguments(more));
    CAPTURE(run.err);
    CHECK(run.status == 1);
    CHECK(run.out.empty());
    for (const std::string& part : parts) CHECK(contains(run.err, part));
  };
  refused({"--resume"}, {"--resume", (out / "lethe").string()});
  CHECK_FALSE(fs::exists(out));
  fs::create_directories(out / "lethe");
  lethe::write_file(out / "lethe" / "metrics.jsonl", "{\"epoch\": 1, \"train_loss\": 2.5}\n");
  refused({"--resume"}, {(out / "lethe").string(), "config.toml"});
  CHECK(lethe::read_file(out / "lethe" / "metrics.jsonl") == "{\"epoch\": 1, \"train_loss\": 2.5}\n");
  CHECK_FALSE(fs::exists(out / "lethe" / "events.out.tfevents.0.lethe"));
  fs::remove_all(out);

  // While it runs, nobody else may use its folder.
  const Run run = run_lethe_until(
      arguments({}),
      [&] {
        if (lines_of(out / "lethe" / "metrics.jsonl") < 3) return false;
        refused({"--resume"}, {"in use by another run", (out / "lethe").string()});
        refused({}, {out.string(), "exists"});
        return true;
      },
      SIGKILL);
  REQUIRE(run.status == 137);
  refused({}, {out.string(), "exists", "--resume"});
  refused({"--resume", "--limit", "2"}, {"settings differ"});  // mends the end of a log that kill -9 tore
  const auto before = bytes_below(out);
  for (const Arguments& other :
       {Arguments{"--rate", "0.9"}, Arguments{"--seed", "7"}, Arguments{"--weight-decay", "1"}}) {
    Arguments more = {"--resume"};
    more.insert(more.end(), other.begin(), other.end());
    refused(more, {"settings differ", "config.toml"});
  }
  CHECK(bytes_below(out) == before);
  const std::string whole = lethe::read_file(checkpoint);
  cut_file(checkpoint, whole.size() / 2);
  refused({"--resume"}, {"checkpoint.safetensors", "cut short"});
  cut_file(checkpoint, 0);
  refused({"--resume"}, {"checkpoint.safetensors"});
  lethe::write_file(checkpoint, whole);
  replace_in(checkpoint, "\"step\":\"", "\"step\":\"-");
  refused({"--resume"}, {"checkpoint.safetensors"});
  lethe::write_file(checkpoint, lethe::read_file(golden("models/llama/model.safetensors")));
  refused({"--resume"}, {"checkpoint.safetensors", "no checkpoint of Lethe"});
  CHECK_FALSE(holds_model(out));
}

TEST_CASE("what was done before an interruption counts: tokens and seconds are of the whole run") {
  const Setting setting;
  const TempDir dir;
  const Arguments sparse = {"--save-steps", "1", "--logging-steps", "3"};  // 3, 6, 8 of a stage of 8 steps
  int broken = 0;
  for (const Work& work : {works()[1], works()[5]}) {
    for (const int64_t lines : {2, 4}) {  // of an update: while it forgets, and while it learns
      CAPTURE(work.name);
      CAPTURE(lines);
      const fs::path whole = dir / fmt::format("whole-{}-{}", work.updates, lines);
      const fs::path out = dir / fmt::format("out-{}-{}", work.updates, lines);
      const Json expected = run_lethe(setting.arguments(work, whole, sparse)).json();
      if (break_off(setting.arguments(work, out, sparse), out, lines, lines + 1, SIGINT) == 0) continue;
      ++broken;
      // As if what was done had taken long.
      const fs::path forgotten = out / "lethe" / "forgotten.json";
      const bool learns = fs::exists(forgotten);
      if (learns) {
        Json json = lethe::parse_json(lethe::read_file(forgotten), "forgotten.json");
        json["seconds"] = 5000.0;
        lethe::write_file(forgotten, json.dump());
      }
      replace_in(out / "lethe" / "checkpoint.safetensors", "\"seconds\":\"0.", "\"seconds\":\"9.");
      Arguments resume = sparse;
      resume.push_back("--resume");
      const Run run = run_lethe(setting.arguments(work, out, resume));
      CAPTURE(run.err);
      REQUIRE(run.status == 0);
      const Json seconds = run.json()["seconds"];
      if (!work.updates) {
        CHECK(seconds.get<double>() >= 9);
        CHECK(run.json()["tokens"] == expected["tokens"]);
      } else {
        CHECK(seconds[learns ? "learn" : "forget"].get<double>() >= 9);
        if (learns) CHECK(seconds["forget"] == 5000.0);
      }
    }
  }
  CHECK(broken > 0);
}

TEST_CASE("what was measured after forgetting is checked before learning goes on") {
  const Setting setting;
  const TempDir dir;
  const fs::path out = dir / "out", forgotten = out / "lethe" / "forgotten.json";
  Arguments arguments = {"update",     setting.model,        setting.facts, "--out",
                         out.string(), "--threads",          "1",           "--save-steps",
                         "1",          "--logging-steps",    "1",           "--forget-epochs",
                         "1",          "--num-train-epochs", "2000"};
  const auto learns = [&] {
    const fs::path log = out / "lethe" / "metrics.jsonl";
    return fs::exists(log) && contains(lethe::read_file(log), "\"stage\":\"learn\"");
  };
  REQUIRE(run_lethe_until(arguments, learns, SIGINT).status == 130);
  arguments.emplace_back("--resume");
  const Json whole = lethe::read_json(forgotten);
  const auto refused = [&](const char* field, const Json& value, const std::string& says) {
    Json damaged = whole;
    damaged[field] = value;
    lethe::write_file(forgotten, damaged.dump());
    const Run run = run_lethe(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 1);
    CHECK(contains(run.err, "forgotten.json: " + says));
  };
  refused("answers", Json::array(), "\"answers\" is [], expected a list of ");
  refused("answers", Json::object(), "\"answers\" is {}, expected a list of ");
  refused("answers", Json(whole["answers"].size(), 5), "\"answers\" is [5,");
  refused("seconds", "x", "\"seconds\" is \"x\", expected a number");
  refused("delta", 5, "\"delta\" is 5, expected a list");
  refused("evaluation", Json::array(), "\"evaluation\" is [], expected an object");
  CHECK_FALSE(holds_model(out));
}

TEST_CASE("a signal in the middle of fp32 attention over long spans: the state is saved, every time") {
  const TempDir dir;
  const std::string out = (dir / "out").string(), data = (dir / "long.jsonl").string();
  std::string lines;
  for (int i = 0; i < 6; ++i) {
    Json ids = Json::array();
    for (int k = 0; k < 500; ++k) ids.push_back(3 + (7 * i + 5 * k) % 500);
    lines += Json{{"input_ids", ids}}.dump() + "\n";
  }
  lethe::write_file(data, lines);
  Arguments arguments = {"finetune", golden("gguf/stories260K/model.gguf"), data, "--out", out};
  for (const char* argument : {"--method", "full", "--per-device-train-batch-size", "6", "--num-train-epochs", "1000",
                               "--precision", "fp32", "--threads", "1", "--quiet"})
    arguments.emplace_back(argument);
  const fs::path log = dir / "out" / "lethe" / "metrics.jsonl";
  for (int i = 0; i < 8; ++i) {
    const int64_t logged = lines_of(log);
    const auto in_a_step = [&] {
      if (lines_of(log) <= logged) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(13 * i));
      return true;
    };
    const Run run = run_lethe_until(arguments, in_a_step, SIGINT);
    CAPTURE(run.err);
    CHECK(run.status == 130);
    CHECK(contains(run.err, "the state is saved"));
    if (i == 0) arguments.emplace_back("--resume");
  }
}

TEST_CASE("--resume goes on with the model and the data of its beginning, or not at all") {
  const TempDir dir;
  const fs::path model = copy_model(dir), facts = write_facts(dir), data = dir / "data.jsonl";
  lethe::write_file(data, "{\"text\": \"a cat\"}\n{\"text\": \"the dog ran\"}\n");
  const Arguments options = {"--max-steps", "100000", "--save-steps", "1", "--threads", "1"};
  for (const bool updates : {true, false}) {
    const fs::path out = dir / (updates ? "updated" : "tuned"), source = updates ? facts : data;
    Arguments arguments = {updates ? "update" : "finetune", model.string(), source.string(), "--out", out.string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    REQUIRE(break_off(arguments, out, 2, 200000, SIGKILL) == 137);
    arguments.emplace_back("--resume");
    const auto refused = [&](const fs::path& file, const std::string& name, const auto& change) {
      const std::string before = lethe::read_file(file);
      change();
      const Run run = run_lethe(arguments);
      CAPTURE(run.err);
      CHECK(run.status == 1);
      CHECK(contains(run.err, "--resume: " + name + " is not what it was when the run in "));
      lethe::write_file(file, before);
    };
    const fs::path weights = model / "model.safetensors", config = model / "config.json";
    refused(weights, model.string(), [&] { patch_file(weights, -4, "1234"); });
    refused(weights, model.string(), [&] { patch_file(weights, 50000, "1234"); });
    refused(config, model.string(),
            [&] { lethe::write_file(config, lethe::read_file(config).insert(1, "\"x\": 1,")); });
    refused(source, source.string(), [&] {
      std::string text = lethe::read_file(source);
      lethe::write_file(source, text.replace(text.find("dog"), 3, "cat"));
    });
    // A copy is the same, and spaces between the fields are no other data.
    fs::copy(model, dir / "copy");
    fs::remove_all(model);
    fs::rename(dir / "copy", model);
    lethe::write_file(source, lethe::read_file(source) + "\n");
    break_off(arguments, out, lines_of(out / "lethe" / "metrics.jsonl") + 2, 200000, SIGINT);
  }
}

}  // namespace
