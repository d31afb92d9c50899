// --config FILE.toml: the keys are the options' names, the values as TOML writes them.
#include "lethe/base/options.h"
#include "lethe/base/toml_table.h"

namespace lethe {
namespace {

// The value as an option of this kind keeps it; null where it is of another kind.
Json to_json(const toml::node& node, Option::Kind kind) {
  using Kind = Option::Kind;
  if (const auto* array = node.as_array(); array && (kind == Kind::kIntegers || kind == Kind::kTexts)) {
    Json values = Json::array();
    for (const toml::node& element : *array) {
      values.push_back(to_json(element, kind == Kind::kIntegers ? Kind::kInteger : Kind::kText));
      if (values.back().is_null()) return Json();
    }
    return values;
  }
  switch (kind) {
    case Kind::kSwitch:
      return node.is_boolean() ? Json(node.as_boolean()->get()) : Json();
    case Kind::kNumber:
      return node.is_number() ? Json(*node.value<double>()) : Json();
    case Kind::kInteger:
      return node.is_integer() ? Json(node.as_integer()->get()) : Json();
    case Kind::kText:
    case Kind::kPath:
      return node.is_string() ? Json(node.as_string()->get()) : Json();
    default:
      return Json();
  }
}

// As an argument would say it: a text without its quotes.
std::string as_argument(const toml::node& node) {
  return node.is_string() ? node.as_string()->get() : as_written(node);
}

}  // namespace

void Options::read_config(const fs::path& path) {
  const toml::table parsed = parse_toml(read_file(path), path.string());
  const TomlTable table(parsed, path.string(), "");
  for (const auto& [key, node] : parsed) {
    const std::string name(key.str()), where = table.where(name);
    if (name == "command") {
      if (node.value<std::string>() != command_) {
        fail_usage("{} is '{}', this is `lethe {}`", where, as_argument(node), command_);
      }
      continue;
    }
    Option* const known = find(name);
    if (!known || known->only_typed_) {
      fail_usage("{}: no such option{}; `lethe {} --help` lists them all", where, suggestion(name, ""), command_);
    }
    Option& option = *known;
    Json value = to_json(node, option.kind_);
    if (value.is_null() && node.is_string()) {
      value = option.from_text(node.as_string()->get());  // "on" for a switch, "2" for a number, "q_proj,v_proj"
    }
    if (option.set_) {  // an argument wins
      option.overruled_ = value != option.value_();
      continue;
    }
    option.set(value, as_argument(node), where);
    option.from_file_ = true;
    if (option.value_() == option.default_) option.set_ = false;  // as if it were not there: it robs nothing of effect
  }
}

}  // namespace lethe
