#include "lethe/study/workers.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/base/interrupt.h"
#include "tests/temp_dir.h"

using namespace lethe;
using study::Workers;

TEST_CASE("workers run side by side, each in a process of its own") {
  const TempDir dir;
  Workers workers;
  // Each waits for the other's file.
  const auto exchange = [&](const char* mine, const char* other) {
    write_file(dir / mine, fmt::format("{}", ::getpid()));
    for (int i = 0; i < 10'000 && !fs::exists(dir / other); ++i) ::usleep(1000);
    check(fs::exists(dir / other), "alone");
  };
  workers.start(5, "a: ", "a", [&] { exchange("a", "b"); });
  workers.start(7, "b: ", "b", [&] { exchange("b", "a"); });
  CHECK(workers.running() == 2);
  const size_t first = workers.wait(), second = workers.wait();
  CHECK(std::set{first, second} == std::set<size_t>{5, 7});
  CHECK(workers.running() == 0);
  CHECK(read_file(dir / "a") != read_file(dir / "b"));
  CHECK(read_file(dir / "a") != fmt::format("{}", ::getpid()));
}

TEST_CASE("what a worker throws arrives, and one that was killed is named") {
  Workers workers;
  const std::string longer(100'000, 'x');  // more than a pipe holds
  workers.start(0, "", "", [&] { fail("{}", longer); });
  CHECK_THROWS_WITH_AS(workers.wait(), longer.c_str(), Error);
  workers.start(0, "", "", [] { fail_usage("wrong"); });
  CHECK_THROWS_WITH_AS(workers.wait(), "wrong", UsageError);
  workers.start(0, "", "", [] { throw Interrupted("the state is saved"); });
  CHECK_THROWS_WITH_AS(workers.wait(), "the state is saved", Interrupted);
  workers.start(0, "a: ", "stage 'ask' of a", [] { ::raise(SIGKILL); });
  CHECK_THROWS_WITH_AS(workers.wait(), "stage 'ask' of a: its process was ended by signal 9", Error);
}

TEST_CASE("what a worker says is passed on by lines, each with its prefix") {
  const TempDir dir;
  const int before = ::dup(STDERR_FILENO), file = ::open((dir / "err").c_str(), O_CREAT | O_WRONLY, 0600);
  ::dup2(file, STDERR_FILENO);
  {
    Workers workers;
    workers.start(0, "single: ", "", [] { write_all(STDERR_FILENO, "10 steps\n20 steps\nno end of line", ""); });
    workers.wait();
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(file);
  CHECK(read_file(dir / "err") == "single: 10 steps\nsingle: 20 steps\nsingle: no end of line\n");
}

TEST_CASE("workers that are given up are waited for, however much they have to say, and say why they failed") {
  const TempDir dir;
  catch_interrupts();
  const std::string longer(100'000, 'x');  // more than a pipe holds
  const int before = ::dup(STDERR_FILENO), file = ::open((dir / "err").c_str(), O_CREAT | O_WRONLY, 0600);
  ::dup2(file, STDERR_FILENO);
  {
    Workers workers;
    workers.start(0, "single: ", "", [&] {
      write_file(dir / "began", "");
      while (!interrupted()) ::usleep(1000);
      fail("{}", longer);
    });
    while (!fs::exists(dir / "began")) ::usleep(1000);
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(file);
  clear_interrupt();
  CHECK(read_file(dir / "err") == "single: " + longer + "\n");
}

TEST_CASE("an interrupt reaches every worker, and their end is waited for") {
  const TempDir dir;
  catch_interrupts();
  {
    Workers workers;
    for (const char* name : {"a", "b"})
      workers.start(0, "", "", [&dir, name] {
        write_file(dir / (std::string(name) + " began"), "");
        for (int i = 0; i < 30'000 && !interrupted(); ++i) ::usleep(1000);
        check(interrupted(), "nobody interrupts");
        write_file(dir / name, "saved");
        throw Interrupted("interrupted");
      });
    while (!fs::exists(dir / "a began") || !fs::exists(dir / "b began")) ::usleep(1000);
    raise_interrupt();
    CHECK_THROWS_AS(workers.wait(), Interrupted);
  }
  clear_interrupt();
  CHECK(read_file(dir / "a") == "saved");
  CHECK(read_file(dir / "b") == "saved");
}
