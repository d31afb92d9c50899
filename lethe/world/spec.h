// What a world is: how many people live in it and how their lives are told. Everything else is a function of it, but
// for the words of a language model that retold the lives. Augmentations are those of Physics of Language Models 3.1,
// section 1.3 and appendix A.1.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/world/choices.h"

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
// "single, single+permute1, ...": all that there are.
std::string augmentation_names();

// A share of each half of the people has another value of one attribute (change.h).
struct Change {
  Attribute attribute = Attribute::kUniversity;
  double share = 0.1;
  uint64_t seed = 0;

  bool operator==(const Change&) const = default;
};

// A language model retold the lives (bioR, appendix A.2): the biographies are its words, not those of `augment`.
struct Rewrite {
  std::string model;     // what its directory is called
  int64_t versions = 1;  // biographies a person
  int64_t celebrity_versions = 5;
  bool full_name = false;  // each sentence that speaks of the person says the full name
  uint64_t seed = 0;

  bool operator==(const Rewrite&) const = default;
};

// As many people as there are names for.
int64_t most_people();

struct WorldSpec {
  int64_t people = 1000;
  int64_t celebrities = 0;  // people beside them, told in their own way, about whom nothing is asked in tests
  uint64_t seed = 0;
  Augmentation augment = {};
  Augmentation celebrity_augment = {.entries = 5, .redraw = true, .order = Augmentation::kPermuted};
  std::string tokenizer = "word";    // or tokenizer_name() of the one that was given (world_files.h)
  std::vector<Change> changes = {};  // one after the other
  std::optional<Rewrite> rewrite = {};

  // Biographies of a person, of a celebrity or not.
  int64_t entries(bool celebrity) const;
  // Error: no people, or more than there are full names.
  void check() const;
  std::string toml() const;
  // Without a key it has the value above. Errors name the file, the line, the key, its value and what was expected.
  static WorldSpec from_toml(std::string_view text, const std::string& where);

  bool operator==(const WorldSpec&) const = default;
};

}  // namespace lethe::world
