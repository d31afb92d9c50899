// JSON text: parsing with errors that name the file and the place, and fields with errors that name the field, its
// value and what was expected. Results are written as OrderedJson, so that fields stand in the order in which they were
// added.
#pragma once
#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lethe/base/file.h"

namespace lethe {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;
template <typename T>
concept AnyJson = std::same_as<T, Json> || std::same_as<T, OrderedJson>;

// Parses `text`; `where` (a path, perhaps with a line) begins the error message. Lists and objects nested deeper than
// 64, more than any real file, are an error: what walks a value may be recursive.
Json parse_json(std::string_view text, const std::string& where);
// The same where a key that stands twice in one object, of which the last would win, is an error too.
Json parse_strict_json(std::string_view text, const std::string& where);
Json read_json(const fs::path& path);

// The value as text: on one line, or lines indented by so many spaces; bytes that are no UTF-8 as U+FFFD.
template <AnyJson J>
std::string json_text(const J& json, int indent = -1);
// A value in a message, cut where it is long.
std::string shown(const Json& value);

// The field of an object, null where it is missing or null. With `where`, which begins the message, what is no object
// is an error.
template <AnyJson J>
const J* find_field(const J& object, const char* key);
template <AnyJson J>
const J* find_field(const J& object, const char* key, const std::string& where);
template <AnyJson J>
bool has_field(const J& object, const char* key) {
  return find_field(object, key) != nullptr;
}

// Typed access to the field `key` of an object; `where` begins the error message. Numbers must be finite; integers
// exact.
template <AnyJson J>
const J& json_field(const J& object, const char* key, const std::string& where);
template <AnyJson J>
const J& json_object(const J& object, const char* key, const std::string& where);
template <AnyJson J>
std::string json_string(const J& object, const char* key, const std::string& where);
template <AnyJson J>
int64_t json_int(const J& object, const char* key, const std::string& where);
template <AnyJson J>
double json_number(const J& object, const char* key, const std::string& where);
template <AnyJson J>
bool json_bool(const J& object, const char* key, const std::string& where);
// The same with a default where the field is missing or null.
template <AnyJson J>
std::string json_string(const J& object, const char* key, const std::string& where, const std::string& otherwise);
template <AnyJson J>
int64_t json_int(const J& object, const char* key, const std::string& where, int64_t otherwise);
template <AnyJson J>
double json_number(const J& object, const char* key, const std::string& where, double otherwise);
template <AnyJson J>
bool json_bool(const J& object, const char* key, const std::string& where, bool otherwise);

}  // namespace lethe
