#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lethe/run/chart.h"
#include "lethe/run/page.h"
#include "lethe/run/report_parts.h"

namespace lethe::run {
namespace {

bool is_feed_forward(const std::string& matrix) {
  for (const char* part : {"gate", "up_proj", "down", "fc", "mlp", "_h_to_"}) {
    if (matrix.find(part) != std::string::npos) return true;
  }
  return false;
}

// The place of `name`, added at the end where it is new.
size_t index_of(std::vector<std::string>& names, const std::string& name) {
  const auto index = static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  if (index == names.size()) names.push_back(name);
  return index;
}

Line& line_of(LineChart& chart, const std::string& name) {
  const auto has_name = [&](const Line& line) { return line.name == name; };
  const auto line = std::find_if(chart.lines.begin(), chart.lines.end(), has_name);
  return line != chart.lines.end() ? *line : chart.lines.emplace_back(Line{name, {}});
}

Table table_of(const OrderedJson& delta) {
  Table table{"", "", {"layer"}, {}};
  std::vector<std::string> layers;
  for (const OrderedJson& entry : delta) {
    const std::string layer = text_at(entry, "layer");
    const size_t row = index_of(layers, layer.empty() ? "outside the layers" : layer);
    const size_t column = index_of(table.head, text_at(entry, "matrix"));
    if (row == table.rows.size()) table.rows.push_back({layers[row]});
    auto& cells = table.rows[row];
    cells.resize(std::max(cells.size(), column + 1));
    cells[column] = number_text(number_at(entry, {"norm"}));
  }
  for (auto& cells : table.rows) cells.resize(table.head.size());
  return table;
}

}  // namespace

std::string movement_html(const OrderedJson& results) {
  const OrderedJson& delta = field_at(results, {"delta"});
  if (!delta.is_array() || delta.empty()) return "";
  LineChart attention{"Attention", "", "layer", "norm", {}}, feed_forward{"Feed-forward", "", "layer", "norm", {}};
  double top = 0;  // one scale for both
  for (const OrderedJson& entry : delta) {
    const double layer = number_at(entry, {"layer"}), norm = number_at(entry, {"norm"});
    const std::string matrix = text_at(entry, "matrix");
    if (!std::isfinite(layer) || !std::isfinite(norm)) continue;
    top = std::max(top, norm);
    line_of(is_feed_forward(matrix) ? feed_forward : attention, matrix).points.emplace_back(layer, norm);
  }
  std::vector<std::string> charts;
  for (LineChart* chart : {&attention, &feed_forward}) {
    if (chart->lines.empty()) continue;
    chart->y_top = top;
    charts.push_back(line_chart_html(*chart));
  }
  return section_html(
      "What the old facts moved",
      "The Euclidean norm of the delta, by which training on the old answers moved each matrix.",
      (charts.empty() ? "" : grid_html(charts)) + details_html("The norms as a table", table_html(table_of(delta))));
}

}  // namespace lethe::run
