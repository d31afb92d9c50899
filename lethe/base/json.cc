#include "lethe/base/json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"

namespace lethe {
namespace {

constexpr size_t kMaxDepth = 64;

[[noreturn]] void wrong(const Json& value, const char* key, const char* expected, const std::string& where) {
  fail("{}: \"{}\" is {}, expected {}", where, key, shown(value), expected);
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

// Up to the first syntax error the brackets outside of texts are the parser's.
void check_depth(std::string_view text, const std::string& where) {
  size_t depth = 0, line = 1;
  bool inside = false;  // of a text
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    line += c == '\n';
    if (c == '"') inside = !inside;
    if (inside) {
      i += c == '\\';
    } else if (c == '[' || c == '{') {
      check(++depth <= kMaxDepth, "{}: lists and objects are nested deeper than {} at line {}", where, kMaxDepth, line);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
}

// Reads without building: what is wrong and where or, if `strict`, which key stands twice.
class Reading : public nlohmann::json_sax<Json> {
 public:
  Reading(std::string_view text, const std::string& where, bool strict) : text_(text), where_(where), strict_(strict) {}

  bool key(std::string& name) override {
    if (strict_ && !keys_.back().insert(name).second)
      fail("{}: the field {} stands twice in one object", where_, shown(name));
    return true;
  }
  bool start_object(size_t) override {
    keys_.emplace_back();
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    return true;
  }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }

  // The parser says "[json.exception.parse_error.101] parse error at line 1, column 2: REASON; last read: 'ALL OF IT'"
  // or "[json.exception.out_of_range.406] REASON".
  bool parse_error(size_t byte, const std::string&, const nlohmann::detail::exception& error) override {
    std::string_view reason = error.what();
    for (const std::string_view before : {"] ", ": "})
      if (const size_t at = reason.find(before); at != std::string_view::npos) reason.remove_prefix(at + before.size());
    reason = reason.substr(0, reason.find("; last read"));
    const auto line = 1 + std::ranges::count(text_.substr(0, byte), '\n');
    const bool several = text_.find('\n') != std::string_view::npos;
    fail("{}: not {} JSON at {}byte {} of {}: {}", where_, error.id == 406 ? "usable" : "valid",
         several ? fmt::format("line {}, ", line) : "", std::min(byte, text_.size()), text_.size(),
         shortened(reason, 120));
  }

 private:
  std::string_view text_;
  const std::string& where_;
  bool strict_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  check(text.find_first_not_of(" \t\r\n") != std::string_view::npos, "{}: empty, expected JSON", where);
  check_depth(text, where);
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) {
    Reading reading(text, where, false);
    Json::sax_parse(text, &reading);
  }
  return value;
}

Json parse_strict_json(std::string_view text, const std::string& where) {
  Json value = parse_json(text, where);
  Reading reading(text, where, true);
  Json::sax_parse(text, &reading);
  return value;
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

template <AnyJson J>
std::string json_text(const J& json, int indent) {
  return json.dump(indent, ' ', false, J::error_handler_t::replace);
}

std::string shown(const Json& value) { return shortened(json_text(value)); }

template <AnyJson J>
const J* find_field(const J& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}
template <AnyJson J>
const J* find_field(const J& object, const char* key, const std::string& where) {
  if (!object.is_object()) fail("{}: found {}, expected an object with the field \"{}\"", where, shown(object), key);
  return find_field(object, key);
}

template <AnyJson J>
const J& json_field(const J& object, const char* key, const std::string& where) {
  const J* value = find_field(object, key, where);
  check(value != nullptr, "{}: the field \"{}\" is missing", where, key);
  return *value;
}
template <AnyJson J>
const J& json_object(const J& object, const char* key, const std::string& where) {
  const J& value = json_field(object, key, where);
  if (!value.is_object()) wrong(value, key, "an object", where);
  return value;
}
template <AnyJson J>
std::string json_string(const J& object, const char* key, const std::string& where) {
  return to_string(json_field(object, key, where), key, where);
}
template <AnyJson J>
int64_t json_int(const J& object, const char* key, const std::string& where) {
  return to_int(json_field(object, key, where), key, where);
}
template <AnyJson J>
double json_number(const J& object, const char* key, const std::string& where) {
  return to_number(json_field(object, key, where), key, where);
}
template <AnyJson J>
bool json_bool(const J& object, const char* key, const std::string& where) {
  return to_bool(json_field(object, key, where), key, where);
}

template <AnyJson J>
std::string json_string(const J& object, const char* key, const std::string& where, const std::string& otherwise) {
  const J* value = find_field(object, key, where);
  return value ? to_string(*value, key, where) : otherwise;
}
template <AnyJson J>
int64_t json_int(const J& object, const char* key, const std::string& where, int64_t otherwise) {
  const J* value = find_field(object, key, where);
  return value ? to_int(*value, key, where) : otherwise;
}
template <AnyJson J>
double json_number(const J& object, const char* key, const std::string& where, double otherwise) {
  const J* value = find_field(object, key, where);
  return value ? to_number(*value, key, where) : otherwise;
}
template <AnyJson J>
bool json_bool(const J& object, const char* key, const std::string& where, bool otherwise) {
  const J* value = find_field(object, key, where);
  return value ? to_bool(*value, key, where) : otherwise;
}

#define LETHE_FIELDS_OF(J)                                                                         \
  template std::string json_text(const J&, int);                                                   \
  template const J* find_field(const J&, const char*);                                             \
  template const J* find_field(const J&, const char*, const std::string&);                         \
  template const J& json_field(const J&, const char*, const std::string&);                         \
  template const J& json_object(const J&, const char*, const std::string&);                        \
  template std::string json_string(const J&, const char*, const std::string&);                     \
  template int64_t json_int(const J&, const char*, const std::string&);                            \
  template double json_number(const J&, const char*, const std::string&);                          \
  template bool json_bool(const J&, const char*, const std::string&);                              \
  template std::string json_string(const J&, const char*, const std::string&, const std::string&); \
  template int64_t json_int(const J&, const char*, const std::string&, int64_t);                   \
  template double json_number(const J&, const char*, const std::string&, double);                  \
  template bool json_bool(const J&, const char*, const std::string&, bool)
LETHE_FIELDS_OF(Json);
LETHE_FIELDS_OF(OrderedJson);
#undef LETHE_FIELDS_OF

}  // namespace lethe
