#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

using Values = std::vector<double>;
constexpr double kEps = 1e-5;

// x [rows, d], then w [d], then b [d] in one list; the definition, in double.
Values plain_norm(bool center, int64_t rows, int64_t d, const Values& xwb) {
  const double *w = xwb.data() + rows * d, *b = w + d;
  Values y;
  for (int64_t t = 0; t < rows; ++t) {
    const double* x = xwb.data() + t * d;
    double mean = 0, variance = 0;
    for (int64_t i = 0; center && i < d; ++i) mean += x[i] / d;
    for (int64_t i = 0; i < d; ++i) variance += (x[i] - mean) * (x[i] - mean) / d;
    for (int64_t i = 0; i < d; ++i)
      y.push_back((x[i] - mean) / std::sqrt(variance + kEps) * w[i] + (center ? b[i] : 0));
  }
  return y;
}

void check_norm(bool center, DType dtype, int64_t rows, int64_t d, int64_t gap) {
  CAPTURE(center);
  CAPTURE(rows);
  CAPTURE(d);
  CAPTURE(gap);
  const auto x = TestTensor::random(1, DType::kF32, rows, d, gap);
  const auto w = TestTensor::random(2, DType::kF32, 1, d), b = TestTensor::random(3, DType::kF32, 1, d);
  TestTensor y(dtype, rows, d, 2 * gap);
  std::vector<float> mean(rows), rstd(rows);
  if (center) {
    layernorm_forward(x, w.f32(), b.f32(), kEps, y, mean.data(), rstd.data());
  } else {
    rmsnorm_forward(x, w.f32(), kEps, y, rstd.data());
  }
  Values xwb = x.values();
  for (const auto* v : {&w, &b}) {
    for (double value : v->values()) xwb.push_back(value);
  }
  CHECK(distance(y.values(), plain_norm(center, rows, d, xwb)) < 2 * tolerance_of(dtype));
  CHECK(y.gaps_untouched());
  if (rows * d > 700) return;  // the differences cost (rows d)^2

  const auto dy = TestTensor::random(4, DType::kF32, rows, d, gap);
  const auto before = TestTensor::random(5, DType::kF32, rows, d, gap),
             dx = TestTensor::random(5, DType::kF32, rows, d, gap);
  std::vector<float> dw(d, 1.0f), db(d, 2.0f);
  if (center) {
    layernorm_backward(dy, x, w.f32(), mean.data(), rstd.data(), dx, dw.data(), db.data());
  } else {
    rmsnorm_backward(dy, x, w.f32(), rstd.data(), dx, dw.data());
  }
  const Values dy_values = dy.values();
  Values expected =
      numeric_gradient([&](const Values& v) { return dot(plain_norm(center, rows, d, v), dy_values); }, xwb);
  const Values dx_before = before.values();
  for (size_t i = 0; i < dx_before.size(); ++i) expected[i] += dx_before[i];
  for (int64_t i = 0; i < d; ++i) {
    expected[rows * d + i] += 1;
    expected[rows * d + d + i] += 2;  // 0 + 2 for RMSNorm, where db is not touched
  }
  Values actual = dx.values();
  actual.insert(actual.end(), dw.begin(), dw.end());
  actual.insert(actual.end(), db.begin(), db.end());
  CHECK(distance(actual, expected) < 2e-5);
  CHECK(dx.gaps_untouched());

  const auto dx_alone = TestTensor::random(5, DType::kF32, rows, d, gap);  // frozen weights: the same dx
  if (center) {
    layernorm_backward(dy, x, w.f32(), mean.data(), rstd.data(), dx_alone, nullptr, nullptr);
  } else {
    rmsnorm_backward(dy, x, w.f32(), rstd.data(), dx_alone, nullptr);
  }
  CHECK(dx_alone.values() == dx.values());
}

TEST_CASE("norms: forward and backward against the definition") {
  for_each_target([] {
    for (const bool center : {false, true}) {
      for (const DType dtype : {DType::kF32, DType::kBF16}) {
        for (const int64_t d : {7, 63, 65, 576}) {
          for (const int64_t rows : {0, 1, 3, 70}) check_norm(center, dtype, rows, d, d % 5);
        }
      }
    }
    check_norm(false, DType::kF32, 3, 1, 0);
    check_norm(true, DType::kF32, 100, 7, 0);
  });
}

TEST_CASE("norms: the gradients of the weights do not depend on the number of threads") {
  const int64_t rows = 333, d = 96;
  const auto x = TestTensor::random(1, DType::kF32, rows, d), dy = TestTensor::random(2, DType::kF32, rows, d);
  const std::vector<float> w(d, 1.0f), mean(rows, 0.1f), rstd(rows, 0.9f);
  std::vector<std::vector<float>> results;
  const int threads_before = num_threads();
  for (const int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    TestTensor dx(DType::kF32, rows, d);
    fill_zero(dx);
    std::vector<float> dw(d), db(d);
    layernorm_backward(dy, x, w.data(), mean.data(), rstd.data(), dx, dw.data(), db.data());
    dw.insert(dw.end(), db.begin(), db.end());
    results.push_back(dw);
  }
  set_num_threads(threads_before);
  for (const auto& result : results) CHECK(result == results[0]);
}

TEST_CASE("norms: wrong shapes and types are errors") {
  const TestTensor x(DType::kF32, 3, 8), short_y(DType::kF32, 3, 7), half(DType::kF16, 3, 8), bf16(DType::kBF16, 3, 8);
  const std::vector<float> w(8, 1.0f);
  CHECK_THROWS_WITH_AS(rmsnorm_forward(x, w.data(), kEps, short_y, nullptr),
                       "rmsnorm_forward: y is 3 x 7, expected 3 x 8", Error);
  CHECK_THROWS_AS(rmsnorm_forward(x, w.data(), kEps, half, nullptr), Error);
  CHECK_THROWS_AS(rmsnorm_forward(bf16, w.data(), kEps, x, nullptr), Error);
}

}  // namespace
}  // namespace lethe::tensor
