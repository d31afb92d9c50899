#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

using Values = std::vector<double>;

TEST_CASE("add_scaled and fill_zero, with and without gaps") {
  for_each_target([] {
    for (const int64_t gap : {0, 3}) {
      for (const int64_t cols : {1, 7, 63, 65}) {
        for (const int64_t rows : {0, 1, 6}) {
          const auto x = TestTensor::random(1, DType::kF32, rows, cols, gap);
          const auto y = TestTensor::random(2, DType::kF32, rows, cols, gap);
          Values expected = y.values();
          const Values add = x.values();
          for (size_t i = 0; i < expected.size(); ++i) expected[i] += static_cast<double>(-0.3f) * add[i];
          add_scaled(x, -0.3f, y);
          CHECK(distance(y.values(), expected) < 2e-7);
          for (const DType dtype : {DType::kF32, DType::kBF16}) {
            const auto z = TestTensor::random(2, dtype, rows, cols, gap);
            fill_zero(z);
            CHECK(z.values() == Values(rows * cols, 0.0));
            CHECK((y.gaps_untouched() && z.gaps_untouched()));
          }
        }
      }
    }
  });
}

TEST_CASE("dropout: the share that is dropped, its scale, and one mask for forward and backward") {
  for_each_target([] {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      const int64_t rows = 100, cols = 1001;
      TestTensor x(dtype, rows, cols, 1), y(dtype, rows, cols, 2), other(dtype, rows, cols);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < cols; ++j) x.set(i, j, 3);
      }
      const float p = 0.2f;
      dropout(x, p, 42, y);
      double dropped = 0, neighbours = 0, rows_alike = 0;
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < cols; ++j) {
          const double value = y.at(i, j);
          dropped += value == 0;
          if (value != 0) REQUIRE(value == doctest::Approx(3.75).epsilon(tolerance_of(dtype)));
          if (j > 0) neighbours += value == 0 && y.at(i, j - 1) == 0;
          if (i > 0) rows_alike += value == 0 && y.at(i - 1, j) == 0;
        }
      }
      const double n = rows * cols;
      CHECK(dropped / n == doctest::Approx(0.2).epsilon(0.02));  // 3 standard deviations are 0.019 of it
      CHECK(neighbours / n == doctest::Approx(0.04).epsilon(0.06));
      CHECK(rows_alike / n == doctest::Approx(0.04).epsilon(0.06));
      CHECK(y.gaps_untouched());

      const auto dy = TestTensor::random(7, dtype, rows, cols);
      dropout(dy, p, 42, other);
      bool same_mask = true;
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < cols; ++j)
          same_mask = same_mask && (other.at(i, j) == 0) == (y.at(i, j) == 0 || dy.at(i, j) == 0);
      }
      CHECK(same_mask);
      dropout(x, p, 43, other);
      CHECK(other.values() != y.values());
      dropout(x, 0, 42, other);
      CHECK(other.values() == x.values());
    }
  });
  const TestTensor x(DType::kF32, 1, 4);
  CHECK_THROWS_AS(dropout(x, 1, 1, x), Error);
  CHECK_THROWS_AS(dropout(x, -0.1f, 1, x), Error);
}

TEST_CASE("dropout draws the same mask with every instruction set") {
  const auto x = TestTensor::random(1, DType::kF32, 3, 77);
  std::vector<Values> results;
  for_each_target([&] {
    TestTensor y(DType::kF32, 3, 77);
    dropout(x, 0.5f, 9, y);
    results.push_back(y.values());
  });
  for (const Values& result : results) CHECK(result == results[0]);
}

TEST_CASE("sum_of_squares is an fp64 sum that does not depend on the threads") {
  for_each_target([] {
    for (const int64_t n : {0, 1, 7, 63, 65, 200001}) {
      const auto x = TestTensor::random(1, DType::kF32, 1, n);
      double expected = 0;
      for (double v : x.values()) expected += v * v;
      const int threads_before = num_threads();
      set_num_threads(1);
      const double alone = sum_of_squares(x.f32(), n);
      set_num_threads(3);
      CHECK(sum_of_squares(x.f32(), n) == alone);
      set_num_threads(threads_before);
      CHECK(alone == doctest::Approx(expected).epsilon(1e-13));
    }
    const std::vector<float> huge(100, 1e30f);  // its square is no fp32
    CHECK(sum_of_squares(huge.data(), 100) == doctest::Approx(1e62));
  });
}

}  // namespace
}  // namespace lethe::tensor
