// Charts as inline SVG figures, coloured by the page's style sheet (page_style.h) and drawn 360 units wide: a phone's
// width, so that their text is as large as the page's there. Numbers that are not finite are left out; no data gives a
// figure that says so.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lethe::run {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x ascending; thousands are drawn as means of neighbours
  std::optional<size_t> colour = {};              // of the style sheet's seven; its place among the lines unless told
  bool faint = false;                             // thin and without points: what others measured, behind our own
};

struct LineChart {
  std::string title, note;  // above it, the note smaller
  std::string x_label, y_label;
  std::vector<Line> lines;
  double y_top = 0;  // the y axis goes from the smallest value or 0 to at least here: one scale for charts side by side
};
std::string line_chart_html(const LineChart& chart);

struct Bars {
  std::string name;
  std::vector<double> values;  // one for each category, not negative; not finite: no bar
  size_t colour = 0;           // of the style sheet's seven
};

struct BarChart {
  std::string title, note;
  std::vector<std::string> categories;
  std::vector<Bars> series;                 // their bars stand together in each category
  double top = 0;                           // the axis goes from 0 to at least here
  std::function<std::string(double)> text;  // of a value, beside its bar
};
std::string bar_chart_html(const BarChart& chart);

}  // namespace lethe::run
