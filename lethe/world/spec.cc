#include "lethe/world/spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "lethe/base/error.h"
#include "lethe/base/json.h"
#include "lethe/base/toml_table.h"

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

Augmentation read_augmentation(TomlTable& table, const char* key, const Augmentation& otherwise) {
  return parse_augmentation(table.text(key, augmentation_name(otherwise)), table.where(key));
}

uint64_t read_seed(TomlTable& table) { return static_cast<uint64_t>(table.integer("seed", 0, 0)); }

Change read_change(TomlTable& table) {
  Change change;
  const std::string name = table.text("attribute", attribute_name(change.attribute));
  const auto attribute = find_attribute(name);
  if (!attribute)
    fail_usage("{}: '{}' is no attribute, expected one of {}", table.where("attribute"), name,
               fmt::join(attribute_names(), ", "));
  change.attribute = *attribute;
  if (table.has("share")) change.share = table.number("share");
  if (change.share <= 0 || change.share > 1)
    fail_usage("{}: {} is not a number above 0, 1 at most", table.where("share"), change.share);
  change.seed = read_seed(table);
  table.finish();
  return change;
}

Rewrite read_rewrite(TomlTable table) {
  Rewrite rewrite;
  rewrite.model = table.text("model", "");
  rewrite.versions = table.integer("versions", rewrite.versions, 1);
  rewrite.celebrity_versions = table.integer("celebrity-versions", rewrite.celebrity_versions, 1);
  rewrite.full_name = table.flag("fullname", false);
  rewrite.seed = read_seed(table);
  table.finish();
  return rewrite;
}

WorldSpec read_spec(TomlTable table) {
  WorldSpec spec;
  spec.people = table.integer("people", spec.people, 1, most_people());
  spec.seed = read_seed(table);
  spec.augment = read_augmentation(table, "augment", spec.augment);
  spec.celebrities = table.integer("celebrities", 0, 0, most_people() - spec.people);
  spec.celebrity_augment = read_augmentation(table, "celebrity-augment", spec.celebrity_augment);
  spec.tokenizer = table.text("tokenizer", spec.tokenizer);
  for (TomlTable& change : table.tables("change")) spec.changes.push_back(read_change(change));
  if (table.has("rewrite")) spec.rewrite = read_rewrite(table.table("rewrite"));
  table.finish();
  return spec;
}

}  // namespace

int64_t most_people() {
  return static_cast<int64_t>(first_names().size() * middle_names().size() * last_names().size());
}

std::string augmentation_names() {
  std::vector<std::string> names;
  for (const auto& [name, augmentation] : all_augmentations()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Augmentation parse_augmentation(std::string_view name, std::string_view option) {
  for (const auto& [known, augmentation] : all_augmentations())
    if (known == name) return augmentation;
  fail_usage("{}: '{}' is no augmentation, expected one of {}", option, name, augmentation_names());
}

std::string augmentation_name(const Augmentation& augmentation) {
  for (const auto& [name, known] : all_augmentations())
    if (known == augmentation) return name;
  fail("an augmentation of {} entries without a name", augmentation.entries);
}

void WorldSpec::check() const {
  const int64_t names = most_people();
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
  try {
    const toml::table parsed = parse_toml(text, where);
    return read_spec(TomlTable(parsed, where, ""));
  } catch (const UsageError& error) {  // no argument is wrong: a file is damaged
    throw Error(error.what());
  }
}

}  // namespace lethe::world
