#include "lethe/run/metrics.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace lethe::run;

TEST_CASE("what a stage has spent: the sums of its lines") {
  const std::vector<StepMetrics> lines = {{1, "forget", 0, 0, 0, 10, 100},
                                          {2, "forget", 0, 0, 0, 30, 100},
                                          {1, "learn", 0, 0, 0, 7, 14},
                                          {2, "learn", 0, 0, 0, 5, NAN}};  // a clock that stood still
  CHECK(spent(lines, "forget").tokens == 40);
  CHECK(spent(lines, "forget").seconds == doctest::Approx(0.4));
  CHECK(spent(lines, "learn").tokens == 12);
  CHECK(spent(lines, "learn").seconds == doctest::Approx(0.5));
  CHECK(spent(lines, "train").tokens == 0);
  CHECK(spent(lines, "train").seconds == 0);
}

TEST_CASE("steps that were not logged count as the mean of those that were") {
  const std::vector<StepMetrics> lines = {{3, "train", 0, 0, 0, 10, 100}, {6, "train", 0, 0, 0, 20, 100}};
  CHECK(spent(lines, "train").tokens == 90);  // 6 steps of 15
  CHECK(spent(lines, "train").seconds == doctest::Approx(0.9));
  CHECK(spent(lines, "train", 8).tokens == 120);  // and two that the log does not know yet
}
