#include "lethe/base/toml_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "lethe/base/error.h"
#include "lethe/base/nearest_word.h"

namespace lethe {

std::string as_written(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array_of_tables()) return "a list of tables";
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

toml::table parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    fail_usage("{}:{}: this is not TOML: {}", file, error.source().begin.line, error.description());
  }
}

std::string TomlTable::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

std::string TomlTable::where() const { return fmt::format("{}:{}: {}", file_, table_->source().begin.line, name_); }

std::string TomlTable::where(std::string_view key) const {
  const toml::node* node = table_->get(key);
  return fmt::format("{}:{}: {}", file_, (node ? node : table_)->source().begin.line, full(key));
}

const toml::node& TomlTable::at(std::string_view key) {
  asked_.emplace(key);
  const toml::node* node = table_->get(key);
  if (!node) fail_usage("{}:{}: {} is missing", file_, table_->source().begin.line, full(key));
  read_.emplace(key);
  return *node;
}

bool TomlTable::has(std::string_view key) {
  asked_.emplace(key);
  return table_->contains(key);
}

std::string TomlTable::text(std::string_view key) {
  const toml::node& node = at(key);
  if (!node.is_string()) fail_usage("{}: {} is not a text", where(key), as_written(node));
  return node.as_string()->get();
}

std::string TomlTable::text(std::string_view key, std::string_view otherwise) {
  return has(key) ? text(key) : std::string(otherwise);
}

double TomlTable::number(std::string_view key) {
  const toml::node& node = at(key);
  const double value = node.value<double>().value_or(NAN);
  if (!node.is_number() || !std::isfinite(value)) fail_usage("{}: {} is not a number", where(key), as_written(node));
  return value;
}

int64_t TomlTable::integer(std::string_view key, int64_t otherwise, int64_t least, int64_t most) {
  if (!has(key)) return otherwise;
  const toml::node& node = at(key);
  const int64_t* value = node.is_integer() ? &node.as_integer()->get() : nullptr;
  if (value && *value >= least && *value <= most) return *value;
  const std::string range = most == std::numeric_limits<int64_t>::max() ? fmt::format("of at least {}", least)
                                                                        : fmt::format("from {} to {}", least, most);
  fail_usage("{}: {} is not a whole number {}", where(key), as_written(node), range);
}

bool TomlTable::flag(std::string_view key, bool otherwise) {
  if (!has(key)) return otherwise;
  const toml::node& node = at(key);
  if (!node.is_boolean()) fail_usage("{}: {} is not true or false", where(key), as_written(node));
  return node.as_boolean()->get();
}

std::vector<std::string> TomlTable::texts(std::string_view key) {
  if (!has(key)) return {};
  const toml::node& node = at(key);
  if (node.is_string()) return {node.as_string()->get()};
  std::vector<std::string> result;
  if (const toml::array* array = node.as_array())
    for (const toml::node& element : *array)
      if (element.is_string()) result.push_back(element.as_string()->get());
  if (!node.is_array() || result.size() != node.as_array()->size())
    fail_usage("{}: {} is not a list of texts", where(key), as_written(node));
  return result;
}

TomlTable TomlTable::table(std::string_view key) {
  const toml::node& node = at(key);
  if (!node.is_table()) fail_usage("{}: {} is not a table, [{}]", where(key), as_written(node), full(key));
  return {*node.as_table(), file_, full(key)};
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  if (!has(key)) return {};
  const toml::node& node = at(key);
  if (!node.is_array_of_tables())
    fail_usage("{}: {} is not a list of tables, [[{}]]", where(key), as_written(node), full(key));
  std::vector<TomlTable> result;
  for (const toml::node& element : *node.as_array()) result.emplace_back(*element.as_table(), file_, full(key));
  return result;
}

std::vector<TomlTable> TomlTable::subtables() {
  std::vector<TomlTable> result;
  for (const std::string& key : unread()) result.push_back(table(key));
  return result;
}

std::vector<Setting> TomlTable::settings() {
  std::vector<Setting> result;
  for (const std::string& key : unread()) result.push_back({key, value(at(key), key), where(key)});
  return result;
}

const toml::array* TomlTable::list(std::string_view key) {
  if (!has(key)) return nullptr;
  const toml::node& node = at(key);
  if (!node.is_array()) fail_usage("{}: {} is not a list", where(key), as_written(node));
  return node.as_array();
}

Json TomlTable::value(const toml::node& node, std::string_view key) const {
  if (node.is_string()) return node.as_string()->get();
  if (node.is_boolean()) return node.as_boolean()->get();
  if (node.is_integer()) return node.as_integer()->get();
  if (node.is_floating_point()) return node.as_floating_point()->get();
  const toml::array* array = node.as_array();
  if (!array) fail_usage("{}: {} is not a text, a number, true, false or a list", where(key), as_written(node));
  Json values = Json::array();
  for (const toml::node& element : *array) values.push_back(value(element, key));
  return values;
}

std::vector<std::string> TomlTable::unread() const {
  std::vector<std::pair<toml::source_position, std::string>> keys;
  for (const auto& [key, node] : *table_)
    if (!read_.contains(key.str())) keys.emplace_back(node.source().begin, key.str());
  std::ranges::stable_sort(keys, [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (auto& key : keys) names.push_back(std::move(key.second));
  return names;
}

void TomlTable::finish() const {
  const std::vector<std::string> left = unread();
  if (left.empty()) return;
  const std::vector<std::string> known(asked_.begin(), asked_.end());
  fail_usage("{}: there is no such key{}; expected {}", where(left[0]), did_you_mean(left[0], known),
             fmt::join(known, ", "));
}

}  // namespace lethe
