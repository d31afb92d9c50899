// lethe perplexity: the loss of a model on text.
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <optional>

#include "cli/program.h"
#include "lethe/measure/score.h"
#include "lethe/study/any_model.h"
#include "lethe/text/dataset.h"

namespace lethe::cli {

void perplexity(Arguments arguments) {
  fs::path model, base_model, file;
  std::string template_name = "none";
  int64_t max_seq_length = 0;
  bool per_token = false;
  Common common;
  Options options("perplexity",
                  "The mean negative log-likelihood of a model on the target tokens of a file, and its exponential.");
  options.example("perplexity SmolLM2 book.txt", "one number for a text, cut into windows that the model can read");
  options.example("perplexity SmolLM2 pairs.jsonl --per-token --json",
                  "{\"prompt\", \"completion\"} lines: the loss of each token of the completions");
  options.add("model", model, "a Hugging Face directory, a .gguf file, or a PEFT adapter").positional().required();
  options.add("file", file, ".txt, or .jsonl with text, prompt and completion, messages or input_ids")
      .positional()
      .required();
  options.group("Options");
  options.add("per-token", per_token, "with --json: \"token_nll\" for each record, one value a target").flag();
  options.add("max-seq-length", max_seq_length, "cut records to N tokens; 0: as long as the model can read")
      .at_least(0);
  options.add("template", template_name, "for instructions: what is put around them")
      .one_of({"none", "alpaca", "chat"});
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
  if (!common.start(options, arguments)) return;
  if (per_token && !common.json) fail_usage("--per-token has no effect without --json");

  const study::AnyModel any = study::AnyModel::open(model, base_model);
  const model::ModelConfig& config = any.files().config();
  const text::TokenizerSource tokenizer =
      text::opened_when_needed([&] { return any.has_tokenizer() ? std::optional(any.tokenizer()) : std::nullopt; });
  text::DatasetOptions reading{{text::parse_template(template_name), config.model_type},
                               max_seq_length,
                               config.vocab_size,
                               config.max_positions};
  check(max_seq_length <= config.max_positions, "--max-seq-length {} is more than the model's {} positions",
        max_seq_length, config.max_positions);
  if (file.extension() == ".txt" && max_seq_length == 0) reading.max_seq_length = config.max_positions;
  const text::Dataset data = text::read_examples(file, tokenizer, reading);
  if (!data.uses_template) options.no_effect("template", "no record is an instruction");
  model::Transformer transformer = any.load(common.dtype());

  double total = 0;
  int64_t tokens = 0;
  OrderedJson records = OrderedJson::array();
  measure::score_examples({transformer, model.string()}, data.examples, "perplexity",
                          [&](size_t, const model::TargetScores& scores) {
                            const double nll = std::accumulate(scores.nll.begin(), scores.nll.end(), 0.0);
                            const auto count = static_cast<int64_t>(scores.nll.size());
                            OrderedJson record{{"nll", nll / static_cast<double>(count)}, {"tokens", count}};
                            if (per_token) record["token_nll"] = scores.nll;
                            records.push_back(std::move(record));
                            total += nll;
                            tokens += count;
                          });
  const double nll = total / static_cast<double>(tokens);
  if (common.json)
    return print_json(
        {{"perplexity", std::exp(nll)}, {"nll", nll}, {"tokens", tokens}, {"records", std::move(records)}});
  print(fmt::format("perplexity {:.4f}   nll {:.5f} a token   {} tokens in {} records\n", std::exp(nll), nll, tokens,
                    records.size()));
}

}  // namespace lethe::cli
