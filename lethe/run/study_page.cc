#include "lethe/run/study_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <set>

#include "lethe/run/page.h"
#include "lethe/run/progress.h"
#include "lethe/run/report_parts.h"
#include "lethe/run/study_parts.h"

namespace lethe::run {
namespace {

std::vector<std::string> words_of(std::string_view path) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    words.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

bool leaves(const OrderedJson& only, const OrderedJson& grid) {
  if (!only.is_object()) return true;
  for (const auto& [axis, values] : only.items())
    if (std::ranges::find(values, OrderedJson(name_of_value(field_at(grid, {axis})))) == values.end()) return false;
  return true;
}

std::vector<double> paper_row(const StudySection& section, const std::string& name, size_t columns) {
  std::vector<double> numbers(columns, NAN);
  const OrderedJson& row = field_at(section.paper, {name});
  for (size_t i = 0; i < std::min(columns, row.is_array() ? row.size() : 0); ++i)
    if (row[i].is_number()) numbers[i] = row[i].get<double>();
  return numbers;
}

// With the columns that nobody measured, too.
Cells table_cells(const StudySection& section, const OrderedJson& results) {
  Cells cells{fmt::format("{}", fmt::join(section.rows, ", ")), section.unit};
  for (const StudyColumn& column : section.columns) cells.head.push_back(column.name);
  const size_t columns = cells.head.size();
  if (field_at(section.paper, {kPaperBaseline}).is_array())
    cells.rows.push_back({"a guess", std::vector<Numbers>(columns), paper_row(section, kPaperBaseline, columns), true});
  for (const StudyRow& row : rows_of(section, results)) {
    Cells::Row& entry = cells.rows.emplace_back(Cells::Row{row.name, {}, paper_row(section, row.name, columns)});
    for (const StudyColumn& column : section.columns) entry.ours.push_back(numbers_at(row, column.path));
  }
  return cells;
}

Cells heat_cells(const StudySection& section, const OrderedJson& results) {
  Cells cells{fmt::format("{} \\ {}", fmt::join(section.rows, ", "), section.across), section.unit};
  cells.heat = true;
  const std::vector<StudyRow> rows = rows_of(section, results);
  for (const StudyRow& row : rows)
    for (const OrderedJson* variant : row.variants) {
      const std::string value = name_of_value(field_at(*variant, {"grid", section.across}));
      if (std::ranges::find(cells.head, value) == cells.head.end()) cells.head.push_back(value);
    }
  for (const StudyRow& row : rows) {
    Cells::Row& entry = cells.rows.emplace_back(Cells::Row{row.name, {}, {}});
    for (const std::string& value : cells.head) {
      entry.paper.push_back(number_at(section.paper, {row.name, value}));
      StudyRow part{row.name, {}};
      for (const OrderedJson* variant : row.variants)
        if (name_of_value(field_at(*variant, {"grid", section.across})) == value) part.variants.push_back(variant);
      entry.ours.push_back(numbers_at(part, section.path));
    }
  }
  return cells;
}

struct ShownSection {
  const StudySection& section;
  std::string html;                  // "": nothing was measured, or a text
  std::vector<std::string> dropped;  // columns of a table
};

ShownSection show_section(const StudySection& section, const OrderedJson& results) {
  if (section.show == "table") {
    Cells cells = table_cells(section, results);
    std::vector<std::string> dropped = cells.drop_unmeasured();
    return {section, cells_html(cells), std::move(dropped)};
  }
  if (section.show == "heatmap") return {section, cells_html(heat_cells(section, results)), {}};
  if (section.show == "curves") return {section, curves_html(section, results), {}};
  if (section.show == "staircase") return {section, staircase_html(section, results), {}};
  if (section.show == "bars") return {section, study_bars_html(section, results), {}};
  if (section.show == "answers") return {section, answers_html(section, results), {}};
  return {section, "", {}};
}

std::vector<ShownSection> show_sections(const StudyPage& page, const OrderedJson& results) {
  std::vector<ShownSection> sections;
  for (const StudySection& section : page.sections) sections.push_back(show_section(section, results));
  return sections;
}

std::vector<std::string> missing_from(const std::vector<ShownSection>& sections) {
  std::vector<std::string> names;
  for (const auto& [section, html, dropped] : sections) {
    if (html.empty() && section.show != "text") {
      const std::string& sought = section.show == "table"     ? section.columns[0].path
                                  : section.show == "heatmap" ? section.path
                                                              : section.stage;
      names.push_back(fmt::format("{} ({})", section.title, sought));
    }
    for (const StudyColumn& column : section.columns)
      if (std::ranges::find(dropped, column.name) != dropped.end())
        names.push_back(fmt::format("{}: {} ({})", section.title, spoken(column.name), column.path));
  }
  return names;
}

std::string reproduction_html(const OrderedJson& results, const std::vector<std::string>& missing) {
  std::vector<std::pair<std::string, std::string>> seconds;
  if (const OrderedJson& all = field_at(results, {"seconds"}); all.is_object())
    for (const auto& [stage, value] : all.items())
      if (value.is_number()) seconds.emplace_back(stage, duration_text(value.get<double>()));
  const std::string command = text_at(results, "command");
  std::string rest;
  if (!missing.empty())
    rest = fmt::format("<p class=\"lead\">Not measured here: {}</p>\n",
                       escape_html(fmt::format("{}", fmt::join(missing, "; "))));
  return section_html("The same again", "The command, and how long the stages took, those of all variants together.",
                      "<pre><code>" + escape_html(command) + "</code></pre>\n" + definitions_html(seconds) + rest);
}

}  // namespace

std::string name_of_value(const OrderedJson& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string spoken(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::vector<StudyRow> rows_of(const StudySection& section, const OrderedJson& results) {
  std::vector<StudyRow> rows;
  for (const OrderedJson& variant : field_at(results, {"variants"})) {
    const OrderedJson& grid = field_at(variant, {"grid"});
    if (!leaves(section.only, grid)) continue;
    std::vector<std::string> values;
    for (const std::string& axis : section.rows) values.push_back(name_of_value(field_at(grid, {axis})));
    const std::string name = fmt::format("{}", fmt::join(values, ", "));
    auto row = std::ranges::find_if(rows, [&](const StudyRow& known) { return known.name == name; });
    if (row == rows.end()) row = rows.insert(rows.end(), {name, {}});
    row->variants.push_back(&variant);
  }
  return rows;
}

const OrderedJson& value_at(const OrderedJson& variant, const std::string& path) {
  static const OrderedJson null;
  const OrderedJson* here = &field_at(variant, {"stages"});
  for (const std::string& word : words_of(path)) {
    size_t place = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), place);
    const bool is_place = error == std::errc() && end == word.data() + word.size();
    if (here->is_array() && is_place && place < here->size()) {
      here = &(*here)[place];
    } else if (here->is_object() && here->contains(word)) {
      here = &(*here)[word];
    } else if (!(here->is_number() && is_place && place == 0)) {  // one number is a list of one
      return null;
    }
  }
  return *here;
}

Numbers numbers_at(const StudyRow& row, const std::string& path) {
  const std::string stage = path.substr(0, path.find('.'));
  std::set<std::string> seen;  // folders: variants that share a stage share its one measurement
  std::vector<double> found;
  for (const OrderedJson* variant : row.variants) {
    const OrderedJson& value = value_at(*variant, path);
    const std::string folder = text_of(field_at(*variant, {"folders", stage}));
    if (value.is_number() && (folder.empty() || seen.insert(folder).second)) found.push_back(value.get<double>());
  }
  Numbers numbers;
  numbers.count = found.size();
  if (found.empty()) return numbers;
  double sum = 0, squares = 0;
  for (const double x : found) sum += x;
  numbers.mean = sum / static_cast<double>(found.size());
  for (const double x : found) squares += (x - numbers.mean) * (x - numbers.mean);
  if (found.size() > 1) numbers.deviation = std::sqrt(squares / static_cast<double>(found.size() - 1));
  return numbers;
}

std::vector<std::string> not_measured(const StudyPage& page, const OrderedJson& results) {
  return missing_from(show_sections(page, results));
}

Page page_of_study(const StudyPage& page, const OrderedJson& results) {
  double total = 0;
  if (const OrderedJson& seconds = field_at(results, {"seconds"}); seconds.is_object())
    for (const auto& [stage, value] : seconds.items())
      if (value.is_number()) total += value.get<double>();
  std::string body;
  std::vector<std::pair<std::string, std::string>> overview = {{"recipe", page.name},
                                                               {"scale", text_at(results, "scale")}};
  if (const std::string machine = text_at(results, "computed_on"); !machine.empty())
    overview.emplace_back("computed on", machine);
  overview.emplace_back("stages, added up", duration_text(total));
  body += "<section>\n" + definitions_html(overview) + "</section>\n\n";
  const std::vector<ShownSection> sections = show_sections(page, results);
  for (const auto& [section, html, dropped] : sections)
    if (!html.empty() || section.show == "text") body += section_html(section.title, section.lead, html);
  body += reproduction_html(results, missing_from(sections));
  return {"Lethe study", page.title, escape_html(page.explains), body, "Written by Lethe " + text_at(results, "lethe")};
}

std::string study_text(const StudyPage& page, const OrderedJson& results) {
  std::string text;
  for (const StudySection& section : page.sections) {
    if (section.show == "table") {
      Cells cells = table_cells(section, results);
      cells.drop_unmeasured();
      text += cells_text(section.title, cells);
    }
    if (section.show == "heatmap") text += cells_text(section.title, heat_cells(section, results));
  }
  return text;
}

}  // namespace lethe::run
