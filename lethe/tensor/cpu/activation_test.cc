#include <numbers>

#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

using Values = std::vector<double>;

double plain_silu(double x) { return x / (1 + std::exp(-x)); }
double plain_gelu(Gelu kind, double x) {
  if (kind == Gelu::kErf) return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
double plain_gelu_slope(Gelu kind, double x) {
  return (plain_gelu(kind, x + 1e-5) - plain_gelu(kind, x - 1e-5)) / 2e-5;
}

TEST_CASE("swiglu: forward and backward against the definition") {
  for_each_target([] {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      for (const int64_t f : {1, 7, 63, 65}) {
        for (const int64_t rows : {0, 1, 5}) {
          CAPTURE(f);
          CAPTURE(rows);
          const auto gate_up = TestTensor::random(1, dtype, rows, 2 * f, 3, 3);
          const auto dy = TestTensor::random(2, dtype, rows, f, 1);
          TestTensor y(dtype, rows, f, 2);
          swiglu_forward(gate_up, y);
          Values expected, expected_d;
          for (int64_t t = 0; t < rows; ++t) {
            for (int64_t i = 0; i < f; ++i) {
              expected.push_back(plain_silu(gate_up.at(t, i)) * gate_up.at(t, f + i));
            }
            const auto loss = [&](const Values& v) {
              double sum = 0;
              for (int64_t i = 0; i < f; ++i) sum += dy.at(t, i) * plain_silu(v[i]) * v[f + i];
              return sum;
            };
            Values row;
            for (int64_t i = 0; i < 2 * f; ++i) row.push_back(gate_up.at(t, i));
            for (double g : numeric_gradient(loss, row)) expected_d.push_back(g);
          }
          CHECK(distance(y.values(), expected) < tolerance_of(dtype));
          TestTensor dgate_up(dtype, rows, 2 * f, 5);
          swiglu_backward(dy, gate_up, dgate_up);
          CHECK(distance(dgate_up.values(), expected_d) < tolerance_of(dtype));
          CHECK((y.gaps_untouched() && dgate_up.gaps_untouched()));
          swiglu_backward(dy, gate_up, gate_up);  // in place
          CHECK(gate_up.values() == dgate_up.values());
        }
      }
    }
  });
}

TEST_CASE("swiglu stays finite far out and keeps NaN") {
  for_each_target([] {
    TestTensor gate_up(DType::kF32, 1, 8), y(DType::kF32, 1, 4);
    const double gates[] = {-1e4, 1e4, -88, std::nan("")};
    for (int64_t i = 0; i < 4; ++i) {
      gate_up.set(0, i, gates[i]);
      gate_up.set(0, 4 + i, 2);
    }
    swiglu_forward(gate_up, y);
    CHECK(std::abs(y.at(0, 0)) < 1e-30);
    CHECK(y.at(0, 1) == 2e4);
    CHECK(std::abs(y.at(0, 2)) < 1e-30);
    CHECK(std::isnan(y.at(0, 3)));
  });
}

TEST_CASE("gelu: forward and backward against the definition, everywhere") {
  for_each_target([] {
    for (const Gelu kind : {Gelu::kErf, Gelu::kTanh}) {
      for (const DType dtype : {DType::kF32, DType::kBF16}) {
        const int64_t rows = 3, cols = 16001;  // [-12, 12] in steps of 0.0005
        TestTensor x(dtype, rows, cols, 1), y(dtype, rows, cols), dx(dtype, rows, cols, 2);
        const auto dy = TestTensor::random(1, dtype, rows, cols, 3);
        for (int64_t t = 0; t < rows; ++t) {
          for (int64_t i = 0; i < cols; ++i) x.set(t, i, -12 + (t * cols + i) * 0.0005);
        }
        gelu_forward(kind, x, y);
        gelu_backward(kind, dy, x, dx);
        Values expected, expected_d;
        for (int64_t t = 0; t < rows; ++t) {
          for (int64_t i = 0; i < cols; ++i) {
            expected.push_back(plain_gelu(kind, x.at(t, i)));
            expected_d.push_back(plain_gelu_slope(kind, x.at(t, i)) * dy.at(t, i));
          }
        }
        CHECK(distance(y.values(), expected) < (dtype == DType::kF32 ? 5e-7 : tolerance_of(dtype)));
        CHECK(distance(dx.values(), expected_d) < 2 * tolerance_of(dtype));  // |dy| up to 4
        CHECK(dx.gaps_untouched());
        gelu_backward(kind, dy, x, dy);  // in place
        CHECK(dy.values() == dx.values());
      }
    }
  });
}

TEST_CASE("gelu, exact: the left tail keeps its relative accuracy") {
  for_each_target([] {
    TestTensor x(DType::kF32, 1, 800), y(DType::kF32, 1, 800);
    for (int64_t i = 0; i < 800; ++i) x.set(0, i, -i * 0.01);
    gelu_forward(Gelu::kErf, x, y);
    double most = 0;
    for (int64_t i = 1; i < 800; ++i)
      most = std::max(most, std::abs(y.at(0, i) / plain_gelu(Gelu::kErf, x.at(0, i)) - 1));
    CHECK(most < 5e-6);
  });
}

TEST_CASE("activations: wrong shapes and types are errors") {
  const TestTensor a(DType::kF32, 2, 8), b(DType::kBF16, 2, 8), c(DType::kF32, 2, 3), h(DType::kF16, 2, 8);
  CHECK_THROWS_AS(gelu_forward(Gelu::kErf, a, b), Error);
  CHECK_THROWS_AS(gelu_forward(Gelu::kErf, a, c), Error);
  CHECK_THROWS_AS(gelu_forward(Gelu::kErf, h, h), Error);
  CHECK_THROWS_WITH_AS(swiglu_forward(a, c), "swiglu_forward: gate_up is 2 x 8, expected 2 x 6", Error);
  CHECK_THROWS_AS(swiglu_backward(c, a, a), Error);
}

}  // namespace
}  // namespace lethe::tensor
