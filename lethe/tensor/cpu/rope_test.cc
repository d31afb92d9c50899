#include <array>

#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

struct Angles {
  TestTensor cos, sin;
  Angles(int64_t positions, int64_t half) : cos(DType::kF32, positions, half, 3), sin(DType::kF32, positions, half, 1) {
    for (int64_t p = 0; p < positions; ++p) {
      for (int64_t i = 0; i < half; ++i) {
        const double angle = p * std::pow(10000.0, -static_cast<double>(i) / half);
        cos.set(p, i, std::cos(angle));
        sin.set(p, i, std::sin(angle));
      }
    }
  }
};

TEST_CASE("rope turns pairs of columns by the angle of the position, and back") {
  for_each_target([] {
    const std::vector<int32_t> positions{0, 5, 2, 19, 0};
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      for (const auto& shape : std::vector<std::array<int64_t, 3>>{
               {1, 2, 1}, {3, 64, 32}, {2, 20, 7}, {2, 130, 65}, {1, 128, 63}, {2, 64, 8}, {3, 20, 4}}) {
        const int64_t heads = shape[0], head_dim = shape[1], half = shape[2];
        CAPTURE(head_dim);
        const Angles angles(20, half);
        const auto x = TestTensor::random(1, dtype, 5, heads * head_dim, 9);
        const std::vector<double> before = x.values();
        std::vector<double> expected = before;
        for (size_t t = 0; t < positions.size(); ++t) {
          for (int64_t h = 0; h < heads; ++h) {
            for (int64_t i = 0; i < half; ++i) {
              const size_t a = (t * heads + h) * head_dim + i, b = a + half;
              const double c = angles.cos.at(positions[t], i), s = angles.sin.at(positions[t], i);
              expected[a] = before[a] * c - before[b] * s;
              expected[b] = before[b] * c + before[a] * s;
            }
          }
        }
        rope(x, heads, head_dim, positions, angles.cos, angles.sin, false);
        CHECK(distance(x.values(), expected) < tolerance_of(dtype));
        CHECK(x.gaps_untouched());
        rope(x, heads, head_dim, positions, angles.cos, angles.sin, true);  // the transpose is the inverse
        CHECK(distance(x.values(), before) < 4 * tolerance_of(dtype));
      }
    }
  });
}

TEST_CASE("rope turns heads that lie apart and nothing between them") {
  const Angles angles(8, 4);
  const std::vector<int32_t> positions{0, 7, 3};
  const auto x = TestTensor::random(2, DType::kF32, 3, 2 * 30);
  const std::vector<double> before = x.values();
  const Tensor keys = x.view().col_range(10, 40);  // of two heads of [q, k, v], 10 columns each: the keys
  rope(keys, 2, 30, positions, angles.cos, angles.sin, false);
  for (int64_t t = 0; t < 3; ++t) {
    for (int64_t j = 0; j < 60; ++j) {
      const int64_t i = j % 30 - 10, pair = i < 4 ? i + 4 : i - 4;
      double want = before[static_cast<size_t>(t * 60 + j)];
      if (i >= 0 && i < 8) {
        const double other = before[static_cast<size_t>(t * 60 + j - i + pair)];
        const double c = angles.cos.at(positions[static_cast<size_t>(t)], i % 4),
                     s = angles.sin.at(positions[static_cast<size_t>(t)], i % 4);
        want = i < 4 ? want * c - other * s : want * c + other * s;
      }
      CHECK(x.at(t, j) == doctest::Approx(want).epsilon(1e-6));
    }
  }
}

TEST_CASE("rope: no rows, positions beyond the table, too many angles") {
  const Angles angles(8, 4);
  const std::vector<int32_t> none, beyond{3, 8}, negative{0, -1}, good{0, 7};
  const TestTensor empty(DType::kF32, 0, 8), x(DType::kF32, 2, 8), narrow(DType::kF32, 2, 6);
  rope(empty, 1, 8, none, angles.cos, angles.sin, false);
  const std::vector<double> before = x.values();
  CHECK_THROWS_WITH_AS(rope(x, 1, 8, beyond, angles.cos, angles.sin, false), "rope: position 8 is outside [0, 8)",
                       Error);
  CHECK_THROWS_AS(rope(x, 1, 8, negative, angles.cos, angles.sin, false), Error);
  CHECK_THROWS_AS(rope(narrow, 1, 6, good, angles.cos, angles.sin, false), Error);
  CHECK(x.values() == before);
}

}  // namespace
}  // namespace lethe::tensor
