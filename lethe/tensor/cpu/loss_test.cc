#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

using Values = std::vector<double>;

double plain_nll(const Values& x, int32_t target) {
  double most = x[0], sum = 0;
  for (double v : x) most = std::max(most, v);
  for (double v : x) sum += std::exp(v - most);
  return std::log(sum) + most - x[static_cast<size_t>(target)];
}

struct Result {
  std::vector<float> nll;
  std::vector<int32_t> argmax;
};
Result run(const TestTensor& logits, const std::vector<int32_t>& targets, const Tensor& dlogits, float scale = 1) {
  Result r{std::vector<float>(targets.size()), std::vector<int32_t>(targets.size())};
  cross_entropy(logits, targets, r.nll.data(), r.argmax.data(), dlogits, scale);
  return r;
}

TEST_CASE("cross_entropy: loss, argmax and gradient against the definition") {
  for_each_target([] {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      for (const int64_t v : {1, 7, 63, 65, 5000}) {
        for (const int64_t rows : {0, 1, 5}) {
          CAPTURE(v);
          CAPTURE(rows);
          const auto logits = TestTensor::random(v, DType::kF32, rows, v, 1, 4);
          std::vector<int32_t> targets;
          for (int64_t i = 0; i < rows; ++i) targets.push_back(static_cast<int32_t>((i * 37) % v));
          TestTensor dlogits(dtype, rows, v, 2);
          const Result r = run(logits, targets, dlogits, 0.25f);
          for (int64_t i = 0; i < rows; ++i) {
            Values row, drow;
            for (int64_t j = 0; j < v; ++j) {
              row.push_back(logits.at(i, j));
              drow.push_back(dlogits.at(i, j));
            }
            CHECK(r.nll[i] == doctest::Approx(plain_nll(row, targets[i])).epsilon(1e-6));
            CHECK(r.argmax[i] == std::max_element(row.begin(), row.end()) - row.begin());
            if (v > 100) continue;
            const auto gradient =
                numeric_gradient([&](const Values& x) { return 0.25 * plain_nll(x, targets[i]); }, row);
            CHECK(distance(drow, gradient, 0.25) < tolerance_of(dtype));
          }
          CHECK(dlogits.gaps_untouched());
          const Result without = run(logits, targets, Tensor());
          CHECK(without.nll == r.nll);
        }
      }
    }
  });
}

TEST_CASE("cross_entropy: the gradient of a row sums to zero and keeps small probabilities") {
  for_each_target([] {
    const int64_t v = 49152;
    const auto logits = TestTensor::random(1, DType::kF32, 2, v);
    TestTensor dlogits(DType::kF32, 2, v);
    run(logits, {5, v - 1}, dlogits);
    for (int64_t i = 0; i < 2; ++i) {
      double sum = 0, least = 1;
      for (int64_t j = 0; j < v; ++j) {
        sum += dlogits.at(i, j);
        if (j != (i == 0 ? 5 : v - 1)) least = std::min(least, dlogits.at(i, j));
      }
      CHECK(std::abs(sum) < 1e-6);
      CHECK(least > 0);
    }
  });
}

TEST_CASE("cross_entropy: equal and huge logits") {
  for_each_target([] {
    const int64_t v = 9000;
    TestTensor logits(DType::kF32, 4, v), dlogits(DType::kF32, 4, v);
    for (int64_t j = 0; j < v; ++j) {
      logits.set(0, j, 2.5);                              // all equal
      logits.set(1, j, j == 8999 ? 1e4 : -1e4);           // certain and right
      logits.set(2, j, j == 8999 ? 1e4 : -1e4);           // certain and wrong
      logits.set(3, j, j == 4200 || j == 8300 ? 1 : -1);  // two equal maxima, in different blocks
    }
    const Result r = run(logits, {3, 8999, 0, 0}, dlogits);
    CHECK(r.nll[0] == doctest::Approx(std::log(9000.0)));
    CHECK(r.nll[1] == 0);
    CHECK(r.nll[2] == doctest::Approx(2e4));
    CHECK(r.argmax == std::vector<int32_t>{0, 8999, 8999, 4200});
    CHECK(dlogits.at(1, 8999) == 0);
    CHECK(dlogits.at(2, 0) == -1);
    CHECK(dlogits.at(2, 8999) == 1);
    for (double d : dlogits.values()) REQUIRE(std::isfinite(d));
  });
}

TEST_CASE("cross_entropy shows NaN and rejects targets outside the vocabulary") {
  for_each_target([] {
    auto logits = TestTensor::random(1, DType::kF32, 1, 100);
    logits.set(0, 70, std::nan(""));
    CHECK(std::isnan(run(logits, {3}, Tensor()).nll[0]));
  });
  const auto logits = TestTensor::random(1, DType::kF32, 1, 100);
  CHECK_THROWS_WITH_AS(run(logits, {100}, Tensor()), "cross_entropy: target 100 is outside [0, 100)", Error);
  CHECK_THROWS_AS(run(logits, {-100}, Tensor()), Error);
  CHECK_THROWS_AS(run(logits, {1, 2}, Tensor()), Error);
}

}  // namespace
}  // namespace lethe::tensor
