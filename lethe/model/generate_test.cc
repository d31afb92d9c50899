#include "lethe/model/generate.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::model;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

int32_t drawn(const std::vector<float>& logits, const GenerateOptions& options) {
  Random random(1, "test");
  return sample(logits, options, random);
}

}  // namespace

TEST_CASE("logits that are no numbers are an error, however the token is taken") {
  GenerateOptions greedy, free, top_k, top_p;
  free.temperature = top_k.temperature = top_p.temperature = 1;
  top_k.top_k = 2;
  top_p.top_p = 0.5;
  greedy.model_name = free.model_name = top_k.model_name = top_p.model_name = "m";
  for (const GenerateOptions& options : {greedy, free, top_k, top_p}) {
    CAPTURE(options.temperature);
    CAPTURE(options.top_k);
    CHECK(drawn({0, 100, -1}, options) == 1);
    CHECK(drawn({-kInf, -kInf, -3, -kInf}, options) == 2);
    for (const std::vector<float>& wrong :
         {std::vector<float>{kNan, 1, 2}, {1, 2, kNan}, {1, kInf, 2}, {kNan, kNan}, {-kInf, -kInf}})
      CHECK_THROWS_WITH_AS(drawn(wrong, options), doctest::Contains("m: the model's outputs are not numbers"), Error);
  }
}
