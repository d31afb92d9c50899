// lethe evaluate: what a model knows of a file of facts.
#include "lethe/measure/evaluate.h"

#include <algorithm>

#include "cli/program.h"
#include "lethe/base/error.h"
#include "lethe/run/progress.h"
#include "lethe/study/any_model.h"
#include "lethe/study/ask_world.h"
#include "lethe/study/prepare.h"
#include "lethe/world/world_files.h"

namespace lethe::cli {
namespace {

// What the model before the update answers to the locality questions, in the tokens of `asked`: token ids are compared.
measure::LocalityAnswers locality_answers(const fs::path& before, const text::Tokenizer& asked, tensor::DType precision,
                                          const text::Template& format, const std::vector<facts::Fact>& facts) {
  const study::AnyModel any = study::AnyModel::open(before);
  const text::Tokenizer tokenizer = any.tokenizer();
  for (const facts::Fact& fact : facts)
    for (const facts::Question& question : fact.locality)
      check(text::encode_pair(asked, format, question.prompt, question.answer).ids ==
                text::encode_pair(tokenizer, format, question.prompt, question.answer).ids,
            "--before {}: its tokenizer is another one: it makes other tokens of \"{}\" ({})", before.string(),
            question.prompt, fact.where);
  model::Transformer transformer = any.load(precision);
  return measure::locality_answers({transformer, before.string()}, tokenizer, format, facts);
}

// On a WORLD: its questions.
void evaluate_world(Arguments arguments) {
  study::AskConfig config;
  Common common;
  Options options("evaluate", "Asks a model the questions of a WORLD's test half, in percent of right answers.");
  options.example("evaluate tuned multi5", "people whom it was never asked about in training");
  options.example("evaluate tuned multi5 --split train --json", "and those whom it was");
  options.example("evaluate updated changed --old-world multi5", "after an update: new answers, old ones, the others");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  const OrderedJson json = study::ask_world(config, {.precision = common.dtype()});
  if (common.json) return print_json(json);
  print(study::ask_table(json));
}

}  // namespace

void evaluate(Arguments arguments) {
  const auto names_world = [](const std::string& word) {
    return world::is_world(word) || word == "--world" || word.starts_with("--world=");
  };
  if (std::ranges::any_of(arguments, names_world)) return evaluate_world(arguments);
  fs::path model, base_model, before, rows;
  facts::FactsFile file;
  std::string template_name = "none";
  bool overwrite = false;
  Common common;
  Options options("evaluate",
                  "Measures a model on a file of facts, in percent: reliability (the facts' own prompts), generality\n"
                  "(rephrasings), locality (what must not change), portability (what follows), and the old answers.");
  options.example("evaluate SmolLM2 facts.json", "the table");
  options.example("evaluate updated facts.json --before SmolLM2 --json",
                  "locality: the share of neighbours' answers that are still those of SmolLM2");
  options.example("evaluate updated facts.json --rows rows.jsonl", "also a line a fact, to look closer");
  options.example("evaluate tuned multi5 --split train",
                  "the questions of a WORLD; --help behind one that exists tells its options");
  options.add("model", model, "a Hugging Face directory, a .gguf file, or a PEFT adapter").positional().required();
  file.add_to(options);
  options.add("template", template_name, "what is put around a prompt").one_of({"none", "alpaca", "chat"});
  options.group("Options");
  options.add("before", before, "the model whose answers locality compares with; the file's own unless told")
      .placeholder("MODEL");
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
  options.add("rows", rows, "write one JSON line a fact").placeholder("FILE.jsonl");
  options.add("overwrite", overwrite, "replace the file --rows, where it exists").flag();
  if (!common.start(options, arguments)) return;
  facts::FactsFile::resolve(options);
  if (file.path.empty() && file.old_file.empty() && file.new_file.empty())
    fail_usage("no facts: give a file, a pair with --old-file and --new-file, or a WORLD to ask about");

  if (rows.empty()) options.no_effect("overwrite", "without --rows no file is written");
  const auto rows_file =
      study::open_rows(rows, overwrite, {file.path, file.old_file, file.new_file, model, before, base_model});
  const study::AnyModel any = study::AnyModel::open(model, base_model);
  const text::Template format{text::parse_template(template_name), any.files().config().model_type};
  const std::vector<facts::Fact> facts = facts::read_facts(file);
  const text::Tokenizer tokenizer = any.tokenizer();
  const bool local = std::ranges::any_of(facts, [](const facts::Fact& fact) { return !fact.locality.empty(); });
  const bool compares = !before.empty() && local;
  if (!before.empty() && !local) run::message("--before has no effect: no fact has a locality question");
  measure::LocalityAnswers answers;
  if (compares) answers = locality_answers(before, tokenizer, common.dtype(), format, facts);
  model::Transformer transformer = any.load(common.dtype());
  const measure::EvaluationDetail detail =
      measure::evaluate({transformer, model.string()}, tokenizer, format, facts, compares ? &answers : nullptr);

  if (rows_file) {
    for (const OrderedJson& row : detail.rows) rows_file->write(json_text(row) + "\n");
    rows_file->commit();
  }
  if (common.json) return print_json(detail.summary.json());
  print(measure::evaluation_table({{name_of(model), detail.summary}}));
}

}  // namespace lethe::cli
