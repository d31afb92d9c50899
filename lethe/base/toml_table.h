// A table of a TOML file that is read key by key. What is wrong is a UsageError that names the file, the line, the key,
// its value and what was expected; so is, at finish(), a key that nobody asked for. Where the file is no argument but
// data (world.toml), who reads it makes an Error of it.
#pragma once
#include <toml++/toml.h>

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lethe/base/setting.h"

namespace lethe {

class TomlTable {
 public:
  // `name` as the file writes it, "scale.paper"; "" is the file itself.
  TomlTable(const toml::table& table, std::string file, std::string name)
      : table_(&table), file_(std::move(file)), name_(std::move(name)) {}

  bool has(std::string_view key);  // asks for it, too
  std::string text(std::string_view key);
  std::string text(std::string_view key, std::string_view otherwise);
  double number(std::string_view key);  // finite
  int64_t integer(std::string_view key, int64_t otherwise, int64_t least,
                  int64_t most = std::numeric_limits<int64_t>::max());
  bool flag(std::string_view key, bool otherwise);
  std::vector<std::string> texts(std::string_view key);  // a list of them, or one; none where it is missing
  TomlTable table(std::string_view key);
  std::vector<TomlTable> tables(std::string_view key);  // [[key]]; none where it is missing
  std::vector<TomlTable> subtables();                   // all that is left, each a table, in the file's order
  std::vector<Setting> settings();                      // all that is left, in the file's order
  const toml::array* list(std::string_view key);        // null where it is missing
  void finish() const;

  std::vector<std::string> unread() const;                                 // keys nobody read, in the file's order
  std::string name() const { return name_.substr(name_.rfind('.') + 1); }  // its last word
  const std::string& file() const { return file_; }
  std::string where() const;                                       // "extraction.toml:9: scale.paper"
  std::string where(std::string_view key) const;                   // "extraction.toml:12: scale.paper.people"
  Json value(const toml::node& node, std::string_view key) const;  // UsageError for a table or a date

 private:
  const toml::node& at(std::string_view key);
  std::string full(std::string_view key) const;

  const toml::table* table_;
  std::string file_, name_;
  std::set<std::string, std::less<>> read_, asked_;
};

// The whole file; `file` begins every message.
toml::table parse_toml(std::string_view text, const std::string& file);

std::string as_written(const toml::node& node);  // in a message

}  // namespace lethe
