// lethe COMMAND [ARGUMENTS] [OPTIONS]. What goes wrong is caught here, once, and becomes a message of a line or two on
// stderr and the exit status: 1 the work failed, 2 the arguments are wrong, 130 interrupted.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

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
    {"pretrain", "train a language model from nothing, on a world or on text", pretrain},
    {"delta", "arithmetic on weights: diff, apply, show", delta},
    {"generate", "complete a prompt, or talk", generate},
    {"perplexity", "the loss of a model on text, token by token if wanted", perplexity},
    {"tokenize", "text to token ids and back", tokenize},
    {"world", "synthetic people: biographies and questions", world},
    {"study", "run a recipe: one experiment of the papers, start to report", study},
    {"report", "one HTML page from run folders and studies", report},
    {"probe", "linear probes on a model's hidden states", probe},
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
  if (first == "--version") return print(kVersion);
  if (first == "--help" || first == "-h" || (first == "help" && arguments.size() == 1)) return print(overview());
  if (first == "help") {
    std::vector<std::string> topic(arguments.begin() + 2, arguments.end());
    topic.emplace_back("--help");
    return find_verb(kVerbs, arguments[1], "lethe").run(topic);
  }
  if (first.starts_with("-")) fail_usage("options stand after the command: lethe COMMAND {}", first);
  find_verb(kVerbs, first, "lethe").run(arguments.subspan(1));
}

// What the system would answer with a sudden death becomes an error like others.
void tame_system() {
  std::signal(SIGPIPE, SIG_IGN);  // nobody reads stdout any more: a write error
  std::signal(SIGXFSZ, SIG_IGN);  // a file grows past `ulimit -f`
  // Where a standard stream is closed, the next file opened would get its number, and our output. Writing to this one
  // fails.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDONLY);
}

// Runs the program; its exit status.
int run_main(Arguments arguments) {
  const auto failed = [](int status, const std::string& message) {
    std::fputs(("lethe: " + message + "\n").c_str(), stderr);  // that nobody reads it is no error
    return status;
  };
  try {
    tame_system();
    catch_interrupts();
    run(arguments);
    return 0;
  } catch (const Interrupted& error) {
    return failed(130, error.what());
  } catch (const UsageError& error) {
    return failed(2, error.what());
  } catch (const std::bad_alloc&) {
    return failed(1, "out of memory");
  } catch (const std::exception& error) {
    return failed(1, error.what());
  }
}

}  // namespace
}  // namespace lethe::cli

int main(int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (!words.empty()) lethe::cli::program = words[0];
  return lethe::cli::run_main(std::span(words).subspan(words.empty() ? 0 : 1));
}
