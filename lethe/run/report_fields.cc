#include <cmath>

#include "lethe/run/page.h"
#include "lethe/run/report_parts.h"

namespace lethe::run {

const OrderedJson& field_at(const OrderedJson& json, std::initializer_list<std::string_view> path) {
  static const OrderedJson null;
  const OrderedJson* here = &json;
  for (const std::string_view key : path) {
    if (!here->is_object()) return null;
    const auto it = here->find(std::string(key));
    if (it == here->end()) return null;
    here = &*it;
  }
  return *here;
}

double number_at(const OrderedJson& json, std::initializer_list<std::string_view> path) {
  const OrderedJson& value = field_at(json, path);
  return value.is_number() ? value.get<double>() : NAN;
}

std::string text_of(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  return value.is_null() ? "" : json_text(value);
}

std::string text_at(const OrderedJson& json, std::string_view key) { return text_of(field_at(json, {key})); }

}  // namespace lethe::run
