#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "lethe/run/page.h"
#include "lethe/run/report_parts.h"

namespace lethe::run {
namespace {

constexpr size_t kMostCases = 20;

using Columns = std::vector<std::pair<const char*, const char*>>;  // field and heading

Columns answer_columns(const OrderedJson& cases) {
  const bool forgotten = std::any_of(cases.begin(), cases.end(),
                                     [](const OrderedJson& c) { return field_at(c, {"forgotten"}).is_string(); });
  Columns columns = {{"before", "before"}};
  if (forgotten) columns.emplace_back("forgotten", "after forgetting");
  columns.emplace_back("after", "after learning");
  return columns;
}

// To the body of the table.
std::string cases_head(const char* what, const char* key, const Columns& columns) {
  std::string html =
      fmt::format("<p class=\"key\">{}</p>\n<table class=\"cases\"><thead><tr><th scope=\"col\">{}</th>", key, what);
  for (const auto& column : columns) html += fmt::format("<th scope=\"col\">{}</th>", column.second);
  return html + "</tr></thead>\n<tbody>\n";
}

}  // namespace

std::string marked_answer_html(const std::string& answer, const std::string& old_answer,
                               const std::string& new_answer) {
  const auto in_word = [&](size_t i) {
    return i < answer.size() && (std::isalnum(static_cast<unsigned char>(answer[i])) || (answer[i] & 0x80));
  };
  const auto stands_at = [&](const std::string& word, size_t i) {
    const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
    return !word.empty() && word.size() <= answer.size() - i &&
           std::equal(word.begin(), word.end(), answer.begin() + i, same) && !(i > 0 && in_word(i - 1) && in_word(i)) &&
           !(in_word(i + word.size() - 1) && in_word(i + word.size()));
  };
  std::string html, plain;
  for (size_t i = 0; i < answer.size();) {
    const bool is_new = stands_at(new_answer, i), is_old = stands_at(old_answer, i);
    if (!is_new && !is_old) {
      plain += answer[i++];
      continue;
    }
    const bool take_new =
        is_new && (!is_old || new_answer.size() >= old_answer.size());  // the longer: "York" in "New York"
    const size_t size = (take_new ? new_answer : old_answer).size();
    html += escape_html(plain) +
            fmt::format("<mark class=\"{}\">{}</mark>", take_new ? "new" : "old", escape_html(answer.substr(i, size)));
    plain.clear();
    i += size;
  }
  return html + escape_html(plain);
}

std::string cases_html(const OrderedJson& results) {
  const OrderedJson& all = field_at(results, {"cases"});
  if (!all.is_array() || all.empty()) return "";
  const size_t shown = std::min(all.size(), kMostCases);
  const auto columns = answer_columns(all);
  std::string html = cases_head(
      "fact", "<mark class=\"new\">the new answer</mark> &ensp;<mark class=\"old\">the old answer</mark>", columns);
  for (size_t i = 0; i < shown; ++i) {
    const OrderedJson& c = all[i];
    html += fmt::format("<tr><th scope=\"row\">{}<small>{} → {}</small></th>", escape_html(text_at(c, "prompt")),
                        escape_html(text_at(c, "old")), escape_html(text_at(c, "new")));
    for (const auto& [key, name] : columns) {
      html += fmt::format("<td data-label=\"{}\"><span>{}</span></td>", name,
                          marked_answer_html(text_at(c, key), text_at(c, "old"), text_at(c, "new")));
    }
    html += "</tr>\n";
  }
  return section_html(
      shown == 1 ? "One fact, in the model’s own words" : fmt::format("{} facts, in the model’s own words", shown),
      "What the model writes by itself after the prompt, taking the likeliest token each time.",
      html + "</tbody></table>\n");
}

std::string others_html(const OrderedJson& results) {
  const OrderedJson& all = field_at(results, {"others"});
  if (!all.is_array() || all.empty()) return "";
  const auto columns = answer_columns(all);
  std::string html = cases_head("question", "<mark class=\"new\">the file’s answer</mark>", columns);
  for (const OrderedJson& c : all) {
    const std::string answer = text_at(c, "answer");
    html += fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", escape_html(text_at(c, "prompt")),
                        escape_html(answer));
    for (const auto& [key, name] : columns)
      html += fmt::format("<td data-label=\"{}\"><span>{}</span></td>", name,
                          marked_answer_html(text_at(c, key), "", answer));
    html += "</tr>\n";
  }
  return section_html("Other questions, in the model’s own words",
                      "What must not change: one of each fact’s locality questions.", html + "</tbody></table>\n");
}

}  // namespace lethe::run
