// lethe world: synthetic people, their biographies and questions about them.
#include <fmt/format.h>

#include <optional>

#include "cli/program.h"
#include "lethe/world/world_files.h"

namespace lethe::cli {
namespace {

void make(Arguments arguments) {
  world::WorldSpec spec;
  fs::path out, tokenizer = "word";
  std::string augment = "single", celebrity_augment = "multi5+permute";
  std::optional<int64_t> couple;
  bool overwrite = false;
  Common common;
  Options options(
      "world make",
      "Makes people with six attributes each, biographies that tell them, and questions that ask for them.\n"
      "The same options and --seed give the same bytes on every machine.");
  options.example("world make --out single", "1,000 people, each told once");
  options.example("world make --augment multi5+permute --out multi5", "the same people, each told in five ways");
  options.example("world make --people 100000 --celebrities 100000 --out famous --tokenizer gpt2",
                  "the paper's scale, with people told in five ways beside, in GPT-2's tokens");
  options.add("out", out, "the WORLD to write").placeholder("DIR").required();
  options.group("World");
  options.add("people", spec.people, "how many people").at_least(1);
  options.add("augment", augment, "how lives are told: single, multi5+permute, single+permute2+fullname, ...");
  options.add("couple", couple, "instead of --augment: pairs of sentences stay together, in 1, 2 or 5 entries");
  options.add("celebrities", spec.celebrities, "people beside them who are told in another way").at_least(0);
  options.add("celebrity-augment", celebrity_augment, "how the lives of celebrities are told");
  options.add("tokenizer", tokenizer, "word: a token a word; or a directory with tokenizer.json")
      .placeholder("word|DIR");
  options.add("overwrite", overwrite, "replace the world in --out, where there is one").flag();
  if (!common.start(options, arguments)) return;
  if (couple) options.no_effect("augment", "--couple says how lives are told");
  if (spec.celebrities == 0) options.no_effect("celebrity-augment", "there are no celebrities");
  spec.augment = couple ? world::parse_augmentation(fmt::format("couple{}", *couple), "--couple")
                        : world::parse_augmentation(augment);
  spec.celebrity_augment = world::parse_augmentation(celebrity_augment, "--celebrity-augment");
  spec.seed = static_cast<uint64_t>(common.seed);
  check_out(out, OutKind::kDirectory, overwrite);
  const world::WorldSize size = world::write_world(out, spec, tokenizer);
  if (common.json)
    return print_json({{"people", spec.people},
                       {"celebrities", spec.celebrities},
                       {"biographies", size.biographies},
                       {"questions", size.questions},
                       {"out", out.string()}});
  print(fmt::format("{} people, {} celebrities, {} biographies, {} questions\nwritten: {}\n", spec.people,
                    spec.celebrities, size.biographies, size.questions, out.string()));
}

constexpr Verb kWorldVerbs[] = {{"make", "people, biographies and questions from a seed", make}};

}  // namespace

void world(Arguments arguments) {
  run_verbs("world", "synthetic people", kWorldVerbs, arguments,
            "  lethe world make --people 1000 --augment multi5+permute --out multi5\n");
}

}  // namespace lethe::cli
