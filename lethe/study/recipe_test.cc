#include "lethe/study/recipe.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "lethe/base/error.h"
#include "lethe/study/plan.h"
#include "lethe/study/study_testing.h"

using namespace lethe;
using namespace lethe::study;

namespace {

// The small recipe with one text in the place of another.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = study::testing::small_recipe();
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string message_of(const std::string& text) {
  try {
    const Recipe recipe = parse_recipe(text, "dir/small.toml");
    const std::vector<Command> commands = study::testing::fake_commands();
    for (const Scale& scale : recipe.scales) make_plan(recipe, commands, {scale.name, {}, {}, "fp32"});
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a recipe is read") {
  const Recipe recipe = parse_recipe(study::testing::small_recipe(), "dir/small.toml");
  CHECK(recipe.name == "small");
  CHECK(recipe.page.title == "A study");
  REQUIRE(recipe.scales.size() == 2);
  CHECK(recipe.scale("").name == "small");
  CHECK(recipe.scale("large").minutes == 100);
  CHECK(recipe.scale("large").grid[0].values == std::vector<std::string>{"multi5"});
  REQUIRE(recipe.grid.size() == 2);
  CHECK(recipe.grid[0].name == "augment");
  CHECK(recipe.grid[1].values[1].name == "two");
  CHECK(recipe.grid[1].values[1].variables[1].value == "lora");
  REQUIRE(recipe.stages.size() == 3);
  CHECK_FALSE(recipe.stages[0].keep);
  CHECK(recipe.stages[2].unless[1].axis == "rank");
  REQUIRE(recipe.page.sections.size() == 1);
  CHECK(recipe.page.sections[0].columns[0].path == "ask.mean.exact_match");
  CHECK(recipe.page.sections[0].paper["multi5, none"][0] == 9.5);
  CHECK(message_of(recipe.text) == "");
}

TEST_CASE("columns by name stand for a path each") {
  const std::string text = changed("columns = [{ name = \"mean\", path = \"ask.mean.exact_match\" }]",
                                   "columns = [\"birth_city\"]\npath = \"ask.{column}.exact_match\"");
  const Recipe recipe = parse_recipe(text, "small.toml");
  CHECK(recipe.page.sections[0].columns[0].name == "birth city");
  CHECK(recipe.page.sections[0].columns[0].path == "ask.birth_city.exact_match");
  const std::string itself = changed("columns = [{ name = \"mean\", path = \"ask.mean.exact_match\" }]",
                                     "columns = [\"{column}\"]\npath = \"ask.{column}.exact_match\"");
  CHECK(parse_recipe(itself, "small.toml").page.sections[0].columns[0].path == "ask.{column}.exact_match");
  const std::string twice = changed("columns = [{ name = \"mean\", path = \"ask.mean.exact_match\" }]",
                                    "columns = [\"mean\"]\npath = \"ask.{column}.{column}\"");
  CHECK(parse_recipe(twice, "small.toml").page.sections[0].columns[0].path == "ask.mean.mean");
}

TEST_CASE("the paper's rows are those of the grid, and a guess") {
  const auto with_row = [](const std::string& row) { return changed("\"multi5, none\"", "\"" + row + "\""); };
  CHECK(message_of(with_row("single, two")) == "");
  for (const char* row : {"multi5", "none, multi5", "multi5,none"})
    CHECK(message_of(with_row(row))
              .find(fmt::format("dir/small.toml:41: section.paper.{}: \"{}\" is no row; ", row, row)) == 0);
  const std::string only = changed("path = \"ask.mean.exact_match\" }]",
                                   "path = \"ask.mean.exact_match\" }]\nonly = { augment = \"single\" }");
  CHECK(message_of(only) == "");  // a row that is left out here
  const std::string stairs = changed(
      "columns = [{ name = \"mean\", path = \"ask.mean.exact_match\" }]\n[section.paper]\n\"multi5, none\" = [9.5]\n"
      "baseline = [2]",
      "[section.paper.\"single, one\"]\ncity = [1]");
  std::string staircase = stairs;
  staircase.replace(staircase.find("show = \"table\""), 14, "show = \"staircase\"\nstage = \"ask\"");
  CHECK(message_of(staircase).find(
            "\"single, one\" is no row; did you mean \"single, none\"? Expected \"single, none\", \"s") !=
        std::string::npos);
  staircase.replace(staircase.find("single, one"), 11, "single, none");
  CHECK(message_of(staircase).find("'city' is no attribute; ") != std::string::npos);
  staircase.replace(staircase.find("\ncity = [1]"), 11, "\nmajor = [1, 2, 3, 4, 5, 6, 7]");
  CHECK(message_of(staircase).find("7 numbers, expected at most 6") != std::string::npos);
}

TEST_CASE("mistakes name the file, the line, the key, the value and what was expected") {
  struct Mistake {
    const char *from, *to;
    std::vector<std::string> says;
  };
  const Mistake mistakes[] = {
      {"title = \"A study\"", "title = 5", {"dir/small.toml:1: title: 5 is not a text"}},
      {"title = \"A study\"\n", "", {"title is missing"}},
      {"title =", "titel =", {"title is missing"}},
      {"explains = \"what",
       "explain = 1\nexplains = \"what",
       {":2: explain: there is no such key (did you mean explains?)"}},
      {"[grid]", "[grid", {"small.toml:14: this is not TOML"}},
      {"minutes = 100", "minutes = \"100\"", {":10: scale.large.minutes:", "is not a number"}},
      {"minutes = 100", "minutes = inf", {":10: scale.large.minutes: inf is not a number"}},
      {"minutes = 100", "minutes = 100\njobs = 65", {":11: scale.large.jobs: 65 is not a whole number from 1 to 64"}},
      {"minutes = 100", "minutes = 100\njobs = 1.5", {"jobs: 1.5 is not a whole number"}},
      {"people = 1000\n", "", {":6: scale.small.people: the variable is missing in scale.large"}},
      {"grid.augment = \"multi5\"",
       "grid.augment = \"multi6\"",
       {":13:", "'multi6' is no value of augment", "did you mean multi5?"}},
      {"grid.augment", "grid.augmentt", {"no axis of the grid", "did you mean augment?"}},
      {"\"single\", \"multi5\"]\nrank", "\"single\", \"single\"]\nrank", {":15: grid.augment: 'single' stands twice"}},
      {"[\"single\", \"multi5\"]\nrank", "[]\nrank", {":15: grid.augment: the list is empty"}},
      {"name = \"none\", method = \"full\"", "name = \"none\"", {"grid.rank", "method"}},
      {"name = \"none\", method", "name = \"none\", rank = 4, method", {"'rank' is the axis itself"}},
      {"people = 10\n", "world = 10\n", {"stage.name: 'world' is also a variable of the scales"}},
      {"name = \"model\"", "name = \"Model 1\"", {"'Model 1' is no name of a stage"}},
      {"name = \"ask\"", "name = \"model\"", {":30:", "a stage above has this name"}},
      {"command = \"train\"",
       "command = \"trian\"",
       {":25: stage.command: 'trian' is no command that a study calls; did you mean train?"}},
      {"columns = [{ name = \"mean\", path = \"ask.mean.exact_match\" }]",
       "columns = []",
       {"columns is missing or empty"}},
      {"world = \"{world}\"", "world = \"{ask}\"", {":26: stage.world: stage 'ask' does not stand above this one"}},
      {"world = \"{world}\"", "world = \"{model}\"", {"stage 'model' does not stand above this one"}},
      {"world = \"{world}\"", "world = \"{wrold}\"", {"'{wrold}' is no variable and no stage; did you mean world?"}},
      {"world = \"{world}\"\n", "", {"stage 'model'", "WORLD is missing"}},
      {"people = \"{people}\"\n", "", {":6: scale.small.people: no stage uses the variable, as \"{people}\""}},
      {"method = \"{method}\"\n", "", {":16: grid.rank.method: no stage uses the variable"}},
      {"rate = 0.25", "rate = \"{nope}\"", {":12: scale.large.rate: \"{nope}\" has braces"}},
      {"\"multi5\"]\nrank", "\"{rate}\"]\nrank", {"grid.augment: \"{rate}\" has braces"}},
      {"learning_rate = ",
       "learning_rat = ",
       {":27:", "unknown option --learning-rat (did you mean --learning-rate?)"}},
      {"rate = 0.5", "rate = \"fast\"", {":27: stage.learning_rate: stage 'model'", "'fast' is not a number above 0"}},
      {"people = 10", "people = 0", {":20: stage.people: stage 'world'", "'0' is not a whole number of at least 1"}},
      {"people = \"{people}\"", "people = \"{people}\"\nout = \"x\"", {":21: stage.out: out is the study's to give"}},
      {"method = \"{method}\"",
       "method = \"{method}\"\nrank = 4",
       {"stage 'model' of", "--rank has no effect: full trains no LoRA"}},
      {"method = \"{method}\"", "method = \"{method}\"\nfiles = [\"a,b\"]", {"a comma in 'a,b'"}},
      {"keep = false", "keep = 1", {":22: stage.keep: 1 is not true or false"}},
      {"unless = { augment", "unless = { augmnt", {"no axis of the grid; did you mean augment?"}},
      {"model = \"{model}\"", "model = \"{model}\"\nsize = { a = 1 }", {"stage.size: a table is not a text"}},
      {"show = \"table\"", "show = \"tabel\"", {"'tabel' is nothing that can be shown; did you mean table?"}},
      {"ask.mean", "akk.mean", {"'akk' is no stage; did you mean ask?"}},
      {"rows = [\"augment\", \"rank\"]", "rows = \"augmnt\"", {"'augmnt' is no axis of the grid"}},
      {"[9.5]", "[9.5, 1]", {"2 numbers, expected 1, one for each column"}},
      {"[9.5]", "[\"x\"]", {"is not a list of numbers"}},
      {"lead = ", "leed = ", {"section.leed: there is no such key (did you mean lead?)"}},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string message = message_of(changed(mistake.from, mistake.to));
    INFO(mistake.from << " -> " << mistake.to << "\n" << message);
    CHECK(message.find("dir/small.toml:") == 0);
    for (const std::string& part : mistake.says) CHECK(message.find(part) != std::string::npos);
  }
  CHECK(message_of("title = 'x'\nexplains = ''\n[scale.a]\nmachine = ''\nminutes = 1\n") ==
        "dir/small.toml:1: there is no stage; expected [[stage]]");
}

TEST_CASE("a stage that reads one which this variant lacks is named") {
  const std::string text =
      changed("[[section]]", "[[stage]]\nname = \"late\"\ncommand = \"evaluate\"\nmodel = \"{ask}\"\n[[section]]");
  CHECK(message_of(text).find("stage 'ask' leaves no files") != std::string::npos);
  const std::string when = changed("keep = false", "when = { augment = \"multi5\" }");
  CHECK(message_of(when).find("'world' does not run for this variant of the grid") != std::string::npos);
}

TEST_CASE("Lethe's own recipes can be planned at every scale") {
  const std::vector<Recipe> recipes = builtin_recipes();
  CHECK_FALSE(recipes.empty());
  for (const Recipe& recipe : recipes)
    for (const Scale& scale : recipe.scales) {
      INFO(recipe.name << " at " << scale.name);
      PlanOptions options{scale.name, {}, {}, "bf16"};
      for (const Setting& variable : scale.variables)  // what is not fetched for the tests
        if (variable.name == "model" || (variable.name == "tokenizer" && !variable.value.empty()))
          options.set.emplace_back(variable.name, "README.md");
      CHECK_FALSE(make_plan(recipe, study_commands(), options).work.empty());
    }
  CHECK(load_recipe(recipes[0].name).page.title == recipes[0].page.title);
  CHECK_THROWS_WITH_AS(load_recipe("laboratry"), doctest::Contains("did you mean laboratory?"), UsageError);
}
