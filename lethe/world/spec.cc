#include "lethe/world/spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/base/json.h"

namespace lethe::world {
namespace {

using Named = std::pair<std::string, Augmentation>;

std::vector<Named> all_augmentations() {
  std::vector<Named> all;
  for (const bool full_name : {false, true}) {
    const std::string suffix = full_name ? "+fullname" : "";
    all.emplace_back("single" + suffix, Augmentation{1, false, Augmentation::kFixed, full_name});
    for (const int entries : {1, 2, 5})
      all.emplace_back(fmt::format("single+permute{}{}", entries, suffix),
                       Augmentation{entries, false, Augmentation::kPermuted, full_name});
    for (const int entries : {2, 5}) {
      all.emplace_back(fmt::format("multi{}{}", entries, suffix),
                       Augmentation{entries, true, Augmentation::kFixed, full_name});
      all.emplace_back(fmt::format("multi{}+permute{}", entries, suffix),
                       Augmentation{entries, true, Augmentation::kPermuted, full_name});
    }
  }
  for (const int entries : {1, 2, 5})
    all.emplace_back(fmt::format("couple{}", entries), Augmentation{entries, false, Augmentation::kCoupled, false});
  return all;
}

std::optional<Augmentation> find_augmentation(std::string_view name) {
  for (const auto& [known, augmentation] : all_augmentations())
    if (known == name) return augmentation;
  return std::nullopt;
}

// A table of world.toml whose keys are asked for one by one; finish() finds those that nobody asked for.
class Keys {
 public:
  Keys(const toml::table& table, const std::string& where) : table_(table), where_(where) {}

  int64_t integer(const char* key, int64_t otherwise, int64_t least) {
    const toml::node* node = find(key);
    if (!node) return otherwise;
    const auto value = node->value_exact<int64_t>();
    lethe::check(value && *value >= least, "{}: expected an integer, {} or more", place(key), least);
    return *value;
  }
  double share(const char* key, double otherwise) {
    const toml::node* node = find(key);
    if (!node) return otherwise;
    const auto value = node->value<double>();
    lethe::check(value && *value > 0 && *value <= 1, "{}: expected a number above 0, 1 at most", place(key));
    return *value;
  }
  bool flag(const char* key, bool otherwise) {
    const toml::node* node = find(key);
    if (!node) return otherwise;
    const auto value = node->value_exact<bool>();
    lethe::check(value.has_value(), "{}: expected true or false", place(key));
    return *value;
  }
  std::string text(const char* key, std::string otherwise) {
    const toml::node* node = find(key);
    if (!node) return otherwise;
    const auto value = node->value_exact<std::string>();
    lethe::check(value.has_value(), "{}: expected a text", place(key));
    return *value;
  }
  Augmentation augmentation(const char* key, const Augmentation& otherwise) {
    const std::string name = text(key, augmentation_name(otherwise));
    const auto found = find_augmentation(name);
    lethe::check(found.has_value(), "{}: '{}' is no augmentation, expected one of {}", place(key), name,
                 augmentation_names());
    return *found;
  }
  Attribute attribute(const char* key, Attribute otherwise) {
    const std::string name = text(key, std::string(attribute_name(otherwise)));
    const auto found = find_attribute(name);
    lethe::check(found.has_value(), "{}: '{}' is no attribute, expected one of {}", place(key), name,
                 fmt::join(attribute_names(), ", "));
    return *found;
  }
  const toml::table* table(const char* key) {  // null: there is none
    const toml::node* node = find(key);
    lethe::check(!node || node->as_table(), "{}: expected one table, [{}]", place(key), key);
    return node ? node->as_table() : nullptr;
  }
  // The tables of [[key]], or of [key], which is one.
  std::vector<const toml::table*> tables(const char* key) {
    const toml::node* node = find(key);
    if (!node) return {};
    if (node->as_table()) return {node->as_table()};
    std::vector<const toml::table*> tables;
    if (const toml::array* list = node->as_array())
      for (const toml::node& entry : *list) tables.push_back(entry.as_table());
    lethe::check(!tables.empty() && std::ranges::count(tables, nullptr) == 0, "{}: expected a table", place(key));
    return tables;
  }
  void finish() const {
    for (const auto& [key, node] : table_)
      lethe::check(std::ranges::count(asked_, key.str()) == 1, "{}: no key here; expected {}", place(key.str()),
                   fmt::join(asked_, ", "));
  }

 private:
  const toml::node* find(const char* key) {
    asked_.emplace_back(key);
    return table_.get(key);
  }
  std::string place(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return fmt::format("{}:{}: {}", where_, node ? node->source().begin.line : 0, key);
  }

  const toml::table& table_;
  const std::string& where_;
  std::vector<std::string> asked_;
};

}  // namespace

std::string augmentation_names() {
  std::vector<std::string> names;
  for (const auto& [name, augmentation] : all_augmentations()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Augmentation parse_augmentation(std::string_view name, std::string_view option) {
  const auto found = find_augmentation(name);
  if (!found) fail_usage("{}: '{}' is no augmentation, expected one of {}", option, name, augmentation_names());
  return *found;
}

std::string augmentation_name(const Augmentation& augmentation) {
  for (const auto& [name, known] : all_augmentations())
    if (known == augmentation) return name;
  fail("an augmentation of {} entries without a name", augmentation.entries);
}

void WorldSpec::check() const {
  const auto names = static_cast<int64_t>(first_names().size() * middle_names().size() * last_names().size());
  lethe::check(people > 0 && celebrities >= 0,
               "a world of {} people and {} celebrities, expected 1 or more and 0 or more", people, celebrities);
  lethe::check(people <= names - celebrities, "a world of {} people and {} celebrities: there are {} different names",
               people, celebrities, names);
}

int64_t WorldSpec::entries(bool celebrity) const {
  if (rewrite) return celebrity ? rewrite->celebrity_versions : rewrite->versions;
  return celebrity ? celebrity_augment.entries : augment.entries;
}

std::string WorldSpec::toml() const {
  std::string text =
      fmt::format("people = {}\nseed = {}\naugment = \"{}\"\n", people, seed, augmentation_name(augment));
  if (celebrities > 0)
    text += fmt::format("celebrities = {}\ncelebrity-augment = \"{}\"\n", celebrities,
                        augmentation_name(celebrity_augment));
  if (tokenizer != "word") text += fmt::format("tokenizer = {}\n", Json(tokenizer).dump());
  for (const Change& change : changes)
    text += fmt::format("\n[[change]]\nattribute = \"{}\"\nshare = {}\nseed = {}\n", attribute_name(change.attribute),
                        change.share, change.seed);
  if (rewrite) {
    text += fmt::format("\n[rewrite]\nmodel = {}\nversions = {}\n", Json(rewrite->model).dump(), rewrite->versions);
    if (celebrities > 0) text += fmt::format("celebrity-versions = {}\n", rewrite->celebrity_versions);
    text += fmt::format("fullname = {}\nseed = {}\n", rewrite->full_name, rewrite->seed);
  }
  return text;
}

WorldSpec WorldSpec::from_toml(std::string_view text, const std::string& where) {
  toml::table table;
  try {
    table = toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: this is not TOML: {}", where, error.source().begin.line, error.description());
  }
  WorldSpec spec;
  Keys keys(table, where);
  spec.people = keys.integer("people", spec.people, 1);
  spec.seed = static_cast<uint64_t>(keys.integer("seed", 0, 0));
  spec.augment = keys.augmentation("augment", spec.augment);
  spec.celebrities = keys.integer("celebrities", 0, 0);
  spec.celebrity_augment = keys.augmentation("celebrity-augment", spec.celebrity_augment);
  spec.tokenizer = keys.text("tokenizer", spec.tokenizer);
  for (const toml::table* entry : keys.tables("change")) {
    Keys of(*entry, where);
    spec.changes.push_back({of.attribute("attribute", Change().attribute), of.share("share", Change().share),
                            static_cast<uint64_t>(of.integer("seed", 0, 0))});
    of.finish();
  }
  if (const toml::table* entry = keys.table("rewrite")) {
    Keys of(*entry, where);
    Rewrite& rewrite = spec.rewrite.emplace();
    rewrite.model = of.text("model", "");
    rewrite.versions = of.integer("versions", rewrite.versions, 1);
    rewrite.celebrity_versions = of.integer("celebrity-versions", rewrite.celebrity_versions, 1);
    rewrite.full_name = of.flag("fullname", false);
    rewrite.seed = static_cast<uint64_t>(of.integer("seed", 0, 0));
    of.finish();
  }
  keys.finish();
  spec.check();
  return spec;
}

}  // namespace lethe::world
