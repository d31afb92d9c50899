#include "lethe/facts/csv.h"

#include <algorithm>
#include <utility>

#include "lethe/base/error.h"

namespace lethe::facts {
namespace {

class RowReader {
 public:
  RowReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  // The next row that is not a blank line; false at the end of the text.
  bool next(CsvRow& row) {
    while (at_ < text_.size() && take_line_end()) {
    }
    if (at_ == text_.size()) return false;
    row = {line_, {}};
    while (true) {
      row.cells.push_back(text_[at_] == '"' ? quoted() : plain());
      if (at_ == text_.size() || take_line_end()) return true;
      check(text_[at_] == ',', "{}: line {}: text behind a closing quote, expected a comma or the line's end", where_,
            line_);
      if (++at_ == text_.size()) {
        row.cells.emplace_back();
        return true;
      }
    }
  }

 private:
  bool take_line_end() {
    const size_t length = text_.substr(at_, 2) == "\r\n" ? 2 : text_[at_] == '\n' || text_[at_] == '\r' ? 1 : 0;
    at_ += length;
    line_ += length > 0;
    return length > 0;
  }

  std::string plain() {
    const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    return std::string(text_.substr(std::exchange(at_, end), end - at_));
  }

  std::string quoted() {
    const int64_t first_line = line_;
    std::string cell;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        if (text_.substr(at_ + 1, 1) != "\"") {
          ++at_;
          return cell;
        }
        ++at_;  // a doubled quote is one
      }
      line_ += text_[at_] == '\n';
      cell += text_[at_];
    }
    fail("{}: line {}: the quote that opens here is never closed", where_, first_line);
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace

Csv parse_csv(std::string_view text, const std::string& where, int64_t limit) {
  RowReader reader(text, where);
  CsvRow row;
  check(reader.next(row), "{}: empty, expected a header line", where);
  Csv csv{std::move(row.cells), {}};
  while ((limit == 0 || std::ssize(csv.rows) < limit) && reader.next(row)) {
    check(row.cells.size() == csv.columns.size(), "{}: line {}: {} cells, expected {} as in the header", where,
          row.line, row.cells.size(), csv.columns.size());
    csv.rows.push_back(std::move(row));
  }
  return csv;
}

}  // namespace lethe::facts
