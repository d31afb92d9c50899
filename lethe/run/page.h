// Parts of the HTML pages that Lethe writes: one file, no network, no script; readable on a phone, in print, light and
// dark. Names that end in _html hold HTML; every other text is plain and is escaped here.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::run {

// Text as HTML shows it, also inside a quoted attribute: markup escaped, invalid UTF-8 and control characters as
// U+FFFD.
std::string escape_html(std::string_view text);

std::string percent_text(double percent);  // "98.7 %", the space narrow and unbreakable; "–" where it is not finite
// Four digits that matter: "1234", "0.08312", "5e-05"; of what is whole or large all before the point: "163840". "–"
// likewise.
std::string number_text(double number);
size_t letters(std::string_view text);  // how many a reader sees: UTF-8's bytes that continue one do not count

struct Table {
  std::string caption;
  std::string note;               // below the caption, smaller
  std::vector<std::string> head;  // of all columns; the first column names the rows
  std::vector<std::vector<std::string>> rows;
};
std::string table_html(const Table& table);  // figures stand right; scrolls sideways where it is wider than the screen

std::string section_html(std::string_view title, std::string_view lead, std::string_view body_html);
std::string grid_html(const std::vector<std::string>& items_html);  // side by side where there is room
std::string details_html(std::string_view summary, std::string_view body_html);
std::string definitions_html(const std::vector<std::pair<std::string, std::string>>& names_and_values);

struct Page {
  std::string kicker, title;  // the small line above the title, and the title
  std::string summary_html;   // the paragraph below it
  std::string body_html, footer;
};

std::string page_html(const Page& page);  // the whole document
// Several as one document below a title, each with a header of its own; `body_html` stands before them.
std::string pages_html(const Page& first, const std::vector<Page>& pages);

}  // namespace lethe::run
