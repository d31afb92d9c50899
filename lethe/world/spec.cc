#include "lethe/world/spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <utility>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/world/choices.h"

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

std::string expected() {
  std::vector<std::string> names;
  for (const auto& [name, augmentation] : all_augmentations()) names.push_back(name);
  return fmt::format("expected one of {}", fmt::join(names, ", "));
}

}  // namespace

Augmentation parse_augmentation(std::string_view name, std::string_view option) {
  for (const auto& [known, augmentation] : all_augmentations())
    if (known == name) return augmentation;
  fail_usage("{}: '{}' is no augmentation, {}", option, name, expected());
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

std::string WorldSpec::toml() const {
  std::string text =
      fmt::format("people = {}\nseed = {}\naugment = \"{}\"\n", people, seed, augmentation_name(augment));
  if (celebrities > 0)
    text += fmt::format("celebrities = {}\ncelebrity-augment = \"{}\"\n", celebrities,
                        augmentation_name(celebrity_augment));
  return text;
}

WorldSpec WorldSpec::from_toml(std::string_view text, const std::string& where) {
  toml::table table;
  try {
    table = toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    fail_usage("{}:{}: this is not TOML: {}", where, error.source().begin.line, error.description());
  }
  WorldSpec spec;
  for (const auto& [key, node] : table) {
    const std::string place = fmt::format("{}:{}: {}", where, node.source().begin.line, key.str());
    const auto integer = [&](int64_t least) {
      const auto value = node.value_exact<int64_t>();
      if (!value || *value < least) fail_usage("{}: expected an integer, {} or more", place, least);
      return *value;
    };
    const auto word = [&] {
      const auto value = node.value_exact<std::string>();
      if (!value) fail_usage("{}: expected a text", place);
      return *value;
    };
    if (key == "people") {
      spec.people = integer(1);
    } else if (key == "celebrities") {
      spec.celebrities = integer(0);
    } else if (key == "seed") {
      spec.seed = static_cast<uint64_t>(integer(0));
    } else if (key == "augment") {
      spec.augment = parse_augmentation(word(), place);
    } else if (key == "celebrity-augment") {
      spec.celebrity_augment = parse_augmentation(word(), place);
    } else {
      fail_usage("{}: no key of a world; expected people, seed, augment, celebrities, celebrity-augment", place);
    }
  }
  spec.check();
  return spec;
}

}  // namespace lethe::world
