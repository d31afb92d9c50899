#include "lethe/world/make.h"

#include <fmt/format.h>

#include "lethe/base/error.h"
#include "lethe/world/world_files.h"

namespace lethe::world {

void MakeConfig::add_to(Options& options) {
  options.add("out", out, "the WORLD to write").placeholder("DIR").required();
  options.group("World");
  options.add("people", people, "how many people").at_least(1);
  options.add("augment", augment, "how lives are told: " + augmentation_names());
  options.add("couple", couple, "instead of --augment: pairs of sentences stay together, in 1, 2 or 5 entries");
  options.add("celebrities", celebrities, "people beside them who are told in another way").at_least(0);
  options.add("celebrity-augment", celebrity_augment, "how the lives of celebrities are told");
  options.add("tokenizer", tokenizer, "word: a token a word; or a directory with tokenizer.json")
      .placeholder("word|DIR");
  options.add("overwrite", overwrite, "replace the world in --out, where there is one").flag().not_resolved();
}

void MakeConfig::resolve(Options& options) {
  if (couple) options.no_effect("augment", "--couple says how lives are told", "couple");
  if (celebrities == 0) options.no_effect("celebrity-augment", "there are no celebrities");
  spec(0);
}

WorldSpec MakeConfig::spec(uint64_t seed) const {
  if (couple && *couple != 1 && *couple != 2 && *couple != 5)
    fail_usage("--couple: '{}' is no number of entries, expected 1, 2 or 5", *couple);
  if (people > most_people() - celebrities)
    fail_usage("--people {} and --celebrities {}: there are {} different names", people, celebrities, most_people());
  WorldSpec spec;
  spec.people = people;
  spec.celebrities = celebrities;
  spec.seed = seed;
  spec.augment = parse_augmentation(couple ? fmt::format("couple{}", *couple) : augment);
  spec.celebrity_augment = parse_augmentation(celebrity_augment, "--celebrity-augment");
  return spec;
}

OrderedJson make_world(const MakeConfig& config, uint64_t seed) {
  check_out(config.out, OutKind::kWorld, config.overwrite);
  const WorldSpec spec = config.spec(seed);
  const WorldSize size = write_world(config.out, spec, config.tokenizer);
  return {{"people", spec.people},
          {"celebrities", spec.celebrities},
          {"biographies", size.biographies},
          {"questions", size.questions},
          {"out", config.out.string()}};
}

}  // namespace lethe::world
