#include "lethe/run/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/run/chart.h"
#include "lethe/run/page.h"
#include "lethe/run/progress.h"
#include "lethe/run/report_parts.h"
#include "lethe/run/run_folder.h"
#include "lethe/run/study_parts.h"

namespace lethe::run {
namespace {

std::string overview(const OrderedJson& results) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& [key, name] : {std::pair("model", "model"),
                                  {"facts_file", "facts"},
                                  {"data", "data"},
                                  {"method", "method"},
                                  {"rate", "rate of forgetting"},
                                  {"out", "written to"}}) {
    if (const std::string text = text_at(results, key); !text.empty()) rows.emplace_back(name, text);
  }
  return "<section>\n" + definitions_html(rows) + "</section>\n\n";
}

LineChart stage_chart(const std::string& stage) {
  LineChart chart{stage, "", "step", "loss", {{stage, {}}}};
  if (stage == "train" || stage == "pretrain") chart.title = "Training";
  if (stage == "forget")
    chart.title = "Forget", chart.note = "training on the old answers; the movement is then subtracted";
  if (stage == "learn") chart.title = "Learn", chart.note = "training on the new answers";
  return chart;
}

// `what` the loss is the mean of.
std::string loss_curves(const std::vector<StepMetrics>& metrics, const std::string& what) {
  std::vector<LineChart> charts;
  double top = 0;
  for (const StepMetrics& m : metrics) {
    if (charts.empty() || charts.back().lines[0].name != m.stage) charts.push_back(stage_chart(m.stage));
    charts.back().lines[0].points.emplace_back(static_cast<double>(m.step), m.loss);
    if (std::isfinite(m.loss)) top = std::max(top, m.loss);
  }
  if (charts.empty()) return "";
  std::vector<std::string> items;
  for (LineChart& chart : charts) {
    chart.y_top = top;
    chart.lines[0].name = chart.title;  // no legend: it is the only line
    items.push_back(line_chart_html(chart));
  }
  return section_html("Loss", fmt::format("Mean loss of {}, before each step of the optimiser.", what),
                      grid_html(items));
}

std::string time_spent(const OrderedJson& results) {
  const OrderedJson& seconds = field_at(results, {"seconds"});
  BarChart chart{"", "", {}, {{"", {}, 0}}, 0, duration_text};
  double total = 0;
  if (!seconds.is_object()) return "";
  for (const auto& [stage, value] : seconds.items()) {
    if (!value.is_number()) continue;
    chart.categories.push_back(stage);
    chart.series[0].values.push_back(value.get<double>());
    total += value.get<double>();
  }
  if (chart.categories.empty()) return "";
  chart.title = fmt::format("{} in all", duration_text(total));
  return section_html("Time", "", bar_chart_html(chart));
}

std::string reproduction(const OrderedJson& results) {
  std::string html = "<pre><code>" + escape_html(text_at(results, "command")) + "</code></pre>\n";
  std::vector<std::pair<std::string, std::string>> settings;
  if (const OrderedJson& all = field_at(results, {"settings"}); all.is_object()) {
    for (const auto& [name, value] : all.items())  // numbers to the last digit, so that they repeat the run
      settings.emplace_back(name, value.is_number() ? json_text(value) : text_of(value));
  }
  return section_html(
      "The same again",
      "The command, and every setting as it was resolved; config.toml in the run folder holds them, too.",
      html + definitions_html(settings));
}

}  // namespace

Page page_of_training(const OrderedJson& results, const std::vector<StepMetrics>& metrics) {
  const bool from_nothing = text_at(results, "method") == "pretrain";
  const std::string method = from_nothing ? "" : " by " + text_at(results, "method");
  const std::string summary =
      fmt::format("{} {}, {} steps ({} passes){}; the last step's loss was {}.", text_at(results, "examples"),
                  from_nothing ? "texts" : "examples", text_at(results, "steps"),
                  number_text(number_at(results, {"epochs"})), method, number_text(number_at(results, {"loss"})));
  std::string curves;
  if (const OrderedJson& points = field_at(results, {"learning_curves"}); points.is_array() && !points.empty())
    curves = section_html("Learning curves",
                          "How often the first token of a fact is the model's own choice, within biographies and asked "
                          "by questions, of people whom training asks about and of the others.",
                          line_chart_html(learning_curves("Facts that it knows", points)));
  return {
      from_nothing ? "Lethe pretrain" : "Lethe finetune",
      name_of(text_at(results, "model")) + (from_nothing ? ", trained from nothing" : ", fine-tuned"),
      escape_html(summary),
      overview(results) + curves + loss_curves(metrics, "a target token") + time_spent(results) + reproduction(results),
      "Written by Lethe " + text_at(results, "lethe")};
}

std::string training_page(const OrderedJson& results, const std::vector<StepMetrics>& metrics) {
  return page_html(page_of_training(results, metrics));
}

Page page_of_update(const OrderedJson& results, const std::vector<StepMetrics>& metrics) {
  const std::string body = overview(results) + before_and_after_html(results) + cases_html(results) +
                           others_html(results) + loss_curves(metrics, "a token of the answers") +
                           movement_html(results) + time_spent(results) + reproduction(results);
  return {"Lethe update", name_of(text_at(results, "model")) + ", updated", summary_html(results), body,
          "Written by Lethe " + text_at(results, "lethe")};
}

std::string update_page(const OrderedJson& results, const std::vector<StepMetrics>& metrics) {
  return page_html(page_of_update(results, metrics));
}

}  // namespace lethe::run
