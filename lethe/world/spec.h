// What a world is: how many people live in it and how their lives are told. Everything else is a function of it.
// Augmentations are those of Physics of Language Models 3.1, section 1.3 and appendix A.1.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace lethe::world {

// How often and in which way a person's six sentences are told.
struct Augmentation {
  enum Order { kFixed, kPermuted, kCoupled };  // kCoupled: three pairs of sentences, permuted as pairs
  int64_t entries = 1;                         // biographies a person
  bool redraw = false;                         // multi: a template is drawn anew for every sentence of every entry
  Order order = kFixed;                        // a new order for every entry
  bool full_name = false;                      // in all six sentences, not in the first alone

  bool operator==(const Augmentation&) const = default;
};

// "single", "single+permute5", "multi2+permute+fullname", "couple2" ...: the paper's sixteen, and couple1, couple2 and
// couple5. UsageError for any other word, which names `option` and lists them.
Augmentation parse_augmentation(std::string_view name, std::string_view option = "--augment");
std::string augmentation_name(const Augmentation& augmentation);

struct WorldSpec {
  int64_t people = 1000;
  int64_t celebrities = 0;  // people beside them, told in their own way, about whom nothing is asked in tests
  uint64_t seed = 0;
  Augmentation augment = {};
  Augmentation celebrity_augment = {.entries = 5, .redraw = true, .order = Augmentation::kPermuted};

  // Error: no people, or more than there are full names.
  void check() const;
  std::string toml() const;
  // Errors (lethe::UsageError) name the file, the line, the key, its value and what was expected.
  static WorldSpec from_toml(std::string_view text, const std::string& where);

  bool operator==(const WorldSpec&) const = default;
};

}  // namespace lethe::world
