// What the readers of tokenizer.json's parts share: errors that name the file, the component and what is known.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "lethe/base/json.h"

namespace lethe::text {

// Throws: `where` has the unknown `what`; the message lists the `known` ones.
[[noreturn]] void fail_unknown(const std::string& where, const char* what, const std::string& value,
                               std::span<const std::string_view> known);

// The field "type" of a component.
inline std::string component_type(const Json& component, const std::string& where) {
  return json_string(component, "type", where);
}
// The components of a Sequence under `key`; an Error unless they are an array.
const Json& component_list(const Json& component, const char* key, const std::string& where);
// {"String": s} or {"Regex": r} as a regular expression. An empty string is an Error.
std::string component_pattern(const Json& component, const std::string& where);

}  // namespace lethe::text
