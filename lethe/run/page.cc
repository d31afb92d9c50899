#include "lethe/run/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lethe/base/json.h"
#include "lethe/run/page_style.h"

namespace lethe::run {
namespace {

constexpr const char* kWaves =
    R"(<svg viewBox="0 0 54 24" aria-hidden="true"><path d="M2 5c6-5 11 5 17 0s11 5 17 0 11 5 16 0M2 12c6-5 11 5 17 0s11 5 17 0 11 5 16 0)"
    R"(M2 19c6-5 11 5 17 0s11 5 17 0 11 5 16 0"/></svg>
)";

std::string valid_utf8(std::string_view text) {
  const Json json = std::string(text);
  return Json::parse(json_text(json)).get<std::string>();
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string html;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      case '\t':
      case '\n':
        html += c;
        break;
      case '\r':
        break;
      default:
        html += (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? std::string("\uFFFD") : std::string(1, c);
    }
  }
  return html;
}

std::string percent_text(double percent) {
  if (!std::isfinite(percent)) return "–";
  const double rounded = std::round(10 * percent) / 10;
  return fmt::format("{}{:.1f}\u202F%", rounded < 0 ? "−" : "", std::abs(rounded));
}

std::string number_text(double number) {
  if (!std::isfinite(number)) return "–";
  const double size = std::abs(number);
  if (size < 1e15 && (size >= 1e3 || number == std::floor(number))) return fmt::format("{:.0f}", number);
  return fmt::format("{:.4g}", number);
}

size_t letters(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string table_html(const Table& table) {
  std::string html = R"(<div class="scroll"><table>)";
  if (!table.caption.empty()) {
    html += "<caption>" + escape_html(table.caption);
    if (!table.note.empty()) html += "<span>" + escape_html(table.note) + "</span>";
    html += "</caption>";
  }
  html += "\n<thead><tr>";
  for (const std::string& name : table.head) html += R"(<th scope="col">)" + escape_html(name) + "</th>";
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      html += (i == 0 ? R"(<th scope="row">)" : "<td>") + escape_html(row[i]) + (i == 0 ? "</th>" : "</td>");
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string section_html(std::string_view title, std::string_view lead, std::string_view body_html) {
  std::string html = "<section>\n<h2>" + escape_html(title) + "</h2>\n";
  if (!lead.empty()) html += R"(<p class="lead">)" + escape_html(lead) + "</p>\n";
  return html.append(body_html) + "</section>\n\n";
}

std::string grid_html(const std::vector<std::string>& items_html) {
  std::string html = R"(<div class="grid">)";
  for (const std::string& item : items_html) html += "\n<div>" + item + "</div>";
  return html + "\n</div>\n";
}

std::string details_html(std::string_view summary, std::string_view body_html) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escape_html(summary), body_html);
}

std::string definitions_html(const std::vector<std::pair<std::string, std::string>>& names_and_values) {
  std::string html = "<dl>\n";
  for (const auto& [name, value] : names_and_values) {
    html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_html(name), escape_html(value));
  }
  return html + "</dl>\n";
}

std::string page_html(const Page& page) { return pages_html(page, {}); }

std::string pages_html(const Page& first, const std::vector<Page>& pages) {
  const auto header = [](const Page& page, const char* picture) {
    return fmt::format(
        "<header>\n{}<p class=\"kicker\">{}</p>\n<h1>{}</h1>\n<p class=\"summary\">{}</p>\n</header>\n\n", picture,
        escape_html(page.kicker), escape_html(page.title), page.summary_html);
  };
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{}</style>\n</head>\n"
      "<body>\n<main>\n",
      escape_html(first.title), kPageStyle);
  html += header(first, kWaves) + first.body_html;
  for (const Page& page : pages) html += header(page, "") + page.body_html;
  return html + fmt::format("</main>\n<footer>{}</footer>\n</body>\n</html>\n", escape_html(first.footer));
}

}  // namespace lethe::run
