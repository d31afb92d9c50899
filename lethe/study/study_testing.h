// For the tests of studies: fake commands, small, that count their calls, and a study of them.
#pragma once
#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/study/commands.h"
#include "lethe/study/study.h"
#include "tests/temp_dir.h"

namespace lethe::study::testing {

struct Log {
  std::vector<std::string> calls;  // "make 5", "train resumed"
  int interrupt_at = -1;           // the call that is interrupted
  std::function<void()> training = [] {};
};

inline Log& log() {
  static Log log;
  return log;
}

inline void called(const std::string& what) {
  log().calls.push_back(what);
  if (std::ssize(log().calls) - 1 == log().interrupt_at) throw Interrupted("interrupted at step 3");
}

struct FakeMake {
  fs::path out;
  int64_t people = 10, tries = 1;
  std::string augment = "single";
  void add_to(Options& options) {
    options.add("out", out, "").required();
    options.add("people", people, "").at_least(1);
    options.add("tries", tries, "").not_resolved();
    options.add("augment", augment, "").one_of({"single", "multi5"});
  }
};

struct FakeTrain {
  fs::path world, out;
  double learning_rate = 1e-3;
  std::string method = "full";
  int64_t rank = 8;
  std::vector<std::string> files;
  bool resume = false, merge = false;
  void add_to(Options& options) {
    options.add("world", world, "").positional().required();
    options.add("out", out, "").required();
    options.add("learning-rate", learning_rate, "").above(0);
    options.add("method", method, "").one_of({"full", "lora"});
    options.add("rank", rank, "");
    options.add("files", files, "");
    options.add("merge", merge, "").flag();
    options.add("resume", resume, "").flag().not_resolved();
  }
  void resolve(Options& options) const {
    if (!fs::exists(world / "people")) fail_usage("{} is no world", world.string());
    if (method == "full") options.no_effect("rank", "full trains no LoRA");
  }
};

struct FakeAsk {
  fs::path model;
  void add_to(Options& options) { options.add("model", model, "").positional().required(); }
};

inline std::vector<Command> fake_commands() {
  return {command<FakeMake>(
              "world make",
              [](const FakeMake& config, const RunInfo& run) -> OrderedJson {
                called(fmt::format("make {} {}", config.people, config.augment));
                fs::create_directories(config.out);
                write_file(config.out / "people", fmt::format("{}", config.people));
                return {{"people", config.people}, {"seed", run.seed}, {"out", config.out.string()}};
              },
              "people"),
          command<FakeTrain>("train",
                             [](const FakeTrain& config, const RunInfo& run) -> OrderedJson {
                               const fs::path settings = config.out / "lethe" / "config.toml";
                               check(!config.resume || read_file(settings) == run.config_toml,
                                     "--resume: the settings differ");
                               fs::create_directories(config.out / "lethe");
                               write_file(settings, run.config_toml);
                               log().training();
                               called(config.resume ? "train resumed" : "train");
                               check(config.learning_rate < 100, "the loss is infinite");
                               const std::string people = read_file(config.world / "people");
                               write_file(config.out / "model", people);
                               write_file(config.out / "lethe" / "curves.jsonl", "{\"tokens\": 5}\n");
                               return {{"rate", config.learning_rate}};
                             }),
          command<FakeAsk>("evaluate", [](const FakeAsk& config, const RunInfo&) -> OrderedJson {
            called("ask");
            return {{"mean", {{"exact_match", std::stod(read_file(config.model / "model"))}}}};
          })};
}

// A recipe that they can run.
inline std::string small_recipe() {
  return R"(title = "A study"
explains = "what it asks"
[scale.small]
machine = "any"
minutes = 1
people = 10
rate = 0.5
[scale.large]
machine = "many"
minutes = 100
people = 1000
rate = 0.25
grid.augment = "multi5"
[grid]
augment = ["single", "multi5"]
rank = [{ name = "none", method = "full" }, { name = "two", method = "lora" }]
[[stage]]
name = "world"
command = "world make"
people = "{people}"
augment = "{augment}"
keep = false
[[stage]]
name = "model"
command = "train"
world = "{world}"
learning_rate = "{rate}"
method = "{method}"
[[stage]]
name = "ask"
command = "evaluate"
model = "{model}"
unless = { augment = "single", rank = ["two"] }
[[section]]
title = "How many?"
lead = "A number."
show = "table"
rows = ["augment", "rank"]
columns = [{ name = "mean", path = "ask.mean.exact_match" }]
[section.paper]
"multi5, none" = [9.5]
baseline = [2]
)";
}

// That study in a folder of its own; its recipe can be edited.
struct Fixture {
  TempDir temp;
  StudyConfig config;

  Fixture() {
    log() = {};
    write(small_recipe());
    config.recipe = (temp / "small.toml").string();
    config.out = temp / "out";
  }
  void write(const std::string& recipe) const { write_file(temp / "small.toml", recipe); }
  void replace(const std::string& from, const std::string& to) const {
    std::string text = read_file(temp / "small.toml");
    const size_t at = text.find(from);
    check(at != std::string::npos, "the recipe has no '{}'", from);
    write(text.replace(at, from.size(), to));
  }
  OrderedJson run(std::string* text = nullptr) const {
    RunInfo info;
    info.version = "0";
    info.command = "lethe study small.toml";
    return study(config, info, fake_commands(), text);
  }
  std::vector<fs::path> stages(const std::string& name) const {  // the folders of this stage
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(config.out / "stages"))
      if (entry.path().filename().string().starts_with(name + "-")) folders.push_back(entry.path());
    return folders;
  }
  void remove(const std::string& name, const std::string& part = "") const {  // all its folders, or a part of each
    for (const fs::path& folder : stages(name)) fs::remove_all(part.empty() ? folder : folder / part);
  }
};

}  // namespace lethe::study::testing
