// Options: each one is listed once, beside the struct that holds its value, and everything else derives from that list:
// the command line, --config FILE.toml, the resolved TOML of a run, the settings in JSON, and --help.
//
//   struct ForgetConfig {
//     double rate = 0.3;
//     std::string method = "f-ft";
//     std::optional<int64_t> epochs;                                    // unset: trains until it is learned
//     fs::path facts;
//     void add_to(Options& options) {
//       options.group("Forgetting");
//       options.add("rate", rate, "share of the old facts' movement that is subtracted").at_least(0);
//       options.add("method", method, "how to update").one_of({"f-ft", "ft"});
//       options.add("forget-epochs", epochs, "passes over the old facts").at_least(1);
//       options.add("facts", facts, "the file of facts").positional().required();
//     }
//   };
//
//   ForgetConfig config;
//   Options options("update", "forget the old facts, learn the new ones");
//   config.add_to(options);
//   options.parse(arguments);                                           // UsageError names option, value, expectation
//   if (config.method == "ft") options.no_effect("rate", "ft forgets nothing");    // UsageError if it was set
//
// The struct must outlive the Options. Names are written with '-'; '_' is the same everywhere. Types: bool, int64_t,
// double, std::string, fs::path, vectors of int64_t and std::string (in one argument, by comma), and std::optional of
// these (unset without a value; a path is unset when it is empty). A bool is a switch: --shuffle, --shuffle on,
// --shuffle=off. A default that depends on other options is assigned to the field after parse() where was_given() says
// no: what is resolved reads the fields anew.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/base/json.h"

namespace lethe {

class Option {
 public:
  enum class Kind { kSwitch, kInteger, kNumber, kText, kPath, kIntegers, kTexts };

  // Bounds of numbers (of each of several).
  Option& at_least(double value);
  Option& at_most(double value);
  Option& above(double value);
  Option& below(double value);
  Option& one_of(std::vector<std::string> choices);  // of texts
  Option& placeholder(std::string word);             // in help: --out DIR
  Option& positional();                              // also given without its name, in the order of the list
  Option& several();  // a positional of texts that takes all plain arguments that are left: RUN RUN
  Option& required();
  Option& flag();          // a switch that takes no "on" or "off" from the next argument
  Option& not_resolved();  // has no place in a resolved configuration: --json, --resume
  Option& only_typed();    // not in a configuration file either: --config, --help

 private:
  friend class Options;
  std::string as_typed() const;    // "--rate", "MODEL"
  std::string value_word() const;  // "X", "on|off", "DIR"
  std::string expectation() const;
  Json from_text(std::string_view text) const;                                     // null: no such value
  void set(const Json& value, const std::string& text, const std::string& where);  // checked; errors show `text`

  std::string name_, group_, help_, placeholder_;
  Kind kind_ = Kind::kText;
  double low_ = -std::numeric_limits<double>::infinity(), high_ = std::numeric_limits<double>::infinity();
  bool low_open_ = false, high_open_ = false;
  std::vector<std::string> choices_;
  bool positional_ = false, several_ = false, required_ = false, flag_ = false, resolved_ = true, only_typed_ = false;
  bool given_ = false, set_ = false, from_file_ = false, overruled_ = false, effective_ = true;
  std::function<void(const Json&)> assign_;
  std::function<void()> reset_;  // to the default
  std::function<Json()> value_;  // null: unset
  Json default_;
};

class Options {
 public:
  Options(std::string command, std::string summary);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // The heading of the options that follow. "Everywhere" stands last in help, whenever it is added.
  void group(std::string title) { group_ = std::move(title); }
  template <typename T>
  Option& add(std::string name, T& field, std::string help);
  // A line of --help that teaches: what is typed after "lethe ", and what it does.
  void example(std::string command_line, std::string what);

  // Reads the arguments after the command and the TOML file that --config among them names (arguments win). False at
  // --help, -h or --version where an option may stand: nothing was checked, print help() or the version and be done.
  bool parse(std::span<const std::string> arguments);
  bool asks_version() const { return version_; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  bool was_set(std::string_view name) const;        // by an argument, or by --config to another value than its default
  bool was_given(std::string_view name) const;      // by an argument or --config, whatever the value
  bool was_typed(std::string_view name) const;      // by an argument
  bool was_overruled(std::string_view name) const;  // by an argument that differs from what --config gives
  // The option does nothing in this run: an error if it was set, else it is left out of what is resolved. What the file
  // set is no error where the option `because`, the cause, was typed: it has its default again. So another run's file
  // may be given with another method.
  void no_effect(std::string_view name, std::string_view reason, std::string_view because = "");
  // Where `winner` is set, `other` has no effect because of it; but one that was typed wins over one from the file.
  void overrides(std::string_view winner, std::string_view other, std::string_view reason);
  // What the file set, if it did, has its default again.
  void drop_from_file(std::string_view name);
  // What --help says of an option that does something else in this command than in others.
  void explain(std::string_view name, std::string help);

  std::string help() const;
  std::string toml() const;   // the resolved configuration: `lethe COMMAND --config` of it repeats the run
  OrderedJson json() const;   // the same as one object
  std::string usage() const;  // "lethe update MODEL FACTS --out DIR [OPTIONS]"

 private:
  Option& add_option(std::string name, std::string help, Option option);
  const Option* find(std::string_view name) const;  // null: no such option
  Option* find(std::string_view name) { return const_cast<Option*>(std::as_const(*this).find(name)); }
  const Option& at(std::string_view name) const;
  const Option* named_by(std::string_view argument) const;  // of "--rate" and "--rate=1"; null: it names none
  size_t read_named(std::span<const std::string> arguments, size_t i);
  void read_config(const fs::path& path);
  std::string suggestion(std::string_view name, std::string_view before) const;

  std::string command_, summary_, group_ = "Options";
  fs::path config_;
  bool help_ = false, version_ = false;
  std::list<Option> options_;  // a list: the addresses stay
  std::vector<std::pair<std::string, std::string>> examples_;
};

namespace options_detail {

template <typename T>
struct Held {  // what a field holds: T, or the T of an optional
  using Type = T;
};
template <typename T>
struct Held<std::optional<T>> {
  using Type = T;
};

template <typename T>
constexpr Option::Kind kind_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return Option::Kind::kSwitch;
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return Option::Kind::kInteger;
  } else if constexpr (std::is_same_v<T, double>) {
    return Option::Kind::kNumber;
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    return Option::Kind::kIntegers;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return Option::Kind::kTexts;
  } else {
    static_assert(std::is_same_v<T, std::string> || std::is_same_v<T, fs::path>, "no option holds this type");
    return std::is_same_v<T, fs::path> ? Option::Kind::kPath : Option::Kind::kText;
  }
}

template <typename T>
Json to_json(const T& value) {
  if constexpr (std::is_same_v<T, fs::path>) {
    return value.empty() ? Json() : Json(value.string());
  } else {
    return value;
  }
}

}  // namespace options_detail

template <typename T>
Option& Options::add(std::string name, T& field, std::string help) {
  using Held = typename options_detail::Held<T>::Type;
  Option option;
  option.kind_ = options_detail::kind_of<Held>();
  option.assign_ = [&field](const Json& value) {
    if constexpr (std::is_same_v<Held, fs::path>) {
      field = fs::path(value.get<std::string>());
    } else {
      field = value.get<Held>();
    }
  };
  option.reset_ = [&field, initial = field] { field = initial; };
  option.value_ = [&field]() -> Json {
    if constexpr (std::is_same_v<T, Held>) {
      return options_detail::to_json(field);
    } else {
      return field ? options_detail::to_json(*field) : Json();
    }
  };
  return add_option(std::move(name), std::move(help), std::move(option));
}

// "data --name 'my facts.json'": what a shell reads as these words.
std::string shell_text(std::span<const std::string> words);

// "base_model" as an option is called: "base-model".
std::string with_dashes(std::string_view name);

}  // namespace lethe
