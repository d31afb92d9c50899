#include "lethe/study/workers.h"

#include <doctest/doctest.h>
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
  workers.start(5, "a: ", [&] { exchange("a", "b"); });
  workers.start(7, "b: ", [&] { exchange("b", "a"); });
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
  workers.start(0, "", [&] { fail("{}", longer); });
  CHECK_THROWS_WITH_AS(workers.wait(), longer.c_str(), Error);
  workers.start(0, "", [] { fail_usage("wrong"); });
  CHECK_THROWS_WITH_AS(workers.wait(), "wrong", UsageError);
  workers.start(0, "", [] { throw Interrupted("the state is saved"); });
  CHECK_THROWS_WITH_AS(workers.wait(), "the state is saved", Interrupted);
  workers.start(0, "stage: ", [] { ::raise(SIGKILL); });
  CHECK_THROWS_WITH_AS(workers.wait(), doctest::Contains("stage: its process was ended by signal 9"), Error);
}

TEST_CASE("an interrupt reaches every worker, and their end is waited for") {
  const TempDir dir;
  catch_interrupts();
  {
    Workers workers;
    for (const char* name : {"a", "b"})
      workers.start(0, "", [&dir, name] {
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
