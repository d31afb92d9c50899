#include "lethe/study/plan.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/study/study_testing.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::study;

namespace {

void replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

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
  CHECK(plan.side_by_side(0) == 6);  // with all of the other world
  CHECK(plan.side_by_side(8) == 7);  // with all but its world and its model
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
  CHECK(plan.work[0].folder() == "world-242075b4317cc99f");  // hours of work may lie under these names
  CHECK(plan.work[1].folder() == "model-88f57ae4fba00c9d");
}

TEST_CASE("a stage depends on the files outside that it reads, and those that are not there are told before it runs") {
  const TempDir temp;
  const fs::path people = temp / "world" / "people";
  fs::create_directories(people.parent_path());
  write_file(people, "10");
  std::string text = study::testing::small_recipe();
  replace(text, "rate = 0.5", fmt::format("rate = 0.5\nplace = \"{}\"", people.parent_path().string()));
  replace(text, "rate = 0.25", "rate = 0.25\nplace = \"nowhere\"");
  replace(text, "world = \"{world}\"", "world = \"{place}\"");
  const Recipe recipe = parse_recipe(text, "small.toml");
  const auto keys = [&] {
    const Plan plan = make_plan(recipe, study::testing::fake_commands(), {"", {}, {}, "fp32"});
    return std::pair(plan.work[0].key, plan.work[1].key);  // world, model
  };
  const auto first = keys();
  CHECK(keys() == first);
  fs::last_write_time(people, fs::last_write_time(people) + std::chrono::seconds(5));
  const auto later = keys();
  CHECK(later.first == first.first);
  CHECK(later.second != first.second);
  write_file(people, "1000");
  CHECK(keys().second != later.second);
  CHECK_THROWS_WITH_AS(make_plan(recipe, study::testing::fake_commands(), {"large", {}, {}, "fp32"}),
                       doctest::Contains("small.toml:28: stage.world: stage 'model' of rank=none: --world: there is no "
                                         "'nowhere'; --set place=PATH gives another"),
                       UsageError);
}

TEST_CASE("an option whose value is an empty list is not given") {
  std::string text = study::testing::small_recipe();
  replace(text, "method = \"full\" }", "method = \"full\", r = [] }");
  replace(text, "method = \"lora\" }", "method = \"lora\", r = 4 }");
  replace(text, "method = \"{method}\"", "method = \"{method}\"\nrank = \"{r}\"");
  const Plan plan = make_plan(parse_recipe(text, "small.toml"), study::testing::fake_commands(), {});
  const auto given = [&](size_t work) {
    return std::ranges::count_if(plan.work[work].options, [](const auto& option) { return option.first == "rank"; });
  };
  CHECK(given(1) == 0);
  CHECK(given(3) == 1);
}

TEST_CASE("an option that is no part of a resolved configuration is a part of the key") {
  const auto key = [](const std::string& tries) {
    std::string text = study::testing::small_recipe();
    replace(text, "keep = false", "keep = false\n" + tries);
    return make_plan(parse_recipe(text, "small.toml"), study::testing::fake_commands(), {}).work[0].key;
  };
  CHECK(key("tries = 2") == key("tries = 2"));
  CHECK(key("tries = 2") != key("tries = 3"));
  CHECK(key("tries = 2") != key(""));
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
  std::string text = study::testing::small_recipe();
  text.replace(text.find("rate = 0.5"), 10, "rate = []");
  const Recipe not_given = parse_recipe(text, "small.toml");
  const auto model_of = [&](const PlanOptions& options) {
    const Plan plan = make_plan(not_given, study::testing::fake_commands(), options);
    return plan.work[1].arguments("S");
  };
  CHECK(std::ranges::count(model_of({"", {}, {}, ""}), "--learning-rate=0.25") == 0);
  CHECK(std::ranges::count(model_of({"", {{"rate", "0.25"}}, {}, ""}), "--learning-rate=0.25") == 1);
  fails({"", {}, {{"augmen", "single"}}, ""}, "no axis of the grid; did you mean augment?");
  fails({"", {}, {{"augment", "multi2"}}, ""}, "no value at this scale; did you mean multi5?");
  fails({"large", {}, {{"augment", "single"}}, ""}, "no value at this scale");
  fails({"lage", {}, {}, ""}, "has no such scale; did you mean large?");
}

TEST_CASE("a stage reads a file that another writes") {
  const Recipe recipe = parse_recipe(R"(title = "t"
explains = "e"
[scale.small]
machine = "any"
minutes = 1
[[stage]]
name = "world"
command = "world make"
people = 10
[[stage]]
name = "net"
command = "pretrain"
data = "{world}/biographies.jsonl"
tokenizer = "{world}"
)",
                                     "small.toml");
  const Plan plan = make_plan(recipe, study_commands(), {"", {}, {}, "fp32"});
  REQUIRE(plan.work.size() == 2);
  CHECK(std::ranges::count(plan.work[1].reads, 0U) > 0);
}

TEST_CASE("a stage depends on the base of an adapter outside") {
  const TempDir temp;
  for (const char* name : {"ad", "base"}) fs::create_directory(temp / name);
  write_file(temp / "ad" / "adapter_config.json", R"({"base_model_name_or_path": "base"})");
  write_file(temp / "base" / "config.json", "{}");
  std::string text = study::testing::small_recipe();
  replace(text, "model = \"{model}\"", fmt::format("model = \"{}\"", (temp / "ad").string()));
  const Recipe recipe = parse_recipe(text, "small.toml");
  const auto key = [&] { return make_plan(recipe, study::testing::fake_commands(), {"", {}, {}, "fp32"}).work[2].key; };
  const std::string first = key();
  CHECK(key() == first);
  write_file(temp / "base" / "config.json", "{} ");
  CHECK(key() != first);
}
