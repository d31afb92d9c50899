#include "lethe/run/metrics.h"

#include <doctest/doctest.h>

#include <cmath>

#include "lethe/base/error.h"

using namespace lethe::run;

TEST_CASE("a line of metrics reads as it was written; a number that is not finite is null") {
  const StepMetrics step = {7, "learn", 0.1234567890123456, 5e-5, INFINITY, 130, 2048.26};
  const std::string line = to_json_line(step);
  CHECK(line ==
        "{\"step\":7,\"stage\":\"learn\",\"loss\":0.1234567890123456,\"learning_rate\":5e-05,\"grad_norm\":null,"
        "\"tokens\":130,\"tokens_per_second\":2048.3}\n");
  size_t bytes = 0;
  const auto read = parse_metrics(line + line + "{\"step\":8,", "metrics.jsonl", &bytes);
  CHECK(bytes == 2 * line.size());
  REQUIRE(read.size() == 2);
  CHECK(read[1].step == 7);
  CHECK(read[1].stage == "learn");
  CHECK(read[1].loss == step.loss);
  CHECK(std::isnan(read[1].grad_norm));
  CHECK(read[1].tokens == 130);
  CHECK_THROWS_WITH_AS(parse_metrics("no\n" + line, "metrics.jsonl"), doctest::Contains("metrics.jsonl:1"),
                       lethe::Error);
}
