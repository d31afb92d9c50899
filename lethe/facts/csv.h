// Comma-separated values with a header line, as in RFC 4180: cells in double quotes may hold commas, line ends and
// doubled quotes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::facts {

struct CsvRow {
  int64_t line = 0;  // the line on which the row begins, from 1
  std::vector<std::string> cells;
};

struct Csv {
  std::vector<std::string> columns;
  std::vector<CsvRow> rows;  // each with one cell for each column; blank lines are no rows
};

// `where` begins the error messages: a quote that never ends, text behind a closing quote, rows of another length than
// the header. At most `limit` rows are read, 0: all.
Csv parse_csv(std::string_view text, const std::string& where, int64_t limit = 0);

}  // namespace lethe::facts
