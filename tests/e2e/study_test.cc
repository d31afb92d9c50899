// study and report: a small study from the world to the page, interrupted and gone on with, and what is wrong in
// recipes.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/e2e/bad_input.h"

namespace {

using lethe::Json;
using lethe::OrderedJson;
namespace fs = lethe::fs;

const char* const kRecipe = R"(title = "A small study"
explains = "whether all of it runs"
[scale.small]
machine = "any"
minutes = 1
steps = 60
[grid]
augment = ["single", "multi2+permute"]
[[stage]]
name = "world"
command = "world make"
people = 24
augment = "{augment}"
[[stage]]
name = "pretrain"
command = "pretrain"
data = "{world}"
layers = 1
heads = 2
hidden-size = 16
max-seq-length = 192
per-device-train-batch-size = 2
max-steps = "{steps}"
save-steps = 1
[[stage]]
name = "finetune"
command = "finetune"
model = "{pretrain}"
data = "{world}"
embedding-rank = 4
max-steps = 4
[[stage]]
name = "ask"
command = "evaluate"
model = "{finetune}"
base-model = "{pretrain}"
world = "{world}"
[[stage]]
name = "q_probe"
command = "probe"
model = "{pretrain}"
data = "{world}"
kind = "q"
attributes = ["major"]
max-steps = 3
[[section]]
title = "Asked"
show = "table"
rows = "augment"
columns = ["mean", { name = "gone", path = "ask.mean.nothing" }]
path = "ask.{column}.exact_match"
[[section]]
title = "Ten people"
show = "answers"
stage = "ask"
rows = "augment"
[[section]]
title = "Learning"
show = "curves"
stage = "pretrain"
rows = "augment"
[[section]]
title = "Names"
show = "bars"
stage = "q_probe"
rows = "augment"
)";

// The results without what differs from run to run.
Json comparable(const fs::path& out) {
  Json results = lethe::read_json(out / "results.json");
  for (const char* key : {"seconds", "command", "computed_on"}) results.erase(key);
  for (Json& variant : results["variants"])
    for (auto& [stage, result] : variant["stages"].items())
      for (const char* key : {"seconds", "tokens_per_second", "peak_share", "curves_seconds"}) result.erase(key);
  return results;
}

}  // namespace

TEST_CASE("a study runs from the world to the page, and an interrupted one ends the same") {
  const TempDir dir;
  const std::string recipe = (dir / "small.toml").string(), whole = (dir / "whole").string(),
                    cut = (dir / "cut").string();
  lethe::write_file(recipe, kRecipe);
  const Run run = run_lethe({"study", recipe, "--out", whole, "--json", "--threads", "1"});
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  CHECK(contains(run.err, "[1/10] world augment=single"));
  CHECK(contains(run.err, "no numbers for Asked: gone"));
  CHECK(contains(run.err, "--classifier unembedding"));  // too few people for the one that q_probe trains
  const Json stages = run.json()["variants"][1]["stages"];
  CHECK(stages["ask"]["examples"].size() == 60);
  CHECK(stages["q_probe"]["first_token"]["major"].size() == 1);
  CHECK(stages["pretrain"]["curves"].size() > 1);
  const std::string page = lethe::read_file(dir / "whole" / "report.html");
  for (const char* part : {"A small study", "data-label=\"multi2+permute\"", "in biographies, of the others",
                           "First tokens of the values", "<th scope=\"row\">single</th>"})
    CHECK(contains(page, part));
  CHECK_FALSE(contains(page, "http"));
  // The command on a stage's page is the stage's: with what the study gives it.
  const std::string net = run.json()["variants"][1]["folders"]["pretrain"];
  const std::string command =
      lethe::read_json(dir / "whole" / "stages" / net / "out" / "lethe" / "results.json")["command"];
  for (const char* part : {"lethe pretrain ", " --seed=0", " --threads=1", " --precision="})
    CHECK(contains(command, part));

  const auto checkpoints = [&] {  // of trainings
    int count = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir / "cut" / "stages", error))
      count += fs::exists(entry.path() / "out" / "lethe" / "checkpoint.safetensors");
    return count;
  };
  const std::vector<std::string> again = {"study", recipe, "--out", cut, "--json", "--threads", "2", "--jobs", "2"};
  const Run interrupted = run_lethe_until(
      again, [&] { return checkpoints() == 2; }, SIGINT);  // side by side
  CAPTURE(interrupted.err);
  CHECK(interrupted.status == 130);
  CHECK(contains(interrupted.err, "go on with: "));
  CHECK(checkpoints() > 0);
  const Run resumed = run_lethe(again);
  CAPTURE(resumed.err);
  REQUIRE(resumed.status == 0);
  CHECK(contains(resumed.err, " of 10 stages are done"));
  CHECK_FALSE(contains(resumed.err, "10 of 10 stages are done"));
  CHECK(comparable(cut) == comparable(whole));

  const Run report = run_lethe({"report", whole, "--out", (dir / "page.html").string()});
  CHECK(report.status == 0);
  CHECK(lethe::read_file(dir / "page.html") == page);
  CHECK(contains(run_lethe({"study", recipe, "--out", whole, "--threads", "1"}).out,
                 "page: " + (dir / "whole" / "report.html").string()));
  const std::string results = (dir / "whole" / "results.json").string();
  check_fails(1, {"report", whole, "--out", results, "--overwrite"}, {"--out " + results, "is no page"});
  for (const auto& entry : fs::directory_iterator(dir / "whole" / "stages"))
    if (entry.path().filename().string().starts_with("finetune-")) {
      const Run two =
          run_lethe({"report", (entry.path() / "out").string(), whole, "--out", (dir / "two.html").string()});
      CAPTURE(two.err);
      CHECK(two.status == 0);
      CHECK(contains(lethe::read_file(dir / "two.html"), "<h1>2 pages</h1>"));
      break;
    }
}

TEST_CASE("studies are listed, planned, and refused with file, line and reason") {
  const TempDir dir;
  const Run list = run_lethe({"study", "--list"});
  CHECK(list.status == 0);
  for (const char* name : {"extraction: ", "probes: ", "celebrity: ", "bidirectional: ", "bior: ", "couple: ",
                           "lora-sweep: ", "learning-order: ", "update-in-a-world: ", "laboratory: "})
    CHECK(contains(list.out, name));
  const Json listed = run_lethe({"study", "--list", "--json"}).json();
  CHECK(listed.size() == 10);
  CHECK(listed[0]["name"] == "bidirectional");
  CHECK(listed[0]["scales"][0]["name"] == "two-cores");
  CHECK(listed[0]["scales"][0]["minutes"].is_number());
  const Run plan =
      run_lethe({"study", "extraction", "--only", "augment=single", "--dry-run", "--out", (dir / "none").string()});
  CHECK(plan.status == 0);
  CHECK(contains(plan.out, "to do pretrain augment=single\n"));
  CHECK(contains(plan.out, "into  " + (dir / "none").string()));
  CHECK_FALSE(fs::exists(dir / "none"));
  const auto first_folder = [](Arguments more) {
    Arguments plan = {"study", "laboratory", "--dry-run", "--json"};
    plan.insert(plan.end(), more.begin(), more.end());
    return check_works(plan).json()["stages"][0]["folder"].get<std::string>();
  };
  CHECK(first_folder({}).starts_with("out/laboratory/stages/"));
  CHECK(first_folder({"--scale", "workstation"}).starts_with("out/laboratory-workstation/stages/"));

  const std::string recipe = (dir / "bad.toml").string();
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& says) {
    std::string text = kRecipe;
    text.replace(text.find(from), from.size(), to);
    lethe::write_file(recipe, text);
    check_fails(2, {"study", recipe, "--out", (dir / "out").string()}, {"bad.toml:", says});
    CHECK_FALSE(fs::exists(dir / "out"));
  };
  refused("layers = 1", "layer = 1", "unknown option --layer (did you mean --layers?)");
  refused("layers = 1", "kep = false\nlayers = 1", "unknown option --kep");
  refused("layers = 1", "kep = false\nlayers = 1", "(did you mean keep?)");
  refused("hidden-size = 16", "hidden-size = \"wide\"", ":20: stage.hidden-size:");
  refused("hidden-size = 16", "hidden-size = 15", ":20: stage.hidden-size:");
  refused("data = \"{world}\"", "data = \"{wrld}\"", "did you mean world?");
  refused("augment = \"{augment}\"", "augment = \"twice\"", "'twice' is no augmentation");
  refused("title = \"A small study\"", "title = ", "this is not TOML");
  check_fails(2, {"study", "bior", "--dry-run", "--set", "model=none.gguf"},
              {"bior.toml:", "stage.model: stage 'told'", "there is no 'none.gguf'; --set model=PATH gives another"});
  check_fails(2, {"study", "extracton"}, {"did you mean extraction?"});
  check_fails(2, {"study"}, {"study takes a RECIPE"});
  check_fails(2, {"study", "extraction", "--scale", "papr"}, {"--scale papr", "did you mean paper?"});
  check_fails(1, {"report", dir.path().string(), "--out", (dir / "page.html").string()}, {"holds no results.json"});
}
