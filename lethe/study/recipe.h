// A recipe: one study as data, a TOML file. It is a graph of stages, each the call of one of Lethe's commands, that
// runs for every variant of a grid, at one of several scales, and the sections of the page that shows what came out:
//
//   title = "Can a stored fact be extracted?"
//   explains = "what is asked, and what the paper found"
//   [scale.two-cores]                       # the first scale is the default; its keys are variables
//   machine = "2 cores"
//   minutes = 50
//   jobs = 2                                # stages at a time that do not read each other; 1 unless told
//   people = 1000
//   grid.augment = ["single"]               # this scale runs these values of the grid alone
//   [grid]                                  # every combination of the axes' values is a variant
//   augment = ["single", "multi5+permute"]
//   group = [{ name = "famous", celebrities = "{people}" }, { name = "alone", celebrities = 0 }]   # sets variables,
//   too
//   [[stage]]
//   name = "world"                          # "{world}" is what this stage writes, for stages below
//   command = "world make"
//   people = "{people}"                     # an option of the command; "{x}" alone has the type of the variable x
//   augment = "{augment}"                   # an empty list [] is no value: the option is not given
//   keep = false                            # what it writes is removed after its last reader; its result stays
//   [[stage]]
//   name = "ask"
//   command = "evaluate"
//   when = { augment = "single" }           # only for variants with this value (or one of a list); unless: for all
//   others
//   ...
//   [[section]]                             # lethe/run/study_page.h
//   title = "..."
//   show = "table"
//   rows = "augment"
//   columns = ["mean", "birth_city"]        # or [{ name = "mean", path = "ask.mean.exact_match" }]
//   path = "ask.{column}.exact_match"
//   unit = "percent"                        # of the numbers; percent unless told, "" for none
//   [section.paper]                         # by the row's name on the page; baseline: what guessing gives
//   "single" = [9.7, 6.3]
//
// Mistakes are UsageErrors that name file, line, key, value and what was expected.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/setting.h"
#include "lethe/run/study_page.h"

namespace lethe::study {

struct AxisValue {
  std::string name;
  std::vector<Setting> variables;  // the axis itself first, then what the value sets
};

struct Axis {
  std::string name, where;
  std::vector<AxisValue> values;
};

struct Condition {
  std::string axis;
  std::vector<std::string> values;
};

struct Stage {
  static inline const std::vector<std::string> kOwnKeys = {"name", "command", "keep", "when", "unless"};
  std::string name, command, where, command_where;
  bool keep = true;
  std::vector<Condition> when, unless;
  std::vector<Setting> settings;  // options of the command
};

struct Scale {
  std::string name, machine;
  double minutes = 0;
  int64_t jobs = 1;  // stages at a time
  std::vector<Setting> variables;
  std::vector<Condition> grid;  // axes of which it runs some values only
};

struct Recipe {
  std::string name, file, text;
  std::vector<Scale> scales;
  std::vector<Axis> grid;
  std::vector<Stage> stages;
  run::StudyPage page;

  const Scale& scale(std::string_view name) const;  // "": the first; UsageError where there is none of this name
};

// `file` names it in messages; the recipe's name is the file's without ".toml".
Recipe parse_recipe(std::string text, const std::string& file);

// A file, or the name of one of the program's own recipes.
Recipe load_recipe(const std::string& name_or_file);
std::vector<Recipe> builtin_recipes();

// The texts between braces: "{world}/people.jsonl" has "world".
std::vector<std::string> references(const Json& value);

bool has_variable(const std::vector<Setting>& variables, const std::string& name);

}  // namespace lethe::study
