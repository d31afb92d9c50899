#include "cli/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "lethe/base/nearest_word.h"
#include "lethe/run/progress.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::cli {

bool Common::start(Options& options, Arguments arguments) {
  options.group("Everywhere");
  options.add("device", device, "where to compute").one_of({"auto", "cpu", "cuda"});
  options.add("threads", threads, "threads; 0: one for each core").at_least(0).at_most(1024);
  options.add("precision", precision, "of the computation; auto: bf16 where the processor has it")
      .one_of({"auto", "bf16", "fp32"});
  options.add("seed", seed, "names the stream of random numbers: the same seed, the same result").at_least(0);
  options.add("json", json, "the result as one JSON document").flag().not_resolved();
  options.add("quiet", quiet, "nothing but errors on stderr").flag().not_resolved();
  if (!options.parse(arguments)) {
    print(options.asks_version() ? kVersion : options.help());
    return false;
  }
  check(device != "cuda", "--device cuda: this build has no CUDA; use --device cpu, or auto");
  run::set_quiet(quiet);
  tensor::set_num_threads(static_cast<int>(threads));
  // Resolved: what repeats the run elsewhere.
  threads = tensor::num_threads();
  precision = tensor::name_of(dtype());
  return true;
}

tensor::DType Common::dtype() const {
  const bool bf16 = precision == "bf16" || (precision == "auto" && tensor::has_fast_bf16());
  return bf16 ? tensor::DType::kBF16 : tensor::DType::kF32;
}

void print(std::string_view text) { write_all(STDOUT_FILENO, text, "the result to stdout"); }

void print_json(const OrderedJson& json) { print(json_text(json) + "\n"); }

std::string command_line(std::string_view command, Arguments arguments) {
  const std::string words = shell_text(arguments);
  return fmt::format("{} {}{}{}", shell_text({&program, 1}), command, words.empty() ? "" : " ", words);
}

study::RunInfo run_info(std::string_view command, const Common& common, const Options& options, Arguments arguments) {
  return {.precision = common.dtype(),
          .seed = static_cast<uint64_t>(common.seed),
          .version = LETHE_VERSION,
          .command = command_line(command, arguments),
          .config_toml = options.toml(),
          .settings = options.json()};
}

std::string resume_command(std::string_view command, Arguments arguments) {
  std::vector<std::string> again(arguments.begin(), arguments.end());
  const auto options_end = std::find(again.begin(), again.end(), "--");
  const auto is_resume = [](const std::string& argument) { return argument.starts_with("--resume"); };
  if (std::none_of(again.begin(), options_end, is_resume)) again.insert(options_end, "--resume");
  return command_line(command, again);
}

const Verb& find_verb(std::span<const Verb> verbs, std::string_view name, std::string_view program) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) {
    if (name == verb.name) return verb;
    names.emplace_back(verb.name);
  }
  fail_usage("unknown command '{}'{}; `{}` knows {}", name, did_you_mean(name, names), program, fmt::join(names, ", "));
}

void run_verbs(std::string_view command, std::string_view summary, std::span<const Verb> verbs, Arguments arguments,
               std::string_view examples) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) names.emplace_back(verb.name);
  if (arguments.empty()) fail_usage("{} does one of {}; `lethe {} --help`", command, fmt::join(names, ", "), command);
  if (arguments[0] == "--help" || arguments[0] == "-h")
    return print(fmt::format("lethe {} {}: {}\n\n{}\nExamples:\n{}\n`lethe {} {} --help` explains {}.\n", command,
                             fmt::join(names, "|"), summary, list_verbs(verbs), examples, command, names[0],
                             names.size() > 1 ? "it, and so on" : "it"));
  find_verb(verbs, arguments[0], fmt::format("lethe {}", command)).run(arguments.subspan(1));
}

std::string list_verbs(std::span<const Verb> verbs) {
  std::string text;
  for (const Verb& verb : verbs) text += fmt::format("  {:<11} {}\n", verb.name, verb.summary);
  return text;
}

}  // namespace lethe::cli
