#include "lethe/study/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "lethe/base/error.h"
#include "lethe/base/nearest_word.h"
#include "lethe/base/toml_table.h"
#include "lethe/study/builtin_recipes.h"
#include "lethe/study/recipe_sections.h"

namespace lethe::study {
namespace {

std::string name_of_value(const Json& value, const std::string& where) {
  if (value.is_array()) fail_usage("{}: {} is a list in a list", where, shown(value));
  return run::name_of_value(value);
}

Axis read_axis(TomlTable& grid, const std::string& name) {
  Axis axis{name, grid.where(name), {}};
  for (const toml::node& node : *grid.list(name)) {
    if (const toml::table* fields = node.as_table()) {
      TomlTable table(*fields, grid.file(), fmt::format("grid.{}", name));
      AxisValue named{table.text("name"), {}};
      named.variables = {{name, named.name, axis.where}};
      for (Setting& setting : table.settings()) {
        if (setting.name == name)
          fail_usage("{}: '{}' is the axis itself; name the variable otherwise", setting.where, name);
        named.variables.push_back(std::move(setting));
      }
      axis.values.push_back(std::move(named));
    } else {
      const Json value = grid.value(node, name);
      if (!references(value).empty())
        fail_usage("{}: {} has braces; a value of the grid is what it is, {{ name, ... }} sets what is filled in",
                   axis.where, shown(value));
      axis.values.push_back({name_of_value(value, axis.where), {{name, value, axis.where}}});
    }
  }
  if (axis.values.empty()) fail_usage("{}: the list is empty", axis.where);
  std::set<std::string> seen;
  for (const AxisValue& value : axis.values)
    if (!seen.insert(value.name).second) fail_usage("{}: '{}' stands twice in the list", axis.where, value.name);
  return axis;
}

}  // namespace

std::vector<Condition> read_conditions(TomlTable table, const std::vector<Axis>& grid) {
  std::vector<Condition> conditions;
  for (const Setting& setting : table.settings()) {
    std::vector<std::string> axes, values;
    for (const Axis& axis : grid) {
      axes.push_back(axis.name);
      if (axis.name != setting.name) continue;
      for (const AxisValue& value : axis.values) values.push_back(value.name);
    }
    if (values.empty()) fail_usage("{}: no axis of the grid; {}", setting.where, known_words(setting.name, axes));
    Condition condition{setting.name, {}};
    const Json list = setting.value.is_array() ? setting.value : Json::array({setting.value});
    for (const Json& value : list) {
      condition.values.push_back(name_of_value(value, setting.where));
      if (std::ranges::find(values, condition.values.back()) == values.end())
        fail_usage("{}: '{}' is no value of {}; {}", setting.where, condition.values.back(), setting.name,
                   known_words(condition.values.back(), values));
    }
    if (condition.values.empty()) fail_usage("{}: the list is empty", setting.where);
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

namespace {

Scale read_scale(TomlTable table, const std::vector<Axis>& grid) {
  Scale scale;
  scale.name = table.name();
  scale.machine = table.text("machine");
  scale.minutes = table.number("minutes");
  scale.jobs = table.integer("jobs", scale.jobs, 1, 64);
  if (table.has("grid")) scale.grid = read_conditions(table.table("grid"), grid);
  scale.variables = table.settings();
  for (const Setting& variable : scale.variables)
    if (!references(variable.value).empty())
      fail_usage("{}: {} has braces; a scale's variables are values, nothing is filled in", variable.where,
                 shown(variable.value));
  return scale;
}

Stage read_stage(TomlTable table, const std::vector<Axis>& grid) {
  Stage stage;
  stage.where = table.where("name");
  stage.name = table.text("name");
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  if (stage.name.empty() || stage.name.find_first_not_of(kLetters) != std::string::npos)
    fail_usage("{}: '{}' is no name of a stage: small letters, digits, _ and -", stage.where, stage.name);
  stage.command_where = table.where("command");
  stage.command = table.text("command");
  stage.keep = table.flag("keep", true);
  if (table.has("when")) stage.when = read_conditions(table.table("when"), grid);
  if (table.has("unless")) stage.unless = read_conditions(table.table("unless"), grid);
  stage.settings = table.settings();
  return stage;
}

// Every name in braces is one thing: a variable of all scales, an axis or what its values set, or a stage.
void check_names(const Recipe& recipe) {
  std::map<std::string, std::string> owners;
  const auto own = [&](const std::string& name, const std::string& owner, const std::string& where) {
    const auto [it, is_new] = owners.emplace(name, owner);
    if (!is_new && it->second != owner) fail_usage("{}: '{}' is also {}", where, name, it->second);
  };
  for (const Scale& scale : recipe.scales)
    for (const Setting& variable : scale.variables) own(variable.name, "a variable of the scales", variable.where);
  for (const Axis& axis : recipe.grid)
    for (const AxisValue& value : axis.values)
      for (const Setting& variable : value.variables) own(variable.name, "set by grid." + axis.name, variable.where);
  for (const Stage& stage : recipe.stages) own(stage.name, fmt::format("stage {}", stage.name), stage.where);

  for (const Scale& scale : recipe.scales)
    for (const Scale& other : recipe.scales)
      for (const Setting& variable : other.variables)
        if (!has_variable(scale.variables, variable.name))
          fail_usage("{}: the variable is missing in scale.{}", variable.where, scale.name);
  for (const Axis& axis : recipe.grid)
    for (const AxisValue& value : axis.values)
      for (const AxisValue& other : axis.values)
        for (const Setting& variable : other.variables)
          if (!has_variable(value.variables, variable.name))
            fail_usage("{}: '{}' does not set {}, as '{}' does", axis.where, value.name, variable.name, other.name);
  std::set<std::string> stages;
  for (const Stage& stage : recipe.stages)
    if (!stages.insert(stage.name).second) fail_usage("{}: a stage above has this name, too", stage.where);
}

// What stands in braces is known, and stages read only stages above them.
void check_references(const Recipe& recipe) {
  std::vector<std::string> known;
  for (const Setting& variable : recipe.scales[0].variables) known.push_back(variable.name);
  const size_t of_scales = known.size();
  const auto check = [&](const Setting& setting, size_t count) {
    for (const std::string& name : references(setting.value)) {
      const std::span<const std::string> above = std::span(known).first(count);
      if (std::ranges::find(above, name) != above.end()) continue;
      const auto is_name = [&](const Stage& stage) { return stage.name == name; };
      if (std::ranges::any_of(recipe.stages, is_name))
        fail_usage("{}: stage '{}' does not stand above this one; a stage reads what stages above it wrote",
                   setting.where, name);
      fail_usage("{}: '{{{}}}' is no variable and no stage; {}", setting.where, name, known_words(name, above));
    }
  };
  for (const Axis& axis : recipe.grid)
    for (const AxisValue& value : axis.values)
      for (const Setting& variable : value.variables) check(variable, of_scales);
  for (const Axis& axis : recipe.grid)
    for (const Setting& variable : axis.values[0].variables) known.push_back(variable.name);
  for (const Stage& stage : recipe.stages) {
    for (const Setting& setting : stage.settings) check(setting, known.size());
    known.push_back(stage.name);
  }
}

// Every variable of a scale or of an axis' values stands in braces somewhere.
void check_uses(const Recipe& recipe) {
  std::set<std::string> used;
  const auto use = [&](const Setting& setting) {
    for (std::string& name : references(setting.value)) used.insert(std::move(name));
  };
  const auto check = [&](const Setting& variable) {
    if (!used.contains(variable.name))
      fail_usage("{}: no stage uses the variable, as \"{{{}}}\"", variable.where, variable.name);
  };
  for (const Stage& stage : recipe.stages)
    for (const Setting& setting : stage.settings) use(setting);
  for (const Axis& axis : recipe.grid)
    for (const AxisValue& value : axis.values)
      for (size_t i = 1; i < value.variables.size(); ++i) check(value.variables[i]);  // the first is the axis itself
  for (const Axis& axis : recipe.grid)
    for (const AxisValue& value : axis.values)
      for (const Setting& variable : value.variables) use(variable);
  for (const Setting& variable : recipe.scales[0].variables) check(variable);
}

}  // namespace

std::vector<std::string> references(const Json& value) {
  std::vector<std::string> names;
  if (value.is_array())
    for (const Json& element : value)
      for (std::string& name : references(element)) names.push_back(std::move(name));
  if (!value.is_string()) return names;
  const std::string& text = value.get_ref<const std::string&>();
  for (size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1))
    if (const size_t close = text.find('}', open); close != std::string::npos)
      names.push_back(text.substr(open + 1, close - open - 1));
  return names;
}

bool has_variable(const std::vector<Setting>& variables, const std::string& name) {
  return std::ranges::any_of(variables, [&](const Setting& variable) { return variable.name == name; });
}

const Scale& Recipe::scale(std::string_view wanted) const {
  std::vector<std::string> names;
  for (const Scale& scale : scales) {
    if (wanted.empty() || scale.name == wanted) return scale;
    names.push_back(scale.name);
  }
  fail_usage("--scale {}: {} has no such scale; {}", wanted, file, known_words(std::string(wanted), names));
}

Recipe parse_recipe(std::string text, const std::string& file) {
  Recipe recipe;
  recipe.file = file;
  recipe.name = fs::path(file).stem().string();
  const toml::table parsed = parse_toml(text, file);
  TomlTable table(parsed, file, "");
  recipe.page = {recipe.name, table.text("title"), table.text("explains"), {}};
  if (table.has("grid")) {
    TomlTable grid = table.table("grid");
    for (const std::string& axis : grid.unread()) recipe.grid.push_back(read_axis(grid, axis));
  }
  for (TomlTable& scale : table.table("scale").subtables()) recipe.scales.push_back(read_scale(scale, recipe.grid));
  if (recipe.scales.empty()) fail_usage("{}: expected a scale, [scale.NAME]", table.where("scale"));
  for (TomlTable& stage : table.tables("stage")) recipe.stages.push_back(read_stage(stage, recipe.grid));
  if (recipe.stages.empty()) fail_usage("{}:1: there is no stage; expected [[stage]]", file);
  check_names(recipe);
  check_references(recipe);
  check_uses(recipe);
  for (TomlTable& section : table.tables("section")) recipe.page.sections.push_back(read_section(section, recipe));
  table.finish();
  recipe.text = std::move(text);
  return recipe;
}

Recipe load_recipe(const std::string& name_or_file) {
  std::vector<std::string> names;
  for (const RecipeText& recipe : builtin_recipe_texts()) {
    names.emplace_back(recipe.name);
    if (name_or_file == recipe.name) return parse_recipe(recipe.text, fmt::format("{}.toml", recipe.name));
  }
  if (fs::path(name_or_file).extension() != ".toml" && !fs::exists(name_or_file))
    fail_usage("there is no recipe '{}'; {}, or a file of your own, NAME.toml", name_or_file,
               known_words(name_or_file, names));
  return parse_recipe(read_file(name_or_file), name_or_file);
}

std::vector<Recipe> builtin_recipes() {
  std::vector<Recipe> recipes;
  for (const RecipeText& recipe : builtin_recipe_texts())
    recipes.push_back(parse_recipe(recipe.text, fmt::format("{}.toml", recipe.name)));
  return recipes;
}

}  // namespace lethe::study
