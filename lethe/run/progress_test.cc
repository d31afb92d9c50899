#include "lethe/run/progress.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <regex>
#include <thread>

#include "lethe/base/file.h"

using namespace lethe;
using namespace lethe::run;

namespace {

// What `work` writes to stderr while stderr is a file, so not a terminal.
template <typename Work>
std::string stderr_of(Work work) {
  const fs::path path = fs::temp_directory_path() / fmt::format("lethe_progress_test_{}", ::getpid());
  std::fflush(stderr);
  const int saved = ::dup(STDERR_FILENO);
  REQUIRE(std::freopen(path.c_str(), "w", stderr) != nullptr);
  work();
  std::fflush(stderr);
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  const std::string text = read_file(path);
  fs::remove(path);
  return text;
}

TEST_CASE("byte_progress counts in bytes, from its first call") {
  const std::string text = stderr_of([] {
    const auto progress = byte_progress("write");
    progress(0, 4'000'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(2050));
    progress(1'000'000, 4'000'000);
    progress(4'000'000, 4'000'000);
  });
  const std::regex expected(
      "write: 25 %, 1.00/4.00 MB, [0-9.]+ [kM]?B/s, [0-9.]+ s left\nwrite: 4.00 MB in [0-9.]+ s, [0-9.]+ [kM]?B/s\n");
  CHECK_MESSAGE(std::regex_match(text, expected), text);
}

}  // namespace

TEST_CASE("durations are written with the two units that matter") {
  CHECK(duration_text(0.04) == "0.0 s");
  CHECK(duration_text(9.94) == "9.9 s");
  CHECK(duration_text(9.96) == "10 s");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(59.6) == "1 min 00 s");
  CHECK(duration_text(185) == "3 min 05 s");
  CHECK(duration_text(3599.6) == "1 h 00 min");
  CHECK(duration_text(7620) == "2 h 07 min");
  CHECK(duration_text(4 * 86400 + 3 * 3600) == "4 d 03 h");
  CHECK(duration_text(-1) == "?");
  CHECK(duration_text(0.0 / 0.0) == "?");
}

TEST_CASE("the progress line tells share, count, rate and time left") {
  CHECK(progress_line({"forget", "steps", 0, 120, 400, 37.5, "loss 0.42"}) ==
        "forget: 30 %, 120/400 steps, 3.20 steps/s, 1 min 28 s left, loss 0.42");
  CHECK(progress_line({"forget", "steps", 0, 400, 400, 125, ""}) == "forget: 100 %, 400/400 steps, 3.20 steps/s");
  CHECK(progress_line({"read", "lines", 0, 5000, 0, 2, ""}) == "read: 5000 lines, 2500 lines/s");
  CHECK(progress_line({"learn", "steps", 0, 0, 400, 0, ""}) == "learn: 0 %, 0/400 steps");
  CHECK(progress_line({"learn", "steps", 0, 1, 100, 40, ""}) ==
        "learn: 1 %, 1/100 steps, 1.50 steps/min, 1 h 06 min left");
  CHECK(progress_line({"write", "B", 0, 1'500'000'000, 13'000'000'000, 3, ""}) ==
        "write: 11 %, 1.50/13.0 GB, 500 MB/s, 23 s left");
  // Resumed at 300 of 400: the rate is that of this process.
  CHECK(progress_line({"learn", "steps", 300, 320, 400, 10, ""}) ==
        "learn: 80 %, 320/400 steps, 2.00 steps/s, 40 s left");
  CHECK(summary_line({"learn", "steps", 300, 400, 400, 50, ""}) == "learn: 100 steps in 50 s, 2.00 steps/s");
}

TEST_CASE(
    "work under two seconds shows nothing, longer work a line, its end a summary, and quiet silences both and notes") {
  CHECK(stderr_of([] {
          Progress progress("fast", 2, "steps");
          progress.update(1);
          progress.update(2);
        }) == "");
  const auto slow = [] {
    message("a note {}", 7);
    Progress progress("slow", 3, "steps");
    progress.update(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2050));
    progress.update(2, "loss 0.5");
    progress.update(3, "loss 0.4");
  };
  const std::string text = stderr_of(slow);
  // The third update comes too soon after the second for a line of its own. How long it all took is the machine's
  // affair.
  const std::regex expected(
      "a note 7\nslow: 66 %, 2/3 steps, [0-9.]+ steps/s, [0-9.]+ s left, loss 0.5\n"
      "slow: 3 steps in [0-9.]+ s, [0-9.]+ steps/s, loss 0.4\n");
  CHECK(std::regex_match(text, expected));
  set_quiet(true);
  CHECK(stderr_of(slow) == "");
  set_quiet(false);
}
