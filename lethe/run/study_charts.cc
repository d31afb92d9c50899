// The charts of a study's page: learning curves, the P-probe's staircase, the Q-probe's bars; and people's answers.
#include <fmt/format.h>

#include <algorithm>

#include "lethe/run/chart.h"
#include "lethe/run/page.h"
#include "lethe/run/report_parts.h"
#include "lethe/run/study_parts.h"

namespace lethe::run {
namespace {

constexpr std::string_view kAnswer = " Answer:";  // how every prompt ends

// The attributes that any row's probe has, in its order.
std::vector<std::string> attributes_of(const StudySection& section, const std::vector<StudyRow>& rows) {
  std::vector<std::string> names;
  for (const StudyRow& row : rows)
    for (const OrderedJson* variant : row.variants) {
      const OrderedJson& probe = value_at(*variant, section.stage + "." + section.part);
      if (!probe.is_object()) continue;
      for (const auto& [name, numbers] : probe.items())
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  return names;
}

std::string path_of(const StudySection& section, const std::string& attribute, size_t place) {
  return fmt::format("{}.{}.{}.{}", section.stage, section.part, attribute, place);
}

constexpr size_t kPlaces = 6, kMostLines = 3;

// The paper's numbers for one row and attribute; where the list is shorter it ends where the value has been told: what
// is read there is of no interest.
std::vector<double> paper_of(const StudySection& section, const std::string& row, const std::string& attribute) {
  const OrderedJson& theirs = field_at(section.paper, {row, attribute});
  std::vector<double> numbers(theirs.is_array() ? theirs.size() : kPlaces, NAN);
  for (size_t place = 0; theirs.is_array() && place < theirs.size(); ++place)
    if (theirs[place].is_number()) numbers[place] = theirs[place].get<double>();
  return numbers;
}

// As in the paper: a matrix for each row, of attributes by places.
std::string matrices_html(const StudySection& section, const std::vector<StudyRow>& rows) {
  std::vector<std::string> matrices;
  for (const StudyRow& row : rows) {
    Cells cells{"place in the biography", "percent"};
    for (size_t place = 0; place < kPlaces; ++place) cells.head.push_back(std::to_string(place));
    cells.heat = true;
    for (const std::string& attribute : attributes_of(section, {row})) {
      Cells::Row& entry = cells.rows.emplace_back(Cells::Row{spoken(attribute), {}, {}});
      entry.paper = paper_of(section, row.name, attribute);
      for (size_t place = 0; place < entry.paper.size(); ++place)
        entry.ours.push_back(numbers_at(row, path_of(section, attribute, place)));
    }
    if (const std::string html = cells_html(cells, row.name); !html.empty()) matrices.push_back(html);
  }
  return matrices.empty() ? "" : grid_html(matrices);
}

// What a stage of the row's variants left: the first that has any, since not every variant runs every stage.
const OrderedJson& first_of(const StudyRow& row, const std::string& path) {
  static const OrderedJson none = OrderedJson::array();
  for (const OrderedJson* variant : row.variants)
    if (const OrderedJson& found = value_at(*variant, path); found.is_array() && !found.empty()) return found;
  return none;
}

}  // namespace

LineChart learning_curves(const std::string& title, const OrderedJson& points) {
  struct Series {
    const char *name, *what, *whom;
    size_t colour;
  };
  static constexpr Series kSeries[] = {{"in biographies, of people asked about in training", "biography", "train", 0},
                                       {"in biographies, of the others", "biography", "test", 2},
                                       {"in answers, about people asked about in training", "question", "train", 3},
                                       {"in answers, about the others", "question", "test", 1}};
  LineChart chart{title, "first tokens right, in percent", "tokens", "%", {}, 100};
  for (const Series& series : kSeries) {
    Line line{series.name, {}, series.colour};
    for (const OrderedJson& point : points) {
      const double x = number_at(point, {"tokens"}), y = number_at(point, {series.what, series.whom});
      if (std::isfinite(x) && std::isfinite(y)) line.points.emplace_back(x, y);
    }
    if (!line.points.empty()) chart.lines.push_back(std::move(line));
  }
  return chart;
}

std::string curves_html(const StudySection& section, const OrderedJson& results) {
  std::vector<std::string> charts;
  for (const StudyRow& row : rows_of(section, results)) {
    if (const OrderedJson& points = first_of(row, section.stage + ".curves"); !points.empty())
      charts.push_back(line_chart_html(learning_curves(row.name.empty() ? section.stage : row.name, points)));
  }
  return charts.empty() ? "" : grid_html(charts);
}

std::string staircase_html(const StudySection& section, const OrderedJson& results) {
  const std::vector<StudyRow> rows = rows_of(section, results);
  if (rows.size() > kMostLines) return matrices_html(section, rows);
  std::vector<std::string> charts;
  bool measured = false;
  for (const std::string& attribute : attributes_of(section, rows)) {
    LineChart chart{spoken(attribute), "", "place in the biography", "%", {}, 100};
    for (size_t i = 0; i < rows.size(); ++i) {
      Line line{rows[i].name, {}, i}, paper{rows[i].name + ", the paper’s", {}, i, true};
      const std::vector<double> theirs = paper_of(section, rows[i].name, attribute);
      for (size_t place = 0; place < theirs.size(); ++place) {
        const auto x = static_cast<double>(place);
        if (const Numbers numbers = numbers_at(rows[i], path_of(section, attribute, place)); numbers.count > 0)
          line.points.emplace_back(x, numbers.mean);
        if (std::isfinite(theirs[place])) paper.points.emplace_back(x, theirs[place]);
      }
      measured |= !line.points.empty();
      if (!line.points.empty()) chart.lines.push_back(std::move(line));
      if (!paper.points.empty()) chart.lines.push_back(std::move(paper));
    }
    if (!chart.lines.empty()) charts.push_back(line_chart_html(chart));
  }
  return measured ? grid_html(charts) : "";
}

std::string study_bars_html(const StudySection& section, const OrderedJson& results) {
  const std::vector<StudyRow> rows = rows_of(section, results);
  BarChart chart{"", "percent of people on whose name the probe reads it", {}, {}, 100, percent_text};
  chart.title = section.part == "whole" ? "Whole values" : "First tokens of the values";
  for (size_t i = 0; i < rows.size(); ++i) chart.series.push_back({rows[i].name, {}, i});
  bool measured = false;
  for (const std::string& attribute : attributes_of(section, rows)) {
    chart.categories.push_back(spoken(attribute));
    for (size_t i = 0; i < rows.size(); ++i) {
      chart.series[i].values.push_back(numbers_at(rows[i], path_of(section, attribute, 0)).mean);
      measured |= std::isfinite(chart.series[i].values.back());
    }
  }
  return measured ? bar_chart_html(chart) : "";
}

std::string answers_html(const StudySection& section, const OrderedJson& results) {
  const std::vector<StudyRow> rows = rows_of(section, results);
  const auto examples_of = [&](const StudyRow& row) -> const OrderedJson& {
    return first_of(row, section.stage + ".examples");
  };
  // One question a person: the first about the first, the second about the second, and so on.
  std::vector<std::pair<std::string, std::vector<const OrderedJson*>>> people;
  for (const StudyRow& row : rows) {
    if (!people.empty()) break;  // the first row that has any says what was asked
    for (const OrderedJson& example : examples_of(row)) {
      const std::string person = text_at(example, "person");
      if (people.empty() || people.back().first != person) people.push_back({person, {}});
      people.back().second.push_back(&example);
    }
  }
  if (people.empty()) return "";
  people.resize(std::min(people.size(), static_cast<size_t>(section.count)));
  std::string html = R"(<p class="key"><mark class="new">the true answer</mark></p>
<table class="cases"><thead><tr><th scope="col">question</th>)";
  for (const StudyRow& row : rows) html += "<th scope=\"col\">" + escape_html(row.name) + "</th>";
  html += "</tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < people.size(); ++i) {
    const OrderedJson& example = *people[i].second[i % people[i].second.size()];
    const std::string prompt = text_at(example, "prompt"), truth = text_at(example, "truth");
    const std::string question = prompt.ends_with(kAnswer) ? prompt.substr(0, prompt.size() - kAnswer.size()) : prompt;
    html += fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", escape_html(question), escape_html(truth));
    for (const StudyRow& row : rows) {
      const OrderedJson& all = examples_of(row);
      const auto same = [&](const OrderedJson& other) { return text_at(other, "prompt") == prompt; };
      const auto it = std::ranges::find_if(all, same);
      html += fmt::format("<td data-label=\"{}\"><span>{}</span></td>", escape_html(row.name),
                          marked_answer_html(it == all.end() ? "–" : text_at(*it, "answer"), "", truth));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

}  // namespace lethe::run
