// lethe COMMAND [ARGUMENTS] [OPTIONS]. What goes wrong is caught here, once, and becomes a message of a line or two on
// stderr and the exit status: 1 the work failed, 2 the arguments are wrong, 130 interrupted.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <new>
#include <vector>

#include "cli/program.h"
#include "lethe/base/interrupt.h"

namespace lethe::cli {
namespace {

constexpr Verb kVerbs[] = {
    {"update", "forget the old facts, learn the new ones, prove what changed", update},
    {"evaluate", "reliability, generality, locality, portability of a model on a file of facts", evaluate},
    {"finetune", "supervised fine-tuning, all weights or LoRA", finetune},
    {"generate", "complete a prompt, or talk", generate},
    {"perplexity", "the loss of a model on text, token by token if wanted", perplexity},
    {"tokenize", "text to token ids and back", tokenize},
    {"convert", "GGUF files, adapters and directories to a Hugging Face directory", convert},
};

std::string overview() {
  return "lethe COMMAND [ARGUMENTS] [OPTIONS]\n\nUpdates facts in language models: forgets the old ones, then learns "
         "the new ones.\n\n" +
         list_verbs(kVerbs) +
         "\n`lethe COMMAND --help` explains a command with examples; `lethe --version` tells the version.\n";
}

void run(Arguments arguments) {
  if (arguments.empty()) fail_usage("no command is given\n{}", overview());
  const std::string& first = arguments[0];
  if (first == "--version") return print("lethe " LETHE_VERSION "\n");
  if (first == "--help" || first == "-h" || (first == "help" && arguments.size() == 1)) return print(overview());
  if (first == "help") {
    std::vector<std::string> topic(arguments.begin() + 2, arguments.end());
    topic.emplace_back("--help");
    return find_verb(kVerbs, arguments[1], "lethe").run(topic);
  }
  if (first.starts_with("-")) fail_usage("options stand after the command: lethe COMMAND {}", first);
  find_verb(kVerbs, first, "lethe").run(arguments.subspan(1));
}

}  // namespace
}  // namespace lethe::cli

int main(int argc, char** argv) {
  const auto failed = [](int status, const char* message) {
    fmt::print(stderr, "lethe: {}\n", message);
    return status;
  };
  try {
    std::signal(SIGPIPE, SIG_IGN);  // a closed stdout is an error like others, not a sudden death
    lethe::catch_interrupts();
    lethe::cli::run(std::vector<std::string>(argv + 1, argv + argc));
    return 0;
  } catch (const lethe::Interrupted& error) {
    return failed(130, error.what());
  } catch (const lethe::UsageError& error) {
    return failed(2, error.what());
  } catch (const std::bad_alloc&) {
    return failed(1, "out of memory");
  } catch (const std::exception& error) {
    return failed(1, error.what());
  }
}
