#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lethe/run/chart.h"
#include "lethe/run/page.h"
#include "lethe/run/report_parts.h"

namespace lethe::run {
namespace {

// The states of the model that were evaluated, in the order of time.
constexpr size_t kBeforeColour = 1, kForgottenColour = 6, kAfterColour = 0;  // amber, grey, river blue

struct State {
  const char* name;
  size_t colour;
  const OrderedJson& scores;
};

std::vector<State> states_of(const OrderedJson& results) {
  std::vector<State> states;
  const auto add = [&](const char* key, const char* name, size_t colour) {
    if (const OrderedJson& scores = field_at(results, {key}); scores.is_object())
      states.push_back({name, colour, scores});
  };
  add("before", "before", kBeforeColour);
  add("forgotten", "after forgetting", kForgottenColour);
  add("after", "after learning", kAfterColour);
  return states;
}

struct Measure {
  const char *name, *outer, *inner;  // the field is outer/inner, or outer alone
  const OrderedJson& in(const OrderedJson& scores) const {
    return *inner ? field_at(scores, {outer, inner}) : field_at(scores, {outer});
  }
};

constexpr Measure kMeasures[] = {{"Reliability", "reliability", ""},    {"Generality", "generality", ""},
                                 {"Locality", "locality", ""},          {"Portability", "portability", ""},
                                 {"Old answers", "old", "reliability"}, {"Old, rephrased", "old", "generality"}};

constexpr const Measure &kReliability = kMeasures[0], &kLocality = kMeasures[2], &kOldAnswers = kMeasures[4];

std::vector<double> row_of(const Measure& measure, const std::vector<State>& states, const char* metric) {
  std::vector<double> row;
  for (const State& state : states) row.push_back(number_at(measure.in(state.scores), {metric}));
  return row;
}

bool any_finite(const std::vector<double>& row) {
  return std::any_of(row.begin(), row.end(), [](double x) { return std::isfinite(x); });
}

BarChart exact_match_chart(const std::vector<State>& states) {
  BarChart chart{"Answers given in full", "exact match, in percent of the questions", {}, {}, 100, percent_text};
  for (const State& state : states) chart.series.push_back({state.name, {}, state.colour});
  for (const Measure& measure : kMeasures) {
    std::vector<double> row = row_of(measure, states, "exact_match");
    if (!any_finite(row)) continue;
    chart.categories.push_back(measure.name);
    if (&measure == &kLocality && states[0].colour == kBeforeColour) row[0] = NAN;  // see the footnote: not comparable
    for (size_t i = 0; i < row.size(); ++i) chart.series[i].values.push_back(row[i]);
  }
  return chart;
}

}  // namespace

std::string summary_html(const OrderedJson& results) {
  const auto facts = static_cast<int64_t>(std::max(0.0, number_at(results, {"facts"})));
  std::string html = fmt::format("{} {} updated by <strong>{}</strong>", facts, facts == 1 ? "fact was" : "facts were",
                                 escape_html(text_at(results, "method")));
  std::vector<std::string> parts;
  const auto say = [&](const Measure& measure, const char* words) {
    const double percent = number_at(measure.in(field_at(results, {"after"})), {"exact_match"});
    if (!std::isfinite(percent)) return;
    parts.push_back(fmt::format(fmt::runtime(words), "<strong>" + percent_text(percent) + "</strong>"));
  };
  say(kReliability, "{} of the new answers are now the model’s own");
  say(kOldAnswers, "{} of the old ones are left");
  say(kLocality, "answers to other questions stayed the same in {}");
  for (size_t i = 0; i < parts.size(); ++i)
    html += (i == 0 ? "; counted by exact match, " : i + 1 < parts.size() ? ", " : ", and ") + parts[i];
  if (parts.empty()) return html + ". The model was not evaluated.";
  const bool local = std::isfinite(number_at(kLocality.in(field_at(results, {"after"})), {"exact_match"}));
  return html + (local ? "." : ". Side effects were not measured: no fact has a locality question.");
}

std::string before_and_after_html(const OrderedJson& results) {
  const std::vector<State> states = states_of(results);
  if (states.empty()) return "";
  std::vector<std::string> items = {bar_chart_html(exact_match_chart(states))};

  struct Metric {
    const char *field, *name, *meaning;
  };
  constexpr Metric kMetrics[] = {
      {"exact_match", "Exact match", "questions whose whole answer is the model’s own choice"},
      {"token_accuracy", "Token accuracy",
       "share of an answer’s tokens that the model would choose, the papers’ measure"},
      {"success", "Success", "facts whose answer is likelier than the other one: new before old, or old before new"},
      {"magnitude", "Magnitude", "by how much it is likelier, p(new) − p(old) or the reverse, in points"}};
  for (const auto& [field, name, meaning] : kMetrics) {
    Table table{name, meaning, {""}, {}};
    for (const State& state : states) table.head.push_back(state.name);
    for (const Measure& measure : kMeasures) {
      const std::vector<double> row = row_of(measure, states, field);
      if (!any_finite(row)) continue;
      auto& cells = table.rows.emplace_back(1, std::string(measure.name) + (&measure == &kLocality ? "*" : ""));
      for (const double value : row) cells.push_back(percent_text(value));
    }
    if (!table.rows.empty()) items.push_back(table_html(table));
  }
  std::string html = grid_html(items);
  if (any_finite(row_of(kLocality, states, "token_accuracy"))) {
    html +=
        "<p class=\"key\">* Locality before the update is agreement with the file’s answers; afterwards it is "
        "agreement "
        "with what the model itself answered before, so the two are not to be compared.</p>\n";
  }
  return section_html(
      "Before and after",
      "Reliability: the new answers to the facts’ own prompts. Generality: to rephrased prompts. Locality: other "
      "questions, whose answers should not change. Portability: questions that follow from the new fact. Old: the old "
      "answers, which should go.",
      html);
}

}  // namespace lethe::run
