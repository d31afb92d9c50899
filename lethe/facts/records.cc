#include "lethe/facts/records.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"
#include "lethe/facts/csv.h"

namespace lethe::facts {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

std::string place(const fs::path& path, int64_t index, int64_t line = 0) {
  return line > 0 ? fmt::format("{}, index {} (line {})", path.string(), index, line)
                  : fmt::format("{}, index {}", path.string(), index);
}

void add(std::vector<Record>& records, std::string where, Json fields) {
  check(fields.is_object(), "{}: found {} {}, expected an object with the fields of a fact", where,
        fields.is_array() || fields.is_object() ? "an" : "a", fields.type_name());
  records.push_back({std::ssize(records), std::move(where), std::move(fields)});
}

bool full(const std::vector<Record>& records, int64_t limit) { return limit > 0 && std::ssize(records) >= limit; }

std::vector<Record> from_json(const fs::path& path, std::string_view text, int64_t limit) {
  Json json = parse_strict_json(text, path.string());
  std::vector<Record> records;
  if (json.is_object()) {
    add(records, place(path, 0), std::move(json));
    return records;
  }
  check(json.is_array() && !json.empty(), "{}: an empty list, expected facts", path.string());
  for (Json& fields : json) {
    if (full(records, limit)) break;
    add(records, place(path, std::ssize(records)), std::move(fields));
  }
  return records;
}

std::vector<Record> from_json_lines(const fs::path& path, std::string_view text, int64_t limit) {
  std::vector<Record> records;
  for (int64_t line = 1; !text.empty() && !full(records, limit); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view current = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (current.empty()) continue;
    std::string where = place(path, std::ssize(records), line);
    Json fields = parse_strict_json(current, where);
    add(records, std::move(where), std::move(fields));
  }
  return records;
}

std::string printable(std::string_view text) { return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace); }

// One cell of a row, in the field of its column. A column that stands more than once makes a list: of the rephrasings
// that there are, or of texts that are pairs with those of another column, blank ones too.
void add_cell(Json& fields, const std::string& column, bool repeated, std::string cell, const std::string& where) {
  static const std::set<std::string> kLists = {"rephrase", "rephrase_prompt", "ground_truth", "locality",
                                               "portability"};
  const bool is_json = kLists.contains(column) && cell.find_first_of("[{") == 0;
  const bool blank = trimmed(cell).empty();
  Json value = is_json ? parse_strict_json(cell, where + ", column " + column) : Json(std::move(cell));
  if (!repeated) {
    fields[column] = std::move(value);
  } else if (value.is_array()) {
    for (Json& text : value) fields[column].push_back(std::move(text));
  } else if (!blank || !column.starts_with("rephrase")) {
    fields[column].push_back(std::move(value));
  }
}

// A column that may stand several times: rephrasings, and the prompts and answers of other questions.
bool may_repeat(const std::string& column) {
  return column.empty() || column.starts_with("rephrase") || column.starts_with("locality_") ||
         column.starts_with("portability_");
}

std::vector<Record> from_csv(const fs::path& path, std::string_view text, int64_t limit) {
  const std::string_view header = trimmed(text).substr(0, trimmed(text).find('\n'));
  check(std::ranges::any_of(parse_csv(header, path.string()).columns,
                            [](const std::string& column) { return column == "prompt" || column == "src"; }),
        "{}: neither JSON (a list, lines or one object) nor CSV, cells parted by commas, whose header names a column "
        "\"prompt\" or \"src\"; it begins with {}",
        path.string(), printable(header.substr(0, 40)));
  Csv csv = parse_csv(text, path.string(), limit);
  std::map<std::string, int> count;
  for (const std::string& column : csv.columns)
    check(++count[column] == 1 || may_repeat(column), "{}: the header names the column \"{}\" twice", path.string(),
          column);
  check(!csv.rows.empty(), "{}: a header line and nothing else, expected facts", path.string());
  std::vector<Record> records;
  for (CsvRow& row : csv.rows) {
    std::string where = place(path, std::ssize(records), row.line);
    Json fields = Json::object();
    for (size_t i = 0; i < row.cells.size(); ++i) {
      std::string& cell = row.cells[i];
      const std::string& column = csv.columns[i];
      const bool repeated = count[column] > 1;
      if (column.empty() || (cell.empty() && !repeated)) continue;
      check(is_valid_utf8(column) && is_valid_utf8(cell), "{}: the text is not UTF-8", where);
      add_cell(fields, column, repeated, std::move(cell), where);
    }
    add(records, std::move(where), std::move(fields));
  }
  return records;
}

// Lines of JSON, not one object over several lines (whose second line cannot begin with a brace), also where a line is
// broken.
bool is_json_lines(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return true;
  if (Json::accept(text)) return false;
  return trimmed(text.substr(0, end)).ends_with('}') || trimmed(text.substr(end)).starts_with('{');
}

}  // namespace

std::vector<Record> read_records(const fs::path& path, int64_t limit) {
  if (const fs::path facts = path / "facts-questions.jsonl"; fs::exists(facts))
    fail("{} is a changed world, expected a file of facts: give {}, or another of its files facts-*.jsonl",
         path.string(), facts.string());
  const std::string bytes = read_file(path);
  std::string_view text = bytes;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const size_t begin = text.find_first_not_of(kBlank);
  check(begin != std::string_view::npos, "{}: empty, expected facts", path.string());
  if (text[begin] == '[') return from_json(path, text, limit);
  if (text[begin] != '{') return from_csv(path, text, limit);
  return is_json_lines(trimmed(text)) ? from_json_lines(path, text, limit) : from_json(path, text, limit);
}

}  // namespace lethe::facts
