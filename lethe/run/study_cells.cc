#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "lethe/run/page.h"
#include "lethe/run/study_parts.h"

namespace lethe::run {
namespace {

// "33.8"; "–" where nothing was measured.
std::string mean_cell(const Numbers& numbers) {
  return std::isfinite(numbers.mean) ? fmt::format("{:.1f}", numbers.mean) : "–";
}

// "± 1.2"; "" of a single number.
std::string deviation_cell(const Numbers& numbers) {
  return numbers.count > 1 && std::isfinite(numbers.mean) ? fmt::format("± {:.1f}", numbers.deviation) : "";
}

std::string paper_cell(double number) { return std::isfinite(number) ? fmt::format("{:.1f}", number) : ""; }
std::string paper_in_brackets(double number) { return std::isfinite(number) ? fmt::format("({:.1f})", number) : ""; }

// A row's name, which is not broken behind a hyphen: "f-lora-ft".
std::string row_name_html(const std::string& name) {
  std::string html;
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find(' ', begin), name.size());
    const std::string word = name.substr(begin, end - begin);
    html += begin > 0 ? " " : "";
    html += word.find('-') == std::string::npos ? escape_html(word) : "<span>" + escape_html(word) + "</span>";
    begin = end + 1;
  }
  return html;
}

}  // namespace

bool Cells::measured() const {
  return std::ranges::any_of(rows, [](const Row& row) {
    return std::ranges::any_of(row.ours, [](const Numbers& numbers) { return numbers.count > 0; });
  });
}

std::vector<std::string> Cells::drop_unmeasured() {
  std::vector<std::string> dropped;
  if (!measured()) return dropped;
  const auto erase = [](auto& list, size_t i) { list.erase(list.begin() + static_cast<std::ptrdiff_t>(i)); };
  for (size_t i = head.size(); i-- > 0;) {
    if (std::ranges::any_of(rows, [&](const Row& row) { return row.ours[i].count > 0; })) continue;
    dropped.insert(dropped.begin(), head[i]);
    erase(head, i);
    for (Row& row : rows) {
      erase(row.ours, i);
      erase(row.paper, i);
    }
  }
  return dropped;
}

bool Cells::has_means() const {
  return std::ranges::any_of(rows, [](const Row& row) {
    return std::ranges::any_of(row.ours, [](const Numbers& numbers) { return numbers.count > 1; });
  });
}

bool Cells::has_paper() const {
  return std::ranges::any_of(rows, [](const Row& row) {
    return std::ranges::any_of(row.paper, [](double number) { return std::isfinite(number); });
  });
}

std::string cells_html(const Cells& cells, const std::string& title) {
  if (!cells.measured()) return "";
  std::string html = fmt::format("<div class=\"scroll\"><table{}>", cells.heat ? " class=\"heat\"" : "");
  std::vector<std::string> notes;
  if (!cells.unit.empty()) notes.push_back(fmt::format("In {}.", cells.unit));
  if (cells.has_means()) notes.emplace_back("Below each mean, small: ± the standard deviation.");
  if (cells.has_paper()) notes.emplace_back("Below each number, small: the paper’s.");
  if (!notes.empty() || !title.empty())
    html += "<caption>" + escape_html(title) + "<span>" + escape_html(fmt::format("{}", fmt::join(notes, " "))) +
            "</span></caption>";
  html += "\n<thead><tr><th scope=\"col\">" + escape_html(spoken(cells.corner)) + "</th>";
  for (const std::string& name : cells.head) html += "<th scope=\"col\">" + escape_html(name) + "</th>";
  html += "</tr></thead>\n<tbody>\n";
  for (const Cells::Row& row : cells.rows) {
    html += "<tr><th scope=\"row\">" + row_name_html(row.name) + "</th>";
    for (size_t i = 0; i < row.ours.size(); ++i) {
      const double mean = row.ours[i].mean;
      if (cells.heat && std::isfinite(mean))
        html += fmt::format("<td style=\"background:rgba(23,112,140,{:.2f})\">", std::clamp(mean, 0.0, 100.0) / 180);
      else
        html += "<td>";
      if (!row.only_paper) html += mean_cell(row.ours[i]);
      for (const std::string& below : {deviation_cell(row.ours[i]), paper_cell(row.paper[i])})
        if (!below.empty()) html += "<small>" + below + "</small>";
      html += "</td>";
    }
    for (size_t i = row.ours.size(); i < cells.head.size(); ++i) html += "<td></td>";
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string cells_text(const std::string& title, const Cells& cells) {
  if (!cells.measured()) return "";
  std::vector<std::vector<std::string>> lines{{cells.corner}};
  lines[0].insert(lines[0].end(), cells.head.begin(), cells.head.end());
  for (const Cells::Row& row : cells.rows) {
    std::vector<std::string>& line = lines.emplace_back(1, row.name);
    for (size_t i = 0; i < cells.head.size(); ++i) {
      if (i >= row.ours.size()) {
        line.emplace_back();
        continue;
      }
      std::string cell = row.only_paper ? "" : mean_cell(row.ours[i]);
      for (const std::string& more : {deviation_cell(row.ours[i]), paper_in_brackets(row.paper[i])})
        if (!more.empty()) cell += (cell.empty() ? "" : " ") + more;
      line.push_back(cell);
    }
  }
  std::string text = title + (cells.has_paper() ? " (in brackets: the paper's)\n" : "\n");
  for (const std::vector<std::string>& line : lines) {
    std::string row;
    for (size_t c = 0; c < line.size(); ++c) {
      size_t width = 0;
      for (const auto& other : lines) width = std::max(width, letters(other[c]));
      const std::string space(width - letters(line[c]), ' ');
      row += c == 0 ? line[c] + space : "  " + space + line[c];
    }
    text += "  " + row + "\n";
  }
  return text + "\n";
}

}  // namespace lethe::run
