// The frame of the program: help, version, wrong arguments, exit statuses.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "tests/e2e/run.h"
#include "tests/temp_dir.h"

namespace {

// Status 2, nothing on stdout, and one or two lines on stderr that begin with the program's name and hold `part`.
void check_usage_error(const std::vector<std::string>& arguments, const std::string& part) {
  const Run run = run_lethe(arguments);
  CAPTURE(part);
  CAPTURE(run.err);
  CHECK(run.status == 2);
  CHECK(run.out.empty());
  CHECK(run.err.starts_with("lethe: "));
  CHECK(contains(run.err, part));
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') <= 2);
}

TEST_CASE("--version and --help are results") {
  CHECK(run_lethe({"--version"}).out == "lethe 0.1.0\n");
  const Run overview = run_lethe({"--help"});
  CHECK(overview.status == 0);
  for (const std::string command :
       {"update", "evaluate", "finetune", "delta", "generate", "perplexity", "tokenize", "convert"}) {
    CAPTURE(command);
    CHECK(contains(overview.out, command));
    const Run help = run_lethe({command, "--help"});
    CHECK(help.status == 0);
    CHECK(help.err.empty());
    CHECK(contains(help.out, "lethe " + command));
    CHECK(contains(help.out, "Examples:"));
    CHECK(run_lethe({"help", command}).out == help.out);
  }
}

TEST_CASE("--help tells what an option does in this command") {
  CHECK(contains(run_lethe({"update", "--help"}).out, "refuse facts of more tokens"));
  CHECK(contains(run_lethe({"finetune", "--help"}).out, "cut examples to so many tokens"));
}

TEST_CASE("no command, and unknown ones") {
  CHECK(run_lethe({}).status == 2);
  check_usage_error({"tokenise"}, "unknown command 'tokenise' (did you mean tokenize?)");
  check_usage_error({"serve"}, "`lethe` knows ");
  check_usage_error({"help", "serve"}, "unknown command 'serve'");
  check_usage_error({"world", "paint"}, "`lethe world` knows make, rewrite, change");
  check_usage_error({"--json", "tokenize"}, "options stand after the command");
}

TEST_CASE("wrong options") {
  check_usage_error({"tokenize", "m", "text", "--jsn"}, "unknown option --jsn (did you mean --json?)");
  check_usage_error({"tokenize", "m", "text", "--threads", "two"}, "--threads: 'two' is not a whole number");
  check_usage_error({"tokenize", "m", "text", "--precision", "int8"},
                    "--precision: 'int8' is not one of auto, bf16, fp32");
  check_usage_error({"tokenize"}, "MODEL is missing");
  check_usage_error({"convert", "m"}, "--out is missing");
  const TempDir dir;
  lethe::write_file(dir / "c.toml", "seed = 1\nthread = 2\n");
  check_usage_error({"tokenize", "m", "text", "--config", (dir / "c.toml").string()},
                    "c.toml:2: thread: no such option (did you mean threads?)");
}

TEST_CASE("--device cuda says that there is none") {
  const Run run = run_lethe({"tokenize", "m", "text", "--device", "cuda"});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "no CUDA"));
}

TEST_CASE("a signal while the result is written: what is written is whole, then the program ends") {
  const TempDir dir;
  std::string lines;
  for (int i = 0; i < 20000; ++i) lines += "{\"text\": \"one day\"}\n";
  const std::string file = (dir / "texts.jsonl").string(), fifo = (dir / "fifo").string();
  lethe::write_file(file, lines);
  const std::vector<std::string> arguments = {"tokenize", golden("gguf/stories260K/model.gguf"), "--jsonl", file};
  const std::string whole = run_lethe(arguments).out;
  REQUIRE(whole.size() > 100000);  // more than a pipe holds
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  std::string read;
  std::atomic<bool> ended = false;  // without ever having filled the pipe
  std::thread drain([&] {
    int held = 0;
    while (!ended && ::ioctl(reader, FIONREAD, &held) == 0 && held < 65536) ::usleep(1000);
    ::usleep(200000);  // the signal has come
    ::fcntl(reader, F_SETFL, 0);
    char buffer[65536];
    for (ssize_t n; (n = ::read(reader, buffer, sizeof buffer)) > 0;) read.append(buffer, static_cast<size_t>(n));
  });
  const Run run = run_lethe_until(
      arguments,
      [&] {
        int held = 0;
        return ::ioctl(reader, FIONREAD, &held) == 0 && held >= 65536;
      },
      SIGINT, fifo);
  ended = true;
  drain.join();
  ::close(reader);
  CAPTURE(run.err);
  CHECK(run.status == 130);
  CHECK(contains(run.err, "interrupted at line"));
  CHECK(read.size() > 65536);  // all of what was being written, and no more
  CHECK(read.ends_with("]\n"));
  CHECK(whole.starts_with(read));
}

TEST_CASE("a result that cannot be written is an error") {
  const Run run = run_lethe({"--version"}, "/dev/full");
  CHECK(run.status == 1);
  CHECK(contains(run.err, "No space left on device"));
}

}  // namespace
