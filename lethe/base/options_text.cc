// What is printed from the list of options: help, usage, expectations, the resolved configuration, and suggestions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "lethe/base/nearest_word.h"
#include "lethe/base/options.h"

namespace lethe {
namespace {

constexpr size_t kHelpColumn = 40, kHelpWidth = 120;
constexpr const char* kLastGroup = "Everywhere";

std::string upper_case(std::string text) {
  for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// "  --rate X      what it is", the text wrapped into its column.
std::string help_entry(const std::string& left, const std::string& text) {
  std::string result = "  " + left;
  size_t column = result.size();
  if (column + 2 > kHelpColumn) column = kHelpWidth;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (column + 1 + (end - begin) > kHelpWidth) {
      result += '\n';
      column = 0;
    }
    const size_t gap = column < kHelpColumn ? kHelpColumn - column : 1;
    result += std::string(gap, ' ') + text.substr(begin, end - begin);
    column += gap + end - begin;
    begin = end + 1;
  }
  return result + '\n';
}

// A value as a person types it: 0.3, on, q_proj,v_proj.
std::string typed(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.is_number_float() ? fmt::format("{}", value.get<double>()) : value.dump();
  std::vector<std::string> parts;
  for (const Json& element : value) parts.push_back(typed(element));
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

std::string Option::as_typed() const { return positional_ ? upper_case(name_) : "--" + name_; }

std::string Option::expectation() const {
  const char* const many = kind_ == Kind::kTexts ? "some of " : "one of ";
  if (!choices_.empty()) return many + fmt::format("{}", fmt::join(choices_, ", "));
  std::string text;
  switch (kind_) {
    case Kind::kSwitch:
      return "on or off";
    case Kind::kInteger:
      text = "a whole number";
      break;
    case Kind::kNumber:
      text = "a number";
      break;
    case Kind::kIntegers:
      text = "whole numbers with commas between";
      break;
    case Kind::kTexts:
      return "words with commas between";
    case Kind::kText:
      return "a text";
    case Kind::kPath:
      return "a path";
  }
  std::vector<std::string> bounds;
  if (std::isfinite(low_)) bounds.push_back(fmt::format("{} {}", low_open_ ? "above" : "of at least", low_));
  if (std::isfinite(high_)) bounds.push_back(fmt::format("{} {}", high_open_ ? "below" : "at most", high_));
  return bounds.empty() ? text : fmt::format("{} {}", text, fmt::join(bounds, " and "));
}

std::string Option::value_word() const {
  if (!placeholder_.empty()) return placeholder_;
  if (!choices_.empty()) return fmt::format("{}", fmt::join(choices_, kind_ == Kind::kTexts ? "," : "|"));
  switch (kind_) {
    case Kind::kSwitch:
      return flag_ ? "" : "on|off";
    case Kind::kInteger:
      return "N";
    case Kind::kNumber:
      return "X";
    case Kind::kIntegers:
      return "N,N";
    case Kind::kTexts:
      return "A,B";
    case Kind::kText:
      return "TEXT";
    case Kind::kPath:
      return "PATH";
  }
  return "";
}

std::string Options::usage() const {
  std::string line = "lethe " + command_;
  for (const Option& option : options_) {
    if (!option.positional_) continue;
    line += option.required_ ? " " + option.as_typed() : " [" + option.as_typed() + "]";
    if (option.several_) line += " [" + option.as_typed() + " ...]";
  }
  for (const Option& option : options_) {
    if (option.required_ && !option.positional_) line += " " + option.as_typed() + " " + option.value_word();
  }
  return line + " [OPTIONS]";
}

std::string Options::help() const {
  std::string text = fmt::format("{}\n\n{}\n", usage(), summary_);
  if (!examples_.empty()) text += "\nExamples:\n";
  for (const auto& [line, what] : examples_) text += fmt::format("  lethe {}\n      {}\n", line, what);

  std::vector<std::string> groups;
  for (const Option& option : options_) {
    const std::string& group = option.positional_ ? std::string("Arguments") : option.group_;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& g) { return g == "Arguments"; });
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& g) { return g != kLastGroup; });
  for (const std::string& group : groups) {
    text += fmt::format("\n{}:\n", group);
    for (const Option& option : options_) {
      if ((option.positional_ ? "Arguments" : option.group_) != group) continue;
      std::string left = option.as_typed();
      if (const std::string word = option.value_word(); !option.positional_ && !word.empty()) left += " " + word;
      const std::string value = option.default_.is_null() ? "" : typed(option.default_);
      const bool tell = !value.empty() && !(option.kind_ == Option::Kind::kSwitch && value == "off");
      text += help_entry(left, option.help_ + (tell ? fmt::format(" (default {})", value) : ""));
    }
  }
  return text;
}

OrderedJson Options::json() const {
  OrderedJson settings = OrderedJson::object();
  for (const Option& option : options_) {
    if (!option.resolved_ || !option.effective_) continue;
    if (const Json value = option.value_(); !value.is_null()) settings[option.name_] = value;
  }
  return settings;
}

std::string Options::toml() const {
  std::string text = fmt::format("# lethe {0} --config THIS_FILE repeats the run.\ncommand = \"{0}\"\n", command_);
  // JSON's texts, numbers and arrays are TOML as they stand.
  const OrderedJson settings = json();
  for (const auto& [name, value] : settings.items()) {
    text += fmt::format("{} = {}\n", name, json_text(value));
  }
  return text;
}

std::string Options::suggestion(std::string_view name, std::string_view before) const {
  std::vector<std::string> names;
  for (const Option& option : options_) names.push_back(option.name_);
  const std::string dashed = with_dashes(name);
  // What others call it: transformers, PEFT, LLaMA-Factory, habit.
  static const std::pair<const char*, const char*> kElsewhere[] = {{"lr", "learning-rate"},
                                                                   {"epochs", "num-train-epochs"},
                                                                   {"batch-size", "per-device-train-batch-size"},
                                                                   {"output-dir", "out"},
                                                                   {"r", "lora-rank"},
                                                                   {"lora-r", "lora-rank"},
                                                                   {"target-modules", "lora-target"},
                                                                   {"lora-target-modules", "lora-target"},
                                                                   {"bf16", "precision"},
                                                                   {"fp16", "precision"},
                                                                   {"dtype", "precision"},
                                                                   {"max-length", "max-seq-length"},
                                                                   {"cutoff-len", "max-seq-length"},
                                                                   {"max-tokens", "max-new-tokens"}};
  for (const auto& [elsewhere, here] : kElsewhere)
    if (dashed == elsewhere && find(here)) return fmt::format(" (here it is {}{})", before, here);
  return did_you_mean(dashed, names, before);
}

std::string shell_text(std::span<const std::string> words) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+%@";
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

std::string with_dashes(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '_', '-');
  return result;
}

}  // namespace lethe
