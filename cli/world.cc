// lethe world: synthetic people, their biographies and questions about them.
#include <fmt/format.h>

#include "cli/program.h"
#include "lethe/study/rewrite.h"
#include "lethe/world/change.h"
#include "lethe/world/make.h"

namespace lethe::cli {
namespace {

void make(Arguments arguments) {
  world::MakeConfig config;
  Common common;
  Options options(
      "world make",
      "Makes people with six attributes each, biographies that tell them, and questions that ask for them.\n"
      "The same options and --seed give the same bytes on every machine.");
  options.example("world make --out single", "1,000 people, each told once");
  options.example("world make --augment multi5+permute --out multi5", "the same people, each told in five ways");
  options.example("world make --people 100000 --celebrities 100000 --out famous --tokenizer gpt2",
                  "the paper's scale, with people told in five ways beside, in GPT-2's tokens");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);
  const OrderedJson result = world::make_world(config, static_cast<uint64_t>(common.seed));
  if (common.json) return print_json(result);
  print(fmt::format("{} people, {} celebrities, {} biographies, {} questions\nwritten: {}\n",
                    result["people"].get<int64_t>(), result["celebrities"].get<int64_t>(),
                    result["biographies"].get<int64_t>(), result["questions"].get<int64_t>(), config.out.string()));
}

void change(Arguments arguments) {
  world::ChangeConfig config;
  Common common;
  Options options(
      "world change",
      "Gives a share of the people another value of one attribute: a whole world told in the same sentences,\n"
      "and the facts that changed, for `lethe update`: taught by questions, by biographies, and by both.");
  options.example("world change multi5 --attribute university --share 0.1 --out changed",
                  "then: lethe update MODEL changed/facts-questions.jsonl --out updated");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  const OrderedJson result = world::change_world(config, static_cast<uint64_t>(common.seed));
  if (common.json) return print_json(result);
  print(
      fmt::format("{} people have another {}\nwritten: {}, with facts-questions.jsonl, facts-biographies.jsonl, "
                  "facts-both.jsonl\n",
                  result["changed"].get<int64_t>(), config.attribute, config.out.string()));
}

void rewrite(Arguments arguments) {
  study::RewriteConfig config;
  Common common;
  Options options(
      "world rewrite",
      "A language model retells every life in its own words, again and again until all six facts are in it.");
  options.example("world rewrite single --model SmolLM2-135M-Instruct --out told --limit 20",
                  "a look at what it writes, and how many of its answers are taken");
  options.example("world rewrite single --model SmolLM2-135M-Instruct --versions 5 --fullname --out told5",
                  "five texts a person, with full names");
  options.example("world rewrite single --model SmolLM2-135M-Instruct --versions 3 --answers told5 --out told3",
                  "the first three of them, without the full names, from the answers that are there");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);
  const study::RunInfo run = run_info("world rewrite", common, options, arguments);
  const OrderedJson result = resumable("world rewrite", arguments, [&] { return study::rewrite(config, run); });
  if (common.json) return print_json(result);
  print(
      fmt::format("{} people, {} biographies ({} completed in plain sentences); {:.1f} % of {} answers taken, {:.0f} "
                  "tokens/s\nwritten: {}\n",
                  result["people"].get<int64_t>(), result["biographies"].get<int64_t>(),
                  result["completed"].get<int64_t>(), result["acceptance_rate"].get<double>(),
                  result["answers"].get<int64_t>(), result["tokens_per_second"].get<double>(), config.out.string()));
}

constexpr Verb kWorldVerbs[] = {{"make", "people, biographies and questions from a seed", make},
                                {"rewrite", "lives in a language model's own words", rewrite},
                                {"change", "another value of an attribute for some people, and the facts", change}};

}  // namespace

void world(Arguments arguments) {
  run_verbs("world", "synthetic people", kWorldVerbs, arguments,
            "  lethe world make --people 1000 --augment multi5+permute --out multi5\n"
            "  lethe world rewrite multi5 --model SmolLM2-135M-Instruct --out told\n"
            "  lethe world change multi5 --share 0.1 --out changed\n");
}

}  // namespace lethe::cli
