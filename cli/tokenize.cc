// lethe tokenize: text to ids, and back.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/program.h"
#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/study/any_model.h"

namespace lethe::cli {
namespace {

fs::path input(const fs::path& file) { return file == "-" ? "/dev/stdin" : file; }

void print_tokens(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool json) {
  std::vector<std::string> tokens;
  for (const int32_t id : ids) {
    if (interrupted()) throw Interrupted("interrupted before anything was printed");
    tokens.push_back(tokenizer.token(id));
  }
  if (json) return print_json({{"ids", ids}, {"tokens", tokens}});
  std::string table;
  for (size_t i = 0; i < ids.size(); ++i) table += fmt::format("{:>8}  {}\n", ids[i], tokens[i]);
  print(table);
}

void print_jsonl(const text::Tokenizer& tokenizer, const fs::path& path, bool add_special_tokens) {
  std::string lines;
  for_each_line(path, [&](int64_t number, std::string_view line) {
    if (interrupted()) throw Interrupted(fmt::format("interrupted at line {} of {}", number, path.string()));
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    const std::string text = json_string(parse_json(line, where), "text", where);
    lines += fmt::format("[{}]\n", fmt::join(tokenizer.encode(text, add_special_tokens), ","));
    if (lines.size() > size_t{1} << 16) print(std::exchange(lines, {}));
  });
  print(lines);
}

}  // namespace

void tokenize(Arguments arguments) {
  fs::path model, file, jsonl;
  std::string text;
  std::vector<int64_t> decode;
  bool add_special_tokens = true;
  Common common;
  Options options("tokenize", "Text to token ids, and back.");
  options.example("tokenize SmolLM2 \"The capital of France is Paris.\"",
                  "a line a token: its id and how it is written");
  options.example("tokenize SmolLM2 --decode 504,3575,282 --json", "{\"text\": ...}: what the ids stand for");
  options.example("tokenize SmolLM2 --jsonl data.jsonl > ids.jsonl", "one array of ids for each line {\"text\": ...}");
  options.add("model", model, "a directory with tokenizer.json, the file itself, or a .gguf file")
      .positional()
      .required();
  options.add("text", text, "the text").positional();
  options.group("Input instead of TEXT");
  options.add("file", file, "the text of a file; -: of stdin");
  options.add("jsonl", jsonl, "lines with a field \"text\", -: from stdin; one JSON array of ids a line comes out");
  options.add("decode", decode, "ids to turn into text").at_least(0).at_most(INT32_MAX);
  options.group("Options");
  options.add("add-special-tokens", add_special_tokens, "with the tokens that the tokenizer puts around a text");
  if (!common.start(options, arguments)) return;

  const char* const inputs[] = {"text", "file", "jsonl", "decode"};
  const auto given =
      std::count_if(std::begin(inputs), std::end(inputs), [&](auto name) { return options.was_set(name); });
  if (given != 1) fail_usage("tokenize takes one of TEXT, --file, --jsonl and --decode; {} are given", given);

  if (options.was_set("decode")) {
    options.no_effect("add-special-tokens", "--decode adds nothing");
    const text::Tokenizer tokenizer = study::open_tokenizer(model);
    const std::vector<int32_t> ids(decode.begin(), decode.end());
    for (const int32_t id : ids)
      check(tokenizer.has(id), "--decode: the tokenizer of {} has no id {}; its largest is {}", model.string(), id,
            tokenizer.size() - 1);
    const std::string decoded = tokenizer.decode(ids);
    return common.json ? print_json(OrderedJson::object({{"text", decoded}})) : print(decoded + "\n");
  }
  const text::Tokenizer tokenizer = study::open_tokenizer(model);
  if (options.was_set("jsonl")) return print_jsonl(tokenizer, input(jsonl), add_special_tokens);
  if (options.was_set("file")) text = read_file(input(file));
  print_tokens(tokenizer, tokenizer.encode(text, add_special_tokens), common.json);
}

}  // namespace lethe::cli
