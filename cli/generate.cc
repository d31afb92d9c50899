// lethe generate: completes a prompt, or talks in the terminal.
#include "lethe/model/generate.h"

#include <unistd.h>

#include <iostream>
#include <optional>

#include "cli/program.h"
#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/measure/answers.h"
#include "lethe/run/progress.h"
#include "lethe/study/any_model.h"
#include "lethe/text/template.h"

namespace lethe::cli {
namespace {

// Prints text as its tokens come. A character that is not complete yet waits for its other tokens.
class TokenPrinter {
 public:
  explicit TokenPrinter(const text::Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

  void operator()(int32_t id) {
    ids_.push_back(id);
    if (!tokenizer_) return print(std::to_string(id) + " ");
    const std::string text = tokenizer_->decode(ids_, true);
    if (text.ends_with("\xEF\xBF\xBD")) return;
    print(std::string_view(text).substr(printed_));
    printed_ = text.size();
  }
  // What was held back because its last character never became complete.
  void finish() {
    if (tokenizer_) print(std::string_view(tokenizer_->decode(ids_, true)).substr(printed_));
  }

 private:
  const text::Tokenizer* tokenizer_;
  std::vector<int32_t> ids_;
  size_t printed_ = 0;
};

void chat(model::Transformer& transformer, const text::Tokenizer& tokenizer, const text::Template& format,
          model::GenerateOptions options) {
  std::vector<text::Message> messages;
  const bool terminal = ::isatty(0) == 1;
  while (!interrupted()) {
    if (terminal) print("> ");
    std::string line;
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    messages.push_back({"user", line});
    const std::vector<int32_t> prompt = text::encode_prompt(tokenizer, format, messages);
    TokenPrinter printer(&tokenizer);
    const auto answer = model::generate(transformer, {{prompt}}, options, [&](size_t, int32_t id) { printer(id); });
    printer.finish();
    messages.push_back({"assistant", tokenizer.decode(answer[0], true)});
    print("\n");
  }
  if (terminal) print("\n");
  if (interrupted()) throw Interrupted("the conversation was interrupted");
}

}  // namespace

void generate(Arguments arguments) {
  fs::path model, base_model;
  std::string prompt;
  std::vector<int64_t> prompt_ids;
  bool talk = false, ignore_eos = false;
  model::GenerateOptions generation;
  Common common;
  Options options("generate", "Completes a prompt, greedily unless --temperature says otherwise.");
  options.example("generate SmolLM2 --prompt \"The capital of France is\" --max-new-tokens 8",
                  "the completion, as it comes");
  options.example("generate SmolLM2 --prompt \"Once\" --temperature 0.8 --top-p 0.95 --seed 7",
                  "drawn; the same seed, the same text");
  options.example("generate SmolLM2 --prompt-ids 504,3575,282 --json", "{\"prompt_ids\", \"ids\", \"text\"}");
  options.example("generate SmolLM2 --chat", "a conversation in the terminal, in the model's own template");
  options.add("model", model, "a Hugging Face directory, a .gguf file, or a PEFT adapter").positional().required();
  options.group("Prompt");
  options.add("prompt", prompt, "the text to go on from");
  options.add("prompt-ids", prompt_ids, "token ids instead; needs no tokenizer").at_least(0).at_most(INT32_MAX);
  options.add("chat", talk, "read messages from the terminal, a line each; Ctrl-D ends").flag();
  options.group("Generation");
  options.add("max-new-tokens", generation.max_new_tokens, "stop after so many").at_least(1);
  options.add("temperature", generation.temperature, "0: greedy").at_least(0);
  options.add("top-k", generation.top_k, "draw from the k most probable tokens; 0: all").at_least(0);
  options.add("top-p", generation.top_p, "draw from the fewest tokens whose probability reaches p").above(0).at_most(1);
  options.add("ignore-eos", ignore_eos, "go on after the end-of-text token").flag();
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
  if (!common.start(options, arguments)) return;

  const int given = options.was_set("prompt") + options.was_set("prompt-ids") + talk;
  if (given != 1) fail_usage("generate takes one of --prompt, --prompt-ids and --chat; {} are given", given);
  if (talk && common.json) fail_usage("--json has no effect: --chat is a conversation");
  if (generation.temperature == 0) {
    for (const char* name : {"top-k", "top-p"})
      options.no_effect(name, "without --temperature the best token is taken");
  }

  const study::AnyModel any = study::AnyModel::open(model, base_model);
  const model::ModelConfig& config = any.files().config();
  std::optional<text::Tokenizer> tokenizer;
  if (!options.was_set("prompt-ids")) {
    tokenizer = any.tokenizer();
  } else if (any.has_tokenizer()) {
    try {
      tokenizer = any.tokenizer();
    } catch (const Error& error) {
      run::message("no text, the ids alone: {}", error.what());
    }
  }
  std::vector<int32_t> ids(prompt_ids.begin(), prompt_ids.end());
  if (options.was_set("prompt")) ids = tokenizer->encode(prompt, true);
  if (!talk) check(!ids.empty(), "the prompt has no tokens: there is nothing to go on from");
  for (const int32_t id : ids)
    check(id < config.vocab_size, "--prompt-ids: {} is no id of this model, it has {}", id, config.vocab_size);
  generation.model_name = model.string();
  generation.seed = static_cast<uint64_t>(common.seed);
  if (!ignore_eos) generation.stop_ids = measure::stop_ids(config, tokenizer ? &*tokenizer : nullptr);

  model::Transformer transformer = any.load(common.dtype());
  if (talk) return chat(transformer, *tokenizer, {text::TemplateKind::kChat, config.model_type}, generation);
  TokenPrinter printer(tokenizer ? &*tokenizer : nullptr);
  model::TokenCallback show;
  if (!common.json) show = [&](size_t, int32_t id) { printer(id); };
  const std::vector<int32_t> generated = model::generate(transformer, {{ids}}, generation, show)[0];
  if (!common.json) {
    printer.finish();
    return print("\n");
  }
  print_json({{"prompt_ids", ids}, {"ids", generated}, {"text", tokenizer ? tokenizer->decode(generated, true) : ""}});
}

}  // namespace lethe::cli
