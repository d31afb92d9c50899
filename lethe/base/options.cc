#include "lethe/base/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace lethe {
namespace {

template <typename T>
Json parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return Json();
  return value;
}

std::optional<bool> parse_switch(std::string_view text) {
  if (text == "on" || text == "true" || text == "True") return true;
  if (text == "off" || text == "false" || text == "False") return false;
  return std::nullopt;
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

}  // namespace

Option& Option::at_least(double value) {
  low_ = value;
  return *this;
}
Option& Option::at_most(double value) {
  high_ = value;
  return *this;
}
Option& Option::above(double value) {
  low_open_ = true;
  return at_least(value);
}
Option& Option::below(double value) {
  high_open_ = true;
  return at_most(value);
}
Option& Option::one_of(std::vector<std::string> choices) {
  choices_ = std::move(choices);
  return *this;
}
Option& Option::placeholder(std::string word) {
  placeholder_ = std::move(word);
  return *this;
}
Option& Option::positional() {
  positional_ = true;
  return *this;
}
Option& Option::several() {
  several_ = true;
  return positional();
}
Option& Option::required() {
  required_ = true;
  return *this;
}
Option& Option::flag() {
  flag_ = true;
  return *this;
}
Option& Option::not_resolved() {
  resolved_ = false;
  return *this;
}
Option& Option::only_typed() {
  only_typed_ = true;
  return not_resolved();
}

Json Option::from_text(std::string_view text) const {
  switch (kind_) {
    case Kind::kSwitch: {
      const std::optional<bool> on = parse_switch(text);
      return on ? Json(*on) : Json();
    }
    case Kind::kInteger:
      return parse_number<int64_t>(text);
    case Kind::kNumber:
      return parse_number<double>(text);
    case Kind::kIntegers: {
      Json numbers = Json::array();
      for (const std::string& part : split_commas(text)) {
        numbers.push_back(parse_number<int64_t>(part));
        if (numbers.back().is_null()) return Json();
      }
      return numbers;
    }
    case Kind::kTexts:
      return split_commas(text);
    case Kind::kText:
    case Kind::kPath:
      break;
  }
  return text;
}

void Option::set(const Json& value, const std::string& text, const std::string& where) {
  const auto in_range = [&](const Json& number) {
    const double x = number.get<double>();
    return std::isfinite(x) && (low_open_ ? x > low_ : x >= low_) && (high_open_ ? x < high_ : x <= high_);
  };
  if (required_ && value.is_array() && value.empty()) fail_usage("{} is empty, expected {}", where, expectation());
  bool right = !value.is_null();
  if (right && kind_ != Kind::kSwitch && value.is_number()) right = in_range(value);
  if (right && kind_ == Kind::kIntegers) right = std::all_of(value.begin(), value.end(), in_range);
  if (right && !choices_.empty()) {
    const auto known = [&](const Json& word) {
      return std::find(choices_.begin(), choices_.end(), word.get<std::string>()) != choices_.end();
    };
    right = value.is_array() ? std::all_of(value.begin(), value.end(), known) : known(value);
  }
  if (!right) fail_usage("{}: '{}' is not {}", where, text, expectation());
  assign_(value);
  given_ = set_ = true;
}

Options::Options(std::string command, std::string summary)
    : command_(std::move(command)), summary_(std::move(summary)) {
  group("Everywhere");
  add("config", config_, "a TOML file that gives any of these options; arguments win over it")
      .placeholder("FILE.toml")
      .only_typed();
  add("help", help_, "this text; also -h").flag().only_typed();
  add("version", version_, "the version of lethe").flag().only_typed();
  group("Options");
}

Option& Options::add_option(std::string name, std::string help, Option option) {
  if (find(name)) throw std::logic_error("option listed twice: " + name);
  option.name_ = std::move(name);
  option.help_ = std::move(help);
  option.group_ = group_;
  option.default_ = option.value_();
  return options_.emplace_back(std::move(option));
}

void Options::example(std::string command_line, std::string what) {
  examples_.emplace_back(std::move(command_line), std::move(what));
}

const Option* Options::find(std::string_view name) const {
  const std::string dashed = with_dashes(name);
  for (const Option& option : options_) {
    if (option.name_ == dashed) return &option;
  }
  return nullptr;
}

const Option* Options::named_by(std::string_view argument) const {
  return argument.starts_with("--") ? find(argument.substr(2, argument.find('=') - 2)) : nullptr;
}

const Option& Options::at(std::string_view name) const {
  const Option* option = find(name);
  if (!option) throw std::logic_error("no option is called " + std::string(name));
  return *option;
}

bool Options::was_set(std::string_view name) const { return at(name).set_; }

bool Options::was_given(std::string_view name) const { return at(name).given_; }

bool Options::was_typed(std::string_view name) const { return was_set(name) && !at(name).from_file_; }

bool Options::was_overruled(std::string_view name) const { return at(name).overruled_; }

void Options::drop_from_file(std::string_view name) {
  Option& option = const_cast<Option&>(at(name));
  if (!option.from_file_) return;
  option.reset_();
  option.given_ = option.set_ = false;
}

void Options::no_effect(std::string_view name, std::string_view reason, std::string_view because) {
  Option& option = const_cast<Option&>(at(name));
  if (!because.empty() && was_typed(because)) drop_from_file(name);
  if (option.set_) fail_usage("{} has no effect: {}", option.as_typed(), reason);
  option.effective_ = false;
}

void Options::overrides(std::string_view winner, std::string_view other, std::string_view reason) {
  if (!was_set(winner)) return;
  if (was_typed(other) && !was_typed(winner)) std::swap(winner, other);
  no_effect(other, reason, winner);
}

void Options::explain(std::string_view name, std::string help) {
  const_cast<Option&>(at(name)).help_ = std::move(help);
}

// Reads arguments[i], "--name", "--name=value" or "--name value"; returns the index of the next argument.
size_t Options::read_named(std::span<const std::string> arguments, size_t i) {
  const std::string_view argument = std::string_view(arguments[i]).substr(2);
  const size_t equals = argument.find('=');
  const std::string_view name = argument.substr(0, equals);
  Option* const known = find(name);
  if (!known) {
    fail_usage("unknown option --{}{}; `lethe {} --help` lists them all", name, suggestion(name, "--"), command_);
  }
  Option& option = *known;
  const std::string where = "--" + option.name_;
  if (option.set_) fail_usage("{} is given twice", where);

  std::optional<std::string> value;
  if (equals != std::string_view::npos) value = std::string(argument.substr(equals + 1));
  const bool has_next = i + 1 < arguments.size();
  if (!value && option.kind_ == Option::Kind::kSwitch) {
    value = !option.flag_ && has_next && parse_switch(arguments[i + 1]) ? arguments[++i] : "on";
  }
  if (!value) {
    if (!has_next || named_by(arguments[i + 1])) fail_usage("{} needs a value: {}", where, option.expectation());
    value = arguments[++i];
  }
  option.set(option.from_text(*value), *value, where);
  return i + 1;
}

bool Options::parse(std::span<const std::string> arguments) {
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& argument = arguments[i];
    help_ = argument == "--help" || argument == "-h";
    version_ = argument == "--version";
    if (help_ || version_) return false;
    const Option* option = argument.find('=') == std::string::npos ? named_by(argument) : nullptr;
    const bool value_follows = option && option->kind_ != Option::Kind::kSwitch && i + 1 < arguments.size();
    if (value_follows && !named_by(arguments[i + 1])) ++i;
  }

  auto next = options_.begin();  // the positional that the next plain argument is for
  bool only_plain = false;
  for (size_t i = 0; i < arguments.size();) {
    const std::string& argument = arguments[i];
    if (!only_plain && argument == "--") {
      only_plain = true;
      ++i;
    } else if (!only_plain && argument.starts_with("--")) {
      i = read_named(arguments, i);
    } else {
      next =
          std::find_if(next, options_.end(), [](const Option& o) { return o.positional_ && (!o.set_ || o.several_); });
      if (next == options_.end()) fail_usage("unexpected argument '{}'; usage: {}", argument, usage());
      Json value = next->from_text(argument);
      if (next->several_) {  // as they stand: a path may hold a comma
        value = next->set_ ? next->value_() : Json::array();
        value.push_back(argument);
      }
      next->set(value, argument, next->as_typed());
      ++i;
    }
  }
  if (!config_.empty()) read_config(config_);
  for (const Option& option : options_) {
    if (option.required_ && !option.set_) fail_usage("{} is missing; usage: {}", option.as_typed(), usage());
  }
  return true;
}

}  // namespace lethe
