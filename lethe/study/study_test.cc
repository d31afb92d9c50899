#include "lethe/study/study.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/plan.h"
#include "lethe/study/study_test.h"
#include "lethe/tensor/parallel.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::study;
using study::testing::log;

namespace {

struct Fixture {
  TempDir temp;
  StudyConfig config;

  Fixture() {
    log() = {};
    write(study::testing::small_recipe());
    config.recipe = (temp / "small.toml").string();
    config.out = temp / "out";
  }
  void write(const std::string& recipe) const { write_file(temp / "small.toml", recipe); }
  void replace(const std::string& from, const std::string& to) const {
    std::string text = read_file(temp / "small.toml");
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    write(text.replace(at, from.size(), to));
  }
  OrderedJson run(std::string* text = nullptr) const {
    RunInfo info;
    info.version = "0";
    info.command = "lethe study small.toml";
    return study::study(config, info, study::testing::fake_commands(), text);
  }
  fs::path stage(const std::string& name) const {  // the only folder of this stage
    for (const auto& entry : fs::directory_iterator(config.out / "stages"))
      if (entry.path().filename().string().starts_with(name + "-")) return entry.path();
    return {};
  }
};

using Calls = std::vector<std::string>;

}  // namespace

TEST_CASE("a plan runs each distinct call once, and keys it by all that it depends on") {
  const Recipe recipe = parse_recipe(study::testing::small_recipe(), "small.toml");
  const auto commands = study::testing::fake_commands();
  const Plan plan = make_plan(recipe, commands, {"", {}, {}, "fp32"});
  REQUIRE(plan.variants.size() == 4);
  REQUIRE(plan.work.size() == 2 + 4 + 3);  // worlds; models; single+two is not asked
  CHECK(plan.variants[0].grid.dump() == R"({"augment":"single","rank":"none"})");
  CHECK(plan.variants[0].stages[0].second == plan.variants[1].stages[0].second);  // one world
  CHECK(plan.variants[1].stages.size() == 2);
  CHECK(plan.work[0].label == "augment=single");
  CHECK(plan.work[1].label == "augment=single rank=none");
  CHECK(plan.work[1].reads == std::vector<size_t>{0});
  CHECK(plan.work[1].arguments("/o")[0] == "--world=/o/" + plan.work[0].folder() + "/out");
  CHECK(make_plan(recipe, commands, {"large", {}, {}, "fp32"}).variants.size() == 2);
  CHECK(make_plan(recipe, commands, {"", {}, {{"rank", "two"}}, "fp32"}).variants.size() == 2);

  const auto key = [&](const PlanOptions& options, size_t work) {
    return make_plan(recipe, commands, options).work[work].key;
  };
  CHECK(key({"", {}, {}, "fp32"}, 1) == plan.work[1].key);
  CHECK(key({"", {}, {}, "bf16"}, 1) != plan.work[1].key);
  CHECK(key({"", {}, {}, "fp32", 1}, 0) != plan.work[0].key);
  CHECK(key({"", {{"people", "11"}}, {}, "fp32"}, 1) != plan.work[1].key);  // by way of what it reads
  CHECK(key({"", {{"rate", "0.125"}}, {}, "fp32"}, 0) == plan.work[0].key);
  CHECK(key({"", {{"rate", "0.125"}}, {}, "fp32"}, 1) != plan.work[1].key);
}

TEST_CASE("an option whose value is an empty list is not given") {
  std::string text = study::testing::small_recipe();
  for (const auto& [from, to] : {std::pair{"method = \"full\" }", "method = \"full\", r = [] }"},
                                 {"method = \"lora\" }", "method = \"lora\", r = 4 }"},
                                 {"method = \"{method}\"", "method = \"{method}\"\nrank = \"{r}\""}}) {
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), std::string_view(from).size(), to);
  }
  const Plan plan = make_plan(parse_recipe(text, "small.toml"), study::testing::fake_commands(), {});
  const auto given = [&](size_t work) {
    return std::ranges::count_if(plan.work[work].options, [](const auto& option) { return option.first == "rank"; });
  };
  CHECK(given(1) == 0);
  CHECK(given(3) == 1);
}

TEST_CASE("--set and --only know the recipe") {
  const Recipe recipe = parse_recipe(study::testing::small_recipe(), "small.toml");
  const auto fails = [&](const PlanOptions& options, const char* says) {
    CHECK_THROWS_WITH_AS(make_plan(recipe, study::testing::fake_commands(), options), doctest::Contains(says),
                         UsageError);
  };
  fails({"", {{"peple", "5"}}, {}, ""}, "--set peple: the recipe has no such variable; did you mean people?");
  fails({"", {{"people", "many"}}, {}, ""}, "--set people: 'many' is of another type than the recipe's 10");
  fails({"", {{"people", "1.5"}}, {}, ""}, "'1.5' is of another type");
  fails({"", {}, {{"augmen", "single"}}, ""}, "no axis of the grid; did you mean augment?");
  fails({"", {}, {{"augment", "multi2"}}, ""}, "no value at this scale; did you mean multi5?");
  fails({"large", {}, {{"augment", "single"}}, ""}, "no value at this scale");
  fails({"lage", {}, {}, ""}, "has no such scale; did you mean large?");
}

TEST_CASE("two stages at a time give the same results, and what goes wrong in one is told") {
  tensor::set_num_threads(2);
  catch_interrupts();  // as the program does: a worker that is interrupted with the other saves and ends
  Fixture study;
  const OrderedJson alone = study.run();
  study.config.out = study.temp / "two";
  study.config.jobs = 2;
  OrderedJson both = study.run();
  CHECK(both["variants"] == alone["variants"]);
  CHECK(study.run()["variants"] == alone["variants"]);  // all done

  study.config.out = study.temp / "interrupted";
  log() = {.calls = {}, .interrupt_at = 0};
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("interrupted at step 3"), Interrupted);
  log() = {};
  CHECK(study.run()["variants"] == alone["variants"]);

  study.config.out = study.temp / "failed";
  study.replace("learning_rate = \"{rate}\"", "learning_rate = 666");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("stage 'model' of augment="), Error);  // whichever comes first
  tensor::set_num_threads(0);
}

TEST_CASE("a study runs, keeps results in order, and does nothing twice") {
  const Fixture study;
  std::string text;
  const OrderedJson results = study.run(&text);
  CHECK(log().calls ==
        Calls{"make 10 single", "train", "ask", "train", "make 10 multi5", "train", "ask", "train", "ask"});
  CHECK(results["scale"] == "small");
  CHECK(results["variants"][0]["stages"].dump() ==
        R"({"world":{"people":10,"seed":0},"model":{"rate":0.5},"ask":{"mean":{"exact_match":10.0}}})");
  CHECK_FALSE(results["variants"][1]["stages"].contains("ask"));
  INFO(text);
  CHECK(text.find("multi5, none   10.0 (9.5)\n") != std::string::npos);
  CHECK(run::read_ordered_json(study.config.out / "results.json") == results);
  CHECK(read_file(study.config.out / "report.html").find("How many?") != std::string::npos);
  CHECK(read_file(study.config.out / "recipe.toml") == study::testing::small_recipe());
  CHECK(run::page_html(study_page_of(study.config.out)) == read_file(study.config.out / "report.html"));

  log().calls.clear();
  CHECK(study.run() == results);
  CHECK(log().calls.empty());
}

TEST_CASE("what is not kept is removed after its last reader, and made again where it is read again") {
  const Fixture study;
  study.run();
  CHECK_FALSE(fs::exists(study.stage("world") / "out" / "people"));
  CHECK(fs::exists(study.stage("model") / "out" / "model"));
  log().calls.clear();
  study.replace("learning_rate = \"{rate}\"", "learning_rate = 0.75");
  study.run();
  CHECK(log().calls ==
        Calls{"make 10 single", "train", "ask", "train", "make 10 multi5", "train", "ask", "train", "ask"});

  log().calls.clear();
  study.replace("name = \"ask\"", "name = \"asked\"");  // models are still there: no world is needed
  study.replace("ask.mean", "asked.mean");
  study.run();
  CHECK(log().calls == Calls{"ask", "ask", "ask"});
}

TEST_CASE("an interrupted study goes on where it was, inside of a stage too") {
  const Fixture study;
  log().interrupt_at = 1;
  CHECK_THROWS_WITH_AS(study.run(), "stage 'model' of augment=single rank=none: interrupted at step 3", Interrupted);
  CHECK_FALSE(fs::exists(study.config.out / "results.json"));
  log() = {};
  const OrderedJson results = study.run();
  CHECK(log().calls == Calls{"train resumed", "ask", "train", "make 10 multi5", "train", "ask", "train", "ask"});
  CHECK(results["variants"].size() == 4);
}

TEST_CASE("a dry run tells what is done") {
  Fixture study;
  log().interrupt_at = 1;
  CHECK_THROWS_AS(study.run(), Interrupted);
  log() = {};
  study.config.dry_run = true;
  std::string text;
  const OrderedJson plan = study.run(&text);
  CHECK(log().calls.empty());
  CHECK(plan["stages"][0]["done"] == true);
  CHECK(plan["stages"][1]["done"] == false);
  CHECK(text.starts_with("done  world augment=single\nto do model augment=single rank=none\n"));
}

TEST_CASE("errors of stages and of the output say where") {
  Fixture study;
  study.replace("world = \"{world}\"", "world = \"nowhere\"");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("stage 'model' of rank=none: "), Error);
  study.config.resume = true;
  study.config.out = study.temp / "new";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("holds no study"), Error);
  study.config.resume = false;
  fs::create_directories(study.temp / "new" / "other");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("exists and holds no study"), Error);
  study.config.out = study.temp / "a,b";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("without a comma"), UsageError);
  study.config.set = {"people=5", "people=6"};
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("--set people is given twice"), UsageError);
  study.config.set = {"people"};
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("'people' is not NAME=VALUE"), UsageError);
}

TEST_CASE("curves of a run are part of the result where the page shows them") {
  const Fixture study;
  study.replace("[section.paper]",
                "[[section]]\ntitle = \"Learning\"\nshow = \"curves\"\nstage = \"model\"\nrows = \"augment\"\n#");
  study.replace("\"multi5, none\" = [9.5]\nbaseline = [2]", "");
  const OrderedJson results = study.run();
  CHECK(results["variants"][0]["stages"]["model"]["curves"].dump() == R"([{"tokens":5}])");
}

TEST_CASE("two studies share stages") {
  Fixture study;
  study.config.stages = study.temp / "shared";
  study.run();
  log().calls.clear();
  study.config.out = study.temp / "again";
  study.run();
  CHECK(log().calls.empty());
  CHECK(fs::exists(study.temp / "again" / "results.json"));
  CHECK_FALSE(fs::exists(study.temp / "again" / "stages"));
}
