#include "lethe/run/chart.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <regex>

#include "lethe/run/page.h"
#include "lethe/run/page_testing.h"

using namespace lethe::run;

namespace {

bool numbers_are_finite(const std::string& html) { return count(html, "nan") == 0 && count(html, "inf") == 0; }

// Every coordinate of the lines and circles lies in the drawing, and so do the ends of the axes' labels.
void check_inside(const std::string& html) {
  static const std::regex coordinates(R"((?:[ML]|cx=")(-?[0-9.]+)(?: |" cy=")(-?[0-9.]+))");
  int found = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), coordinates), end; it != end; ++it, ++found) {
    const double x = std::stod((*it)[1]), y = std::stod((*it)[2]);
    CHECK((x >= 0 && x <= 360 && y >= 0 && y <= 236));
  }
  CHECK(found > 0);
  static const std::regex labels("<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"(middle|end)\">([^<]*)<");
  for (std::sregex_iterator it(html.begin(), html.end(), labels), end; it != end; ++it) {
    CAPTURE(it->str());
    const double width = 6.2 * static_cast<double>((*it)[3].length());
    const double right = std::stod((*it)[1]) + ((*it)[2] == "middle" ? width / 2 : 0);
    CHECK((right - width > -0.1 && right < 360.1));
  }
}

std::string chart_of(const std::vector<std::pair<double, double>>& points) {
  return line_chart_html({"T", "", "step", "loss", {{"T", points}}});
}

}  // namespace

TEST_CASE("line charts of no, one, two and many points") {
  CHECK(count(chart_of({}), "no data") == 2);
  CHECK(count(line_chart_html({"T", "", "x", "y", {}}), "no data") == 2);
  const std::string one = chart_of({{7, 2.5}});
  CHECK(count(one, "<circle") == 1);
  CHECK(count(one, "class=\"line") == 0);
  CHECK(count(one, "cx=\"195.0\"") == 1);             // in the middle of 38 .. 352
  CHECK(count(one, "text-anchor=\"middle\">") == 1);  // no steps that there are not
  CHECK(count(one, "<text x=\"195.0\" y=\"215.0\" text-anchor=\"middle\">7</text>") == 1);
  CHECK(count(chart_of({{0.12, 1}}), ">0.12</text>") == 1);
  const std::string two = chart_of({{1, 4}, {3, 2}});
  CHECK(two.find("M38.0 24.0L352.0 112.0\"") != std::string::npos);  // from the top, 4, to half its height
  std::vector<std::pair<double, double>> many;
  for (int i = 0; i < 100000; ++i) many.emplace_back(i, std::exp(-i / 1e4));
  const std::string thinned = chart_of(many);
  CHECK(thinned.size() < 10000);
  CHECK(count(thinned, "<circle") == 0);
  for (const std::string& html : {one, two, thinned}) {
    CHECK(numbers_are_finite(html));
    check_inside(html);
  }
}

TEST_CASE("line charts survive numbers that no chart can hold") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double big = std::numeric_limits<double>::max();
  CHECK(count(chart_of({{1, NAN}, {2, kInf}, {3, -kInf}, {NAN, 1}, {4, big}}), "no data") == 2);
  for (const auto& points :
       std::vector<std::vector<std::pair<double, double>>>{{{1, NAN}, {2, 3}, {3, kInf}},
                                                           {{1, 0}, {2, 0}},
                                                           {{1, -3}, {2, -3}},
                                                           {{1, -3}, {2, 5}},
                                                           {{1, 1e-320}, {2, 2e-320}},
                                                           {{1e15, 1}, {1e15 + 2, 2}}}) {
    const std::string html = chart_of(points);
    CHECK(numbers_are_finite(html));
    check_inside(html);
  }
}

TEST_CASE("axes have round ticks, whole ones for steps") {
  const std::string html = chart_of({{1, 0.31}, {4, 0.02}});
  for (const char* tick : {">0.3<", ">0.1<", ">1<", ">2<", ">3<", ">4<"}) CHECK(count(html, tick) == 1);
  CHECK(count(html, ">1.5<") == 0);
  CHECK(count(chart_of({{0, 1}, {60000, 2}}), ">20k<") == 1);
  CHECK(count(line_chart_html({"T", "", "x", "y", {{"a", {{0, 1}, {1, 1}}}}, 40}), ">40<") == 1);  // y_top
}

TEST_CASE("the labels of the axes lie in the drawing") {
  const std::string html = chart_of({{0, 0.0002}, {1000, 0.0001}});
  CHECK(count(html, "text-anchor=\"end\">1000</text>") == 1);
  for (const char* tick : {">5e-05<", ">0.0001<", ">0.00015<"}) CHECK(count(html, tick) == 1);
  check_inside(html);
  check_inside(chart_of({{0, 0.0005}, {60000, 0.0001}}));
}

TEST_CASE("a line is known by its colour and dashes, and by its name where the title is another") {
  LineChart chart{"T", "", "x", "y", {}};
  for (int i = 0; i < 8; ++i) chart.lines.push_back(Line{std::to_string(i), {{0, 1}, {1, 2}}});
  const std::string html = line_chart_html(chart);
  for (const char* dash : {"dash0", "dash1"})  // the eighth has the first one's colour
    CHECK(count(html, std::string("<g class=\"s0\"><path class=\"line ") + dash) == 1);
  chart.lines.resize(1);
  for (const char* name : {"", "T", "a"}) {
    chart.lines[0].name = name;
    CHECK(has(line_chart_html(chart), "class=\"legend\"") == (chart.lines[0].name == "a"));
  }
}

TEST_CASE("bar charts leave out what is missing and write each value") {
  BarChart chart{"T", "", {"<a>", "b"}, {{"before", {50, NAN}, 1}, {"after", {100}, 0}}, 100, percent_text};
  const std::string html = bar_chart_html(chart);
  CHECK(count(html, "<rect") == 2);
  CHECK(count(html, "50.0\u202F%") == 1);
  CHECK(count(html, "&lt;a&gt;") == 1);
  CHECK(numbers_are_finite(html));
  BarChart named = chart;
  named.categories = {"Zoë"};
  CHECK(count(bar_chart_html(named), "<rect class=\"fill s1\" x=\"25.6\"") == 1);  // three letters
  chart.series = {{"before", {NAN, std::numeric_limits<double>::infinity()}, 0}};
  CHECK(count(bar_chart_html(chart), "no data") == 2);
  chart.series = {{"before", {0, -5}, 0}};
  chart.top = 0;
  CHECK(count(bar_chart_html(chart), "width=\"0.0\"") == 2);
}
