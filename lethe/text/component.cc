#include "lethe/text/component.h"

#include <fmt/ranges.h>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"
#include "lethe/text/regex_syntax.h"

namespace lethe::text {

void fail_unknown(const std::string& where, const char* what, const std::string& value,
                  std::span<const std::string_view> known) {
  fail("{}: unknown {} \"{}\"; known are {}", where, what, shortened(value), fmt::join(known, ", "));
}

const Json& component_list(const Json& component, const char* key, const std::string& where) {
  const Json& list = json_field(component, key, where);
  check(list.is_array(), "{}: \"{}\" is not a list", where, key);
  return list;
}

std::string component_pattern(const Json& component, const std::string& where) {
  const Json& pattern = json_field(component, "pattern", where);
  const bool regex = pattern.is_object() && pattern.contains("Regex");
  std::string text = json_string(pattern, regex ? "Regex" : "String", where + ": pattern");
  check(!text.empty(), "{}: its pattern is empty", where);
  return regex ? text : quoted_regex(text);
}

}  // namespace lethe::text
