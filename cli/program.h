// What the verbs share: the options that every command has, and how a result is printed. A verb is one function in a
// file of its own: it lists its options, parses, makes one call into the library, and prints.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lethe/base/json.h"
#include "lethe/base/options.h"
#include "lethe/study/run_info.h"
#include "lethe/tensor/tensor.h"

namespace lethe::cli {

using Arguments = std::span<const std::string>;  // what follows the name of the command

struct Verb {
  const char* name;
  const char* summary;
  void (*run)(Arguments arguments);
};

void convert(Arguments arguments);
void delta(Arguments arguments);
void evaluate(Arguments arguments);
void finetune(Arguments arguments);
void generate(Arguments arguments);
void perplexity(Arguments arguments);
void pretrain(Arguments arguments);
void probe(Arguments arguments);
void report(Arguments arguments);
void study(Arguments arguments);
void update(Arguments arguments);
void tokenize(Arguments arguments);
void world(Arguments arguments);

inline constexpr char kVersion[] = "lethe " LETHE_VERSION "\n";  // what --version prints

struct Common {
  std::string device = "auto", precision = "auto";
  int64_t threads = 0, seed = 0;
  bool json = false, quiet = false;

  // Adds these to the command's options, parses, and makes threads and quiet hold for the process. False: --help was
  // asked for and printed, the verb is done.
  bool start(Options& options, Arguments arguments);
  tensor::DType dtype() const;  // of computation: what --precision says, auto being bf16 where the processor has it
};

inline std::string program = "lethe";  // as it was started: argv[0]

// "build/lethe update MODEL 'my facts.json'": what a shell would read the same.
std::string command_line(std::string_view command, Arguments arguments);
// What a run's folder and page tell of it: as it was typed, and every setting as `options` resolved it.
study::RunInfo run_info(std::string_view command, const Common& common, const Options& options, Arguments arguments);
// The command line with --resume.
std::string resume_command(std::string_view command, Arguments arguments);

// Calls work(), a run that can be resumed: where it was interrupted, the message ends with the command that goes on.
template <typename Work>
auto resumable(std::string_view command, Arguments arguments, const Work& work) {
  try {
    return work();
  } catch (const Interrupted& error) {
    throw Interrupted(fmt::format("{}\ngo on with: {}", error.what(), resume_command(command, arguments)));
  }
}

// The result, to stdout; that nobody can read it is an Error.
void print(std::string_view text);
void print_json(const OrderedJson& json);  // one document, on one line

// The verb called `name`, or a UsageError that lists those there are.
const Verb& find_verb(std::span<const Verb> verbs, std::string_view name, std::string_view program);
// A command that is one of several verbs: runs the one that arguments[0] names, or prints its help.
void run_verbs(std::string_view command, std::string_view summary, std::span<const Verb> verbs, Arguments arguments,
               std::string_view examples);
// "  update      forget the old facts, ...", a line a verb.
std::string list_verbs(std::span<const Verb> verbs);

}  // namespace lethe::cli
