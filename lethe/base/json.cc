#include "lethe/base/json.h"

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"

namespace lethe {
namespace {

std::string shortened(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

const Json* find(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object())
    fail("{}: found {}, expected an object with the field \"{}\"", where, shortened(object), key);
  auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

[[noreturn]] void wrong(const Json& value, const char* key, const char* expected, const std::string& where) {
  fail("{}: \"{}\" is {}, expected {}", where, key, shortened(value), expected);
}

std::string to_string(const Json& value, const char* key, const std::string& where) {
  if (!value.is_string()) wrong(value, key, "a string", where);
  return value.get<std::string>();
}

int64_t to_int(const Json& value, const char* key, const std::string& where) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) wrong(value, key, "a smaller integer", where);
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {
    const double x = value.get<double>();
    if (x == std::floor(x) && std::abs(x) < 9e15) return static_cast<int64_t>(x);
  }
  wrong(value, key, "an integer", where);
}

double to_number(const Json& value, const char* key, const std::string& where) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(value, key, "a number", where);
  return value.get<double>();
}

bool to_bool(const Json& value, const char* key, const std::string& where) {
  if (!value.is_boolean()) wrong(value, key, "true or false", where);
  return value.get<bool>();
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  check(text.find_first_not_of(" \t\r\n") != std::string_view::npos, "{}: empty, expected JSON", where);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    const size_t at = std::min<size_t>(e.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    std::string reason =
        e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    if (const size_t colon = reason.find(": "); colon != std::string::npos) reason = reason.substr(colon + 2);
    fail("{}: not valid JSON at line {} (byte {} of {}): {}", where, line, e.byte, text.size(), reason);
  } catch (const Json::exception& e) {  // a number beyond every type, for example
    fail("{}: not usable as JSON: {}", where, e.what());
  }
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

const Json& json_field(const Json& object, const char* key, const std::string& where) {
  const Json* value = find(object, key, where);
  check(value != nullptr, "{}: the field \"{}\" is missing", where, key);
  return *value;
}

std::string json_string(const Json& object, const char* key, const std::string& where) {
  return to_string(json_field(object, key, where), key, where);
}
int64_t json_int(const Json& object, const char* key, const std::string& where) {
  return to_int(json_field(object, key, where), key, where);
}
double json_number(const Json& object, const char* key, const std::string& where) {
  return to_number(json_field(object, key, where), key, where);
}
bool json_bool(const Json& object, const char* key, const std::string& where) {
  return to_bool(json_field(object, key, where), key, where);
}

std::string json_string(const Json& object, const char* key, const std::string& where, const std::string& otherwise) {
  const Json* value = find(object, key, where);
  return value ? to_string(*value, key, where) : otherwise;
}
int64_t json_int(const Json& object, const char* key, const std::string& where, int64_t otherwise) {
  const Json* value = find(object, key, where);
  return value ? to_int(*value, key, where) : otherwise;
}
double json_number(const Json& object, const char* key, const std::string& where, double otherwise) {
  const Json* value = find(object, key, where);
  return value ? to_number(*value, key, where) : otherwise;
}
bool json_bool(const Json& object, const char* key, const std::string& where, bool otherwise) {
  const Json* value = find(object, key, where);
  return value ? to_bool(*value, key, where) : otherwise;
}

}  // namespace lethe
