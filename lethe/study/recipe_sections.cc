#include "lethe/study/recipe_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lethe/base/error.h"
#include "lethe/base/nearest_word.h"
#include "lethe/world/texts.h"

namespace lethe::study {
namespace {

void check_axis(const Recipe& recipe, const std::string& axis, const std::string& where) {
  std::vector<std::string> axes;
  for (const Axis& known : recipe.grid) axes.push_back(known.name);
  if (std::ranges::find(axes, axis) == axes.end())
    fail_usage("{}: '{}' is no axis of the grid; {}", where, axis, known_words(axis, axes));
}

void check_stage(const Recipe& recipe, const std::string& stage, const std::string& where) {
  std::vector<std::string> stages;
  for (const Stage& known : recipe.stages) stages.push_back(known.name);
  if (std::ranges::find(stages, stage) == stages.end())
    fail_usage("{}: '{}' is no stage; {}", where, stage, known_words(stage, stages));
}

// "ask.mean.exact_match": the first word is a stage.
std::string checked_path(const Recipe& recipe, const std::string& path, const std::string& where) {
  check_stage(recipe, path.substr(0, path.find('.')), where);
  return path;
}

std::vector<run::StudyColumn> read_columns(TomlTable& table, const Recipe& recipe) {
  std::vector<run::StudyColumn> columns;
  const toml::array* list = table.list("columns");
  if (!list || list->empty()) fail_usage("{}: columns is missing or empty", table.where());
  for (const toml::node& node : *list) {
    if (const toml::table* named = node.as_table()) {
      TomlTable column(*named, table.file(), "section.columns");
      const std::string name = column.text("name"), path = column.text("path");
      column.finish();
      columns.push_back({name, checked_path(recipe, path, table.where("columns"))});
      continue;
    }
    const Json name = table.value(node, "columns");
    if (!name.is_string())
      fail_usage("{}: {} is neither a name nor {{ name, path }}", table.where("columns"), shown(name));
    std::string path = table.text("path");
    constexpr std::string_view kColumn = "{column}";
    size_t at = path.find(kColumn);
    if (at == std::string::npos) fail_usage("{}: '{}' holds no {{column}}", table.where("path"), path);
    const auto text = name.get<std::string>();
    for (; at != std::string::npos; at = path.find(kColumn, at + text.size())) path.replace(at, kColumn.size(), text);
    columns.push_back({run::spoken(name), checked_path(recipe, path, table.where("path"))});
  }
  return columns;
}

// What rows of these axes are called on the page: "single, two", for every pair of their values.
std::vector<std::string> row_names(const Recipe& recipe, const std::vector<std::string>& axes) {
  std::vector<std::string> names = {""};
  for (const std::string& axis : axes) {
    std::vector<std::string> longer;
    for (const std::string& name : names)
      for (const Axis& known : recipe.grid)
        for (size_t i = 0; known.name == axis && i < known.values.size(); ++i)
          longer.push_back(axis == axes[0] ? known.values[i].name : name + ", " + known.values[i].name);
    names = std::move(longer);
  }
  return names;
}

// Row: [a number a column], or for a staircase {attribute: [numbers]}; `names` are those that a row may have.
OrderedJson read_paper(TomlTable table, bool staircase, size_t columns, const std::vector<std::string>& names) {
  OrderedJson paper = OrderedJson::object();
  const auto check_row = [&](const std::string& name, const std::string& where) {
    if (std::ranges::find(names, name) != names.end()) return;
    std::vector<std::string> quoted;  // they hold commas
    for (const std::string& known : names) quoted.push_back(fmt::format("\"{}\"", known));
    fail_usage("{}: \"{}\" is no row; {}", where, name, known_words(fmt::format("\"{}\"", name), quoted));
  };
  const auto numbers = [](const Setting& setting) {
    OrderedJson list = setting.value;
    if (!list.is_array() || !std::ranges::all_of(list, [](const OrderedJson& x) { return x.is_number(); }))
      fail_usage("{}: {} is not a list of numbers", setting.where, shown(setting.value));
    return list;
  };
  if (staircase) {
    const std::vector<std::string> attributes{world::attribute_names().begin(), world::attribute_names().end()};
    for (const std::string& name : table.unread()) {
      TomlTable row = table.table(name);
      check_row(name, row.where());
      for (const Setting& attribute : row.settings()) {
        if (!world::find_attribute(attribute.name))
          fail_usage("{}: '{}' is no attribute; {}", attribute.where, attribute.name,
                     known_words(attribute.name, attributes));
        paper[name][attribute.name] = numbers(attribute);
        if (paper[name][attribute.name].size() > world::kAttributes.size())
          fail_usage("{}: {} numbers, expected at most {}, one for each place in a biography", attribute.where,
                     paper[name][attribute.name].size(), world::kAttributes.size());
      }
    }
    return paper;
  }
  for (const Setting& row : table.settings()) {
    check_row(row.name, row.where);
    paper[row.name] = numbers(row);
    if (paper[row.name].size() != columns)
      fail_usage("{}: {} numbers, expected {}, one for each column", row.where, paper[row.name].size(), columns);
  }
  return paper;
}

}  // namespace

run::StudySection read_section(TomlTable table, const Recipe& recipe) {
  run::StudySection section;
  section.title = table.text("title");
  section.lead = table.text("lead", "");
  section.show = table.text("show", section.show);
  const std::vector<std::string> shows(std::begin(run::kStudyShows), std::end(run::kStudyShows));
  if (std::ranges::find(shows, section.show) == shows.end())
    fail_usage("{}: '{}' is nothing that can be shown; {}", table.where("show"), section.show,
               known_words(section.show, shows));
  const bool table_or_heat = section.show == "table" || section.show == "heatmap";
  if (section.show == "text") {
    table.finish();
    return section;
  }
  section.rows = table.texts("rows");
  for (const std::string& axis : section.rows) check_axis(recipe, axis, table.where("rows"));
  size_t columns = 0;
  if (section.show == "table") {
    section.columns = read_columns(table, recipe);
    columns = section.columns.size();
  } else if (section.show == "heatmap") {
    section.across = table.text("across");
    check_axis(recipe, section.across, table.where("across"));
    for (const Axis& axis : recipe.grid)
      if (axis.name == section.across) columns = axis.values.size();
    section.path = checked_path(recipe, table.text("path"), table.where("path"));
  } else {
    section.stage = table.text("stage");
    check_stage(recipe, section.stage, table.where("stage"));
    if (section.show == "staircase" || section.show == "bars") {
      section.part = table.text("part", section.part);
      if (section.part != "first_token" && section.part != "whole")
        fail_usage("{}: '{}' is not first_token or whole", table.where("part"), section.part);
    }
    if (section.show == "answers") section.count = table.integer("count", section.count, 1, 1000);
  }
  if (table.has("only"))
    for (const Condition& condition : read_conditions(table.table("only"), recipe.grid))
      section.only[condition.axis] = condition.values;
  if (table_or_heat) section.unit = table.text("unit", section.unit);
  if ((table_or_heat || section.show == "staircase") && table.has("paper")) {
    std::vector<std::string> names = row_names(recipe, section.rows);
    if (section.show == "table") names.emplace_back(run::kPaperBaseline);
    section.paper = read_paper(table.table("paper"), section.show == "staircase", columns, names);
  }
  if (section.show == "heatmap")  // by the names of the columns, of which a scale may run some only
    for (auto& [row, numbers] : section.paper.items()) {
      OrderedJson named = OrderedJson::object();
      for (const Axis& axis : recipe.grid)
        for (size_t i = 0; axis.name == section.across && i < columns; ++i) named[axis.values[i].name] = numbers[i];
      numbers = std::move(named);
    }
  table.finish();
  return section;
}

}  // namespace lethe::study
