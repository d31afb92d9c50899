#include "lethe/run/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lethe/run/page.h"

namespace lethe::run {
namespace {

constexpr double kWidth = 360;
constexpr double kCharacter = 6.2;           // about the width of one
constexpr size_t kColours = 7, kDashes = 4;  // as page_style.h has them
constexpr size_t kMostPoints = 400;          // more than the chart has pixels is only a larger file

using Points = std::vector<std::pair<double, double>>;

bool drawable(double x) { return std::abs(x) < 1e100; }  // finite, and so are differences

double width_of(const std::string& text) { return kCharacter * static_cast<double>(letters(text)); }

struct Axis {
  double low = 0, high = 1, step = 1;
  std::vector<double> ticks() const {
    std::vector<double> ticks;
    for (auto i = static_cast<int64_t>(std::ceil(low / step - 1e-6)); i * step <= high + 1e-6 * step; ++i)
      ticks.push_back(i * step);
    return ticks;
  }
  std::string text(double tick) const {
    if (std::abs(tick) < 1e-9 * step) return "0";
    const double size = std::max(std::abs(low), std::abs(high));
    if (size >= 1e9 || size < 1e-4) return fmt::format("{:.3g}", tick);
    if (step >= 1e6) return fmt::format("{:g}M", tick / 1e6);
    if (step >= 1e3) return fmt::format("{:g}k", tick / 1e3);
    if (step < 1e-3) return fmt::format("{:.10g}", tick);
    return fmt::format("{:.{}f}", tick, std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9))));
  }
};

// About `count` steps of 1, 2 or 5 times a power of ten, not finer than `finest`.
Axis make_axis(double low, double high, int count, double finest) {
  const double size = std::max(std::abs(low), std::abs(high));
  if (!(high - low > 1e-9 * size && high - low > 1e-90)) high = low + std::max(size, 1.0);
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double nice : {5, 2, 1}) {
    if (nice * power >= 0.999 * rough) step = nice * power;
  }
  return {low, high, std::max(step, finest)};
}

Points thinned(const Points& points) {
  Points kept;
  const size_t bucket = (points.size() + kMostPoints - 1) / kMostPoints;
  double x = 0, y = 0;
  size_t n = 0;
  for (const auto& [px, py] : points) {
    if (!drawable(px) || !drawable(py)) continue;
    x += px, y += py;
    if (++n < bucket) continue;
    kept.emplace_back(x / n, y / n);
    x = y = n = 0;
  }
  if (n > 0) kept.emplace_back(x / n, y / n);
  return kept;
}

std::string figure_begin(const std::string& title, const std::string& note) {
  std::string html = "<figure><figcaption>" + escape_html(title);
  if (!note.empty()) html += "<span>" + escape_html(note) + "</span>";
  return html + "</figcaption>\n";
}

std::string svg_begin(const std::string& title, double height) {
  return fmt::format(R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">)", kWidth, height,
                     escape_html(title)) +
         "\n";
}

std::string nothing_to_draw(const std::string& title, const std::string& note) {
  return figure_begin(title, note) + svg_begin(title + ": no data", 60) +
         R"(<text x="180" y="34" text-anchor="middle">no data</text></svg></figure>)"
         "\n";
}

struct LegendEntry {
  std::string name;
  size_t colour;
  std::string mark;  // in an svg of 24 x 10
};

// None where the title says it all.
std::string legend(const std::string& title, const std::vector<LegendEntry>& entries) {
  if (entries.size() == 1 && (entries[0].name.empty() || entries[0].name == title)) return "";
  std::string html = R"(<ul class="legend">)";
  for (const LegendEntry& entry : entries) {
    html += fmt::format(R"(<li><svg viewBox="0 0 24 10" class="s{}" aria-hidden="true">{}</svg>{}</li>)",
                        entry.colour % kColours, entry.mark, escape_html(entry.name));
  }
  return html + "</ul>\n";
}

}  // namespace

std::string line_chart_html(const LineChart& chart) {
  constexpr double kLeft = 38, kRight = kWidth - 8, kTop = 24, kBottom = 200, kHeight = 236, kGap = 6;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  std::vector<Points> lines;
  double x_low = kInf, x_high = -kInf, y_low = 0, y_high = chart.y_top;
  bool whole = true;  // are all x whole numbers, as steps and layers are?
  for (const Line& line : chart.lines) {
    for (const auto& [x, y] : lines.emplace_back(thinned(line.points))) {
      x_low = std::min(x_low, x), x_high = std::max(x_high, x);
      y_low = std::min(y_low, y), y_high = std::max(y_high, y);
      whole = whole && x == std::floor(x);
    }
  }
  if (x_low > x_high) return nothing_to_draw(chart.title, chart.note);
  std::vector<std::pair<double, std::string>> x_ticks, y_ticks;
  if (x_low == x_high) {  // one point stands in the middle
    x_ticks.emplace_back(x_low, number_text(x_low));
    x_low -= 1, x_high += 1;
  }
  const Axis x_axis = make_axis(x_low, x_high, 6, whole ? 1 : 0);
  if (x_ticks.empty())
    for (const double tick : x_axis.ticks()) x_ticks.emplace_back(tick, x_axis.text(tick));
  Axis y_axis = make_axis(y_low, y_high, 4, 0);
  y_axis.high = y_axis.step * std::ceil(y_axis.high / y_axis.step - 1e-6);
  double left = kLeft;
  for (const double tick : y_axis.ticks()) {
    y_ticks.emplace_back(tick, y_axis.text(tick));
    left = std::max(left, width_of(y_ticks.back().second) + kGap);
  }
  const auto at_x = [&](double x) { return left + (x - x_axis.low) / (x_axis.high - x_axis.low) * (kRight - left); };
  const auto at_y = [&](double y) {
    return kBottom - (y - y_axis.low) / (y_axis.high - y_axis.low) * (kBottom - kTop);
  };

  std::vector<LegendEntry> entries;
  const auto style_of = [&](size_t i) {  // its colour, and the class of its path
    const size_t colour = chart.lines[i].colour.value_or(i) % kColours;
    const size_t dash = (colour + i / kColours) % kDashes;  // another one where colours come again
    return std::pair(colour, chart.lines[i].faint ? "line faint" : fmt::format("line dash{}", dash));
  };
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const auto [colour, style] = style_of(i);
    entries.push_back({chart.lines[i].name, colour, fmt::format(R"(<path class="{}" d="M1 5H23"/>)", style)});
  }
  std::string html = figure_begin(chart.title, chart.note) + legend(chart.title, entries);
  html += svg_begin(fmt::format("{}: {} by {}", chart.title, chart.y_label, chart.x_label), kHeight);
  for (const auto& [tick, text] : y_ticks) {
    html +=
        fmt::format(
            R"(<path class="gridline" d="M{:.1f} {:.1f}H{:.1f}"/><text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)",
            left, at_y(tick), kRight, left - kGap, at_y(tick) + 4, text) +
        "\n";
  }
  html += fmt::format(R"(<path class="axis" d="M{:.1f} {:.1f}H{:.1f}"/>)", left, kBottom, kRight) + "\n";
  for (const auto& [tick, text] : x_ticks) {
    const bool fits = at_x(tick) + width_of(text) / 2 <= kWidth;
    html += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", fits ? at_x(tick) : kWidth,
                        kBottom + 15, fits ? "middle" : "end", text) +
            "\n";
  }
  html += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text><text x="0" y="10">{}</text>)", kRight,
                      kBottom + 31, escape_html(chart.x_label), escape_html(chart.y_label)) +
          "\n";
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string path;
    for (const auto& [x, y] : lines[i])
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", at_x(x), at_y(y));
    const auto [colour, style] = style_of(i);
    html += fmt::format("<g class=\"s{}\">", colour);
    if (lines[i].size() > 1) html += fmt::format(R"(<path class="{}" d="{}"/>)", style, path);
    for (const auto& [x, y] : lines[i]) {  // points large enough to be met by the pointer tell their value
      if (lines[i].size() > 60 || chart.lines[i].faint) break;
      html += fmt::format(
          R"(<circle class="fill" cx="{:.1f}" cy="{:.1f}" r="2.2"><title>{}: {} {}: {}</title></circle>)", at_x(x),
          at_y(y), escape_html(chart.lines[i].name), escape_html(chart.x_label), number_text(x), number_text(y));
    }
    html += "</g>\n";
  }
  return html + "</svg></figure>\n";
}

std::string bar_chart_html(const BarChart& chart) {
  constexpr double kBar = 11, kGap = 2, kBetween = 11, kBeside = 7;
  double top = chart.top;
  double name_width = 0, value_width = 0;
  for (const Bars& bars : chart.series) {
    for (const double value : bars.values) {
      if (!drawable(value)) continue;
      top = std::max(top, value);
      value_width = std::max(value_width, kBeside + width_of(chart.text(value)));
    }
  }
  if (value_width == 0) return nothing_to_draw(chart.title, chart.note);
  for (const std::string& name : chart.categories) name_width = std::max(name_width, kBeside + width_of(name));
  const double left = std::min(name_width, 0.45 * kWidth);
  const double group = static_cast<double>(chart.series.size()) * (kBar + kGap) + kBetween;
  const double scale = top > 0 ? (kWidth - left - std::min(value_width, 0.3 * kWidth)) / top : 0;

  std::vector<LegendEntry> entries;
  for (const Bars& bars : chart.series) {
    entries.push_back({bars.name, bars.colour, R"(<path class="fill" d="M7 0h10v10h-10z"/>)"});
  }
  std::string html = figure_begin(chart.title, chart.note) + legend(chart.title, entries);
  html += svg_begin(chart.title, group * static_cast<double>(chart.categories.size()));
  for (size_t c = 0; c < chart.categories.size(); ++c) {
    const double y = group * static_cast<double>(c) + kBetween / 2;
    html += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", left - kBeside,
                        y + (group - kBetween) / 2 + 3, escape_html(chart.categories[c]));
    for (size_t s = 0; s < chart.series.size(); ++s) {
      const auto& values = chart.series[s].values;
      if (c >= values.size() || !drawable(values[c])) continue;
      const double bar = y + static_cast<double>(s) * (kBar + kGap), length = scale * std::max(values[c], 0.0);
      html += fmt::format(
          R"(<rect class="fill s{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.0f}" rx="1"/><text class="value" x="{:.1f}" y="{:.1f}">{}</text>)",
          chart.series[s].colour % kColours, left, bar, length, kBar, left + length + 5, bar + kBar - 1.5,
          escape_html(chart.text(values[c])));
    }
    html += "\n";
  }
  html += fmt::format(R"(<path class="axis" d="M{:.1f} 0V{:.1f}"/>)", left,
                      group * static_cast<double>(chart.categories.size()));
  return html + "</svg></figure>\n";
}

}  // namespace lethe::run
