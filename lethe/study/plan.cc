#include "lethe/study/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <algorithm>
#include <map>
#include <set>

#include "lethe/base/error.h"
#include "lethe/base/hash.h"
#include "lethe/base/nearest_word.h"
#include "lethe/model/adapter.h"
#include "lethe/study/any_model.h"

namespace lethe::study {
namespace {

constexpr const char* kStages = "{stages}";  // no name of a recipe: nothing else is left in braces
constexpr const char* kReserved[] = {"out", "run-dir", "rows", "resume", "overwrite", "config", "help", "version"};
// Options that say what a command reads: what another stage wrote, or a file or a directory outside.
constexpr const char* kInputs[] = {"model", "base-model", "data",     "world",     "old-world",
                                   "facts", "old-file",   "new-file", "tokenizer", "answers"};

struct Bound {  // what a name in braces stands for
  Json value;
  std::set<std::string> axes;       // on which it depends
  std::optional<size_t> work = {};  // where it is what a stage writes
};

using Names = std::map<std::string, Bound>;

std::string typed(const Json& value, const std::string& where) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const Json& element : value) {
    parts.push_back(typed(element, where));
    if (parts.back().find(',') != std::string::npos) fail_usage("{}: a comma in '{}'", where, parts.back());
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

// The value with what is in braces filled in; `use` is told each name.
template <typename Use>
Json bound(const Json& value, const Names& names, const std::string& where, const Use& use) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& element : value) list.push_back(bound(element, names, where, use));
    return list;
  }
  if (!value.is_string()) return value;
  std::string text = value.get<std::string>();
  for (const std::string& name : references(value)) {
    const auto it = names.find(name);
    if (it == names.end()) fail_usage("{}: '{}' does not run for this variant of the grid", where, name);
    use(it->second);
    const std::string braces = "{" + name + "}";
    if (text == braces) return it->second.value;
    text.replace(text.find(braces), braces.size(), typed(it->second.value, where));
  }
  return text;
}

bool holds(const Condition& condition, const Names& names) {
  const std::string name = run::name_of_value(names.at(condition.axis).value);
  return std::ranges::find(condition.values, name) != condition.values.end();
}

// A file, or the files of a directory: what changes with their content, [path, bytes, time of the last change] each.
OrderedJson state_of(const fs::path& path) {
  std::error_code error;  // what cannot be looked at cannot be read, either: the stage will say so
  std::vector<fs::path> files;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::directory_iterator(path, error))
      if (entry.is_regular_file(error)) files.push_back(entry.path());
    std::ranges::sort(files);
  } else {
    files.push_back(path);
  }
  OrderedJson state = OrderedJson::array();
  for (const fs::path& file : files)
    state.push_back(
        {file.string(), fs::file_size(file, error), fs::last_write_time(file, error).time_since_epoch().count()});
  return state;
}

// Empty where there is none: the stage will say so.
fs::path base_of(const fs::path& adapter) {
  try {
    return find_base(adapter);
  } catch (const Error&) {
    return {};
  }
}

// Stands for the study's folder while options are checked: it holds the marks of what stages will write.
class MarkFolder {
 public:
  MarkFolder() {
    std::string name = (fs::temp_directory_path() / "lethe-plan-XXXXXX").string();
    check(::mkdtemp(name.data()) != nullptr, "cannot make a folder in {}", fs::temp_directory_path().string());
    path_ = name;
  }
  ~MarkFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  MarkFolder(const MarkFolder&) = delete;
  MarkFolder& operator=(const MarkFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

class Planner {
 public:
  Planner(const Recipe& recipe, const std::vector<Command>& commands, const PlanOptions& options)
      : recipe_(recipe), commands_(commands), options_(options), scale_(recipe.scale(options.scale)) {}

  Plan make() {
    for (const Stage& stage : recipe_.stages) command_named(commands_, stage.command, stage.command_where);
    Names names;
    for (const Setting& variable : scale_.variables) names[variable.name] = {variable.value, {}};
    for (const auto& [name, text] : options_.set) set_variable(names, name, text);
    choose_values();
    add_variants(names, OrderedJson::object(), 0);
    return std::move(plan_);
  }

 private:
  // --set: of the type that the recipe's value has.
  static void set_variable(Names& names, const std::string& name, const std::string& text) {
    const auto it = names.find(name);
    if (it == names.end()) {
      std::vector<std::string> known;
      for (const auto& [variable, value] : names) known.push_back(variable);
      fail_usage("--set {}: the recipe has no such variable; {}", name, known_words(name, known));
    }
    Json& value = it->second.value;
    const Json parsed = Json::parse(text, nullptr, false);
    if (value == Json::array()) {  // not given, so of any type
      value = parsed.is_number() || parsed.is_boolean() ? parsed : Json(text);
    } else if (value.is_string()) {
      value = text;
    } else if (value.is_number() == parsed.is_number() && value.is_boolean() == parsed.is_boolean() &&
               (parsed.is_number_integer() || !value.is_number_integer()) && !value.is_array()) {
      value = parsed;
    } else {
      fail_usage("--set {}: '{}' is of another type than the recipe's {}", name, text, shown(value));
    }
  }

  // Of each axis the values that the scale and --only leave.
  void choose_values() {
    for (const Axis& axis : recipe_.grid) {
      std::vector<const AxisValue*>& chosen = chosen_.emplace_back();
      for (const AxisValue& value : axis.values) {
        const auto leaves = [&](const Condition& condition) {
          return condition.axis != axis.name ||
                 std::ranges::find(condition.values, value.name) != condition.values.end();
        };
        if (std::ranges::all_of(scale_.grid, leaves)) chosen.push_back(&value);
      }
      std::vector<std::string> known, wanted;
      for (const AxisValue* value : chosen) known.push_back(value->name);
      for (const auto& [name, value] : options_.only) {
        if (name != axis.name) continue;
        if (std::ranges::find(known, value) == known.end())
          fail_usage("--only {}={}: no value at this scale; {}", name, value, known_words(value, known));
        wanted.push_back(value);
      }
      if (!wanted.empty())
        std::erase_if(chosen, [&](const AxisValue* v) { return std::ranges::find(wanted, v->name) == wanted.end(); });
    }
    for (const auto& only : options_.only) {  // no structured binding: clang 14 captures none
      const auto is_axis = [&](const Axis& axis) { return axis.name == only.first; };
      if (std::ranges::any_of(recipe_.grid, is_axis)) continue;
      std::vector<std::string> known;
      for (const Axis& axis : recipe_.grid) known.push_back(axis.name);
      fail_usage("--only {}={}: no axis of the grid; {}", only.first, only.second, known_words(only.first, known));
    }
  }

  void add_variants(const Names& names, const OrderedJson& grid, size_t axis) {
    if (axis == recipe_.grid.size()) return add_variant(names, grid);
    const std::string& name = recipe_.grid[axis].name;
    for (const AxisValue* value : chosen_[axis]) {
      Names more = names;
      for (const Setting& variable : value->variables)
        more[variable.name] = {bound(variable.value, names, variable.where, [](const Bound&) {}), {name}};
      OrderedJson point = grid;
      point[name] = value->variables[0].value;
      add_variants(more, point, axis + 1);
    }
  }

  void add_variant(Names names, const OrderedJson& grid) {
    Variant variant{grid, {}};
    for (const Stage& stage : recipe_.stages) {
      const auto held = [&](const Condition& condition) { return holds(condition, names); };
      if (!std::ranges::all_of(stage.when, held)) continue;
      if (!stage.unless.empty() && std::ranges::all_of(stage.unless, held)) continue;
      Bound written;
      const size_t place = add_work(stage, names, grid, written.axes);
      variant.stages.emplace_back(stage.name, place);
      written.work = place;
      written.value = fmt::format("{}/{}/out", kStages, plan_.work[place].folder());
      names[stage.name] = std::move(written);
    }
    plan_.variants.push_back(std::move(variant));
  }

  size_t add_work(const Stage& stage, const Names& names, const OrderedJson& grid, std::set<std::string>& axes) {
    Work work;
    work.stage = stage.name, work.command = stage.command, work.where = stage.where;
    work.keep = stage.keep;
    for (const auto* conditions : {&stage.when, &stage.unless})
      for (const Condition& condition : *conditions) axes.insert(condition.axis);
    for (const Setting& setting : stage.settings) {
      const std::string dashed = with_dashes(setting.name);
      if (std::ranges::find(kReserved, dashed) != std::end(kReserved))
        fail_usage("{}: {} is the study's to give", setting.where, dashed);
      const Json value = bound(setting.value, names, setting.where, [&](const Bound& used) {
        axes.insert(used.axes.begin(), used.axes.end());
        if (!used.work) return;
        const Work& read = plan_.work[*used.work];
        if (!read.writes)
          fail_usage("{}: stage '{}' leaves no files: `lethe {}` has no --out", setting.where, read.stage,
                     read.command);
        work.reads.push_back(*used.work);
      });
      if (value != Json::array()) work.options.emplace_back(dashed, typed(value, setting.where));
    }
    std::vector<std::string> label;
    for (const auto& [axis, value] : grid.items())
      if (axes.contains(axis)) label.push_back(fmt::format("{}={}", axis, typed(value, stage.where)));
    work.label = fmt::format("{}", fmt::join(label, " "));
    complete(work, stage);
    const auto same = [&](const Work& other) { return other.folder() == work.folder(); };
    const auto it = std::ranges::find_if(plan_.work, same);
    if (it != plan_.work.end()) return static_cast<size_t>(it - plan_.work.begin());
    plan_.work.push_back(std::move(work));
    return plan_.work.size() - 1;
  }

  // Parses and resolves the options, and gives the work its key.
  void complete(Work& work, const Stage& stage) const {
    const Command& command = command_named(commands_, work.command, work.where);
    const auto new_call = [&] {
      std::unique_ptr<Call> call = command.call();
      call->seed = options_.seed;
      return call;
    };
    const std::unique_ptr<Call> unresolved = new_call(), call = new_call();
    Options& options = unresolved->options();
    work.writes = options.has("out");
    if (work.writes) work.options.emplace_back("out", fmt::format("{}/out", kStages));
    try {
      options.parse(work.arguments(kStages));
      OrderedJson given = options.json();  // before resolve(), which the version of the program may change
      // What is no part of a configuration, as --max-tries, decides what is written, too.
      for (const auto& [name, value] : work.options)
        if (!given.contains(name)) given[name] = value;
      OrderedJson all{
          {"format", kPlanFormat}, {"command", work.command}, {"options", given}, {"precision", options_.precision}};
      if (OrderedJson outside = state_outside(given, stage); !outside.empty()) all["outside"] = std::move(outside);
      work.key = fmt::format("{:016x}", fnv1a(json_text(all)));
      if (work.writes) work.options.back().second = fmt::format("{}/{}/out", kStages, work.folder());
      call->options().parse(work.arguments(marks_.path()));
      call->resolve();
      if (const fs::path out = marks_.path() / work.folder() / "out"; !command.mark.empty() && !fs::exists(out)) {
        fs::create_directories(out);
        write_file(out / command.mark, "");
      }
    } catch (const UsageError& error) {
      std::string message = error.what();
      std::string where = stage.where;  // of the option that the message names, else of the stage
      for (const Setting& setting : stage.settings) {
        const std::string option = "--" + with_dashes(setting.name);
        const bool unknown = message.starts_with("unknown option " + option);
        if (message.starts_with(option) || unknown) where = setting.where;
        if (unknown && message.find("(did you mean") == std::string::npos)
          message += did_you_mean(setting.name, Stage::kOwnKeys);
      }
      throw UsageError(fmt::format("{}: {}: {}", where, work.name(), message));
    }
  }

  // Of what the options read that no stage writes; UsageError where it is not there.
  OrderedJson state_outside(const OrderedJson& given, const Stage& stage) const {
    OrderedJson state = OrderedJson::array();
    for (const char* name : kInputs) {
      if (!given.contains(name)) continue;
      for (const OrderedJson& value : given[name].is_array() ? given[name] : OrderedJson::array({given[name]})) {
        const std::string path = value.get<std::string>();
        if (path.starts_with(kStages) || (name == std::string_view("tokenizer") && path == "word")) continue;
        std::error_code error;
        const fs::path whole = fs::canonical(path, error);
        if (error) fail_usage("--{}: there is no '{}'{}", name, path, hint_of(name, stage));
        state.push_back(state_of(whole));
        if (model::is_adapter(whole) && !given.contains("base-model"))
          state.push_back(state_of(fs::weakly_canonical(base_of(path), error)));
      }
    }
    return state;
  }

  // How an option that is written as "{variable}" is given another value.
  std::string hint_of(std::string_view option, const Stage& stage) const {
    for (const Setting& setting : stage.settings)
      for (const std::string& name : references(setting.value))
        if (with_dashes(setting.name) == option && has_variable(scale_.variables, name))
          return fmt::format("; --set {}=PATH gives another, `lethe study --list` says what a recipe needs", name);
    return "";
  }

  const Recipe& recipe_;
  const std::vector<Command>& commands_;
  const PlanOptions& options_;
  const Scale& scale_;
  std::vector<std::vector<const AxisValue*>> chosen_;
  MarkFolder marks_;
  Plan plan_;
};

}  // namespace

std::string Work::name() const { return fmt::format("stage '{}'{}", stage, label.empty() ? "" : " of " + label); }

std::vector<std::string> Work::arguments(const fs::path& stages) const {
  std::vector<std::string> arguments;
  for (const auto& [name, value] : options) {
    std::string text = value;
    for (size_t at = text.find(kStages); at != std::string::npos; at = text.find(kStages, at))
      text.replace(at, std::string_view(kStages).size(), stages.string()), at += stages.string().size();
    arguments.push_back(fmt::format("--{}={}", name, text));
  }
  return arguments;
}

int64_t Plan::side_by_side(size_t i) const {
  const size_t n = work.size();
  std::vector<bool> before(n), after(n);  // what it reads and what reads it, over any number of stages
  before[i] = after[i] = true;
  for (size_t k = i + 1; k-- > 0;)
    for (const size_t read : work[k].reads) before[read] = before[read] || before[k];
  for (size_t k = i; k < n; ++k)
    for (const size_t read : work[k].reads) after[k] = after[k] || after[read];
  int64_t count = 1;
  for (size_t k = 0; k < n; ++k) count += !before[k] && !after[k];
  return count;
}

const Command& command_named(const std::vector<Command>& commands, const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == name) return command;
    names.push_back(command.name);
  }
  fail_usage("{}: '{}' is no command that a study calls; {}", where, name, known_words(name, names));
}

Plan make_plan(const Recipe& recipe, const std::vector<Command>& commands, const PlanOptions& options) {
  return Planner(recipe, commands, options).make();
}

}  // namespace lethe::study
