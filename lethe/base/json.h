// JSON text: parsing with errors that name the file and the place, and fields with errors that name the field, its
// value and what was expected. Results are written as OrderedJson, so that fields stand in the order in which they were
// added.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lethe/base/file.h"

namespace lethe {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// Parses `text`; `where` (a path, perhaps with a line) begins the error message. Lists and objects nested deeper than
// 64, more than any real file, are an error: what walks a value may be recursive.
Json parse_json(std::string_view text, const std::string& where);
// The same where a key that stands twice in one object, of which the last would win, is an error too.
Json parse_strict_json(std::string_view text, const std::string& where);
Json read_json(const fs::path& path);

// A value in a message, cut where it is long.
std::string shown(const Json& value);

// The field of an object, null where it is missing or null.
const Json* find_field(const Json& object, const char* key);
inline bool has_field(const Json& object, const char* key) { return find_field(object, key) != nullptr; }

// Typed access to the field `key` of an object; `where` begins the error message. Numbers must be finite; integers
// exact.
const Json& json_field(const Json& object, const char* key, const std::string& where);
std::string json_string(const Json& object, const char* key, const std::string& where);
int64_t json_int(const Json& object, const char* key, const std::string& where);
double json_number(const Json& object, const char* key, const std::string& where);
bool json_bool(const Json& object, const char* key, const std::string& where);
// The same with a default where the field is missing or null.
std::string json_string(const Json& object, const char* key, const std::string& where, const std::string& otherwise);
int64_t json_int(const Json& object, const char* key, const std::string& where, int64_t otherwise);
double json_number(const Json& object, const char* key, const std::string& where, double otherwise);
bool json_bool(const Json& object, const char* key, const std::string& where, bool otherwise);

}  // namespace lethe
