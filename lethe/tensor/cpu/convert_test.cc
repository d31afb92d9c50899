#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

float float_of_bits(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

// The 16-bit number nearest to x, ties to even: by comparing distances to the neighbours in double.
template <class T>
uint16_t nearest(float x, uint16_t infinity) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::abs(static_cast<double>(x));
  uint16_t low = 0, high = infinity;  // binary search: low <= magnitude < high
  if (std::isinf(x)) return sign | infinity;
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (value_of(T{middle}) <= magnitude ? low : high) = middle;
  }
  // Overflow rounds as if the exponent went on.
  const double below = value_of(T{low});
  const double above = high == infinity ? 2 * below - value_of(T{static_cast<uint16_t>(low - 1)}) : value_of(T{high});
  const bool up = magnitude - below > above - magnitude || (magnitude - below == above - magnitude && low % 2 == 1);
  return sign | (up ? high : low);
}

std::vector<float> interesting_floats() {
  std::vector<float> all{0.0f,      -0.0f,    INFINITY,  -INFINITY, 65504.0f,
                         65519.99f, 65520.0f, -65520.0f, 1e38f,     3.4028235e38f};
  for (int sign = 0; sign < 2; ++sign) {
    for (uint32_t h = 0; h < 0x7c00; h += 3) {  // halves, the ties above them and the neighbours of these
      const auto x = static_cast<float>(value_of(F16{static_cast<uint16_t>(h)}));
      const auto next = static_cast<float>(value_of(F16{static_cast<uint16_t>(h + 1)}));
      const float tie = std::isinf(next) ? 65520.0f : (x + next) / 2;
      for (float f : {x, tie, std::nextafter(tie, 0.0f), std::nextafter(tie, 1e9f)}) all.push_back(sign == 0 ? f : -f);
    }
    for (uint32_t h = 0; h < 0x7f80; h += 7) {  // the same for bf16, denormals with them
      for (uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
        all.push_back(float_of_bits((sign == 0 ? 0 : 0x80000000u) | h << 16 | low));
      }
    }
  }
  Random random(1, "floats");
  for (int i = 0; i < 20000; ++i) {
    const float f = float_of_bits(static_cast<uint32_t>(random.next()));
    if (!std::isnan(f)) all.push_back(f);
  }
  return all;
}

TEST_CASE("convert: fp32 to bf16 and fp16 rounds to nearest, ties to even") {
  std::vector<float> from = interesting_floats();
  const auto n = static_cast<int64_t>(from.size());
  std::vector<uint16_t> bf16, fp16;
  for (float x : from) {
    bf16.push_back(nearest<BF16>(x, 0x7f80));
    fp16.push_back(nearest<F16>(x, 0x7c00));
  }
  for_each_target([&] {
    std::vector<uint16_t> actual(from.size());
    convert(Tensor(from.data(), 1, n), Tensor(actual.data(), DType::kBF16, 1, n));
    CHECK(actual == bf16);
    convert(Tensor(from.data(), 1, n), Tensor(actual.data(), DType::kF16, 1, n));
    CHECK(actual == fp16);
  });
}

TEST_CASE("convert: every 16-bit number to fp32 and back, and to the other 16-bit type") {
  for_each_target([] {
    for (const bool half : {false, true}) {
      const DType type = half ? DType::kF16 : DType::kBF16, other = half ? DType::kBF16 : DType::kF16;
      const auto value = [&](uint16_t h) { return half ? value_of(F16{h}) : value_of(BF16{h}); };
      std::vector<uint16_t> all(65536), back(65536), across(65536);
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
      std::vector<float> wide(65536);
      const Tensor narrow(all.data(), type, 1, 65536);
      convert(narrow, Tensor(wide.data(), 1, 65536));
      convert(Tensor(wide.data(), 1, 65536), Tensor(back.data(), type, 1, 65536));
      convert(narrow, Tensor(across.data(), other, 1, 65536));
      for (size_t i = 0; i < all.size(); ++i) {
        CAPTURE(i);
        if (std::isnan(value(all[i]))) {
          REQUIRE((std::isnan(wide[i]) && std::isnan(value(back[i]))));
          REQUIRE(std::isnan(half ? value_of(BF16{across[i]}) : value_of(F16{across[i]})));
          continue;
        }
        REQUIRE(wide[i] == value(all[i]));
        REQUIRE(std::signbit(wide[i]) == (i >= 0x8000));
        REQUIRE(back[i] == all[i]);
        REQUIRE(across[i] == (half ? nearest<BF16>(wide[i], 0x7f80) : nearest<F16>(wide[i], 0x7c00)));
      }
    }
  });
}

TEST_CASE("convert keeps NaN, whatever its bits") {
  std::vector<float> from;
  for (uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffc00000u, 0x7fc01234u})
    from.push_back(float_of_bits(bits));
  for_each_target([&] {
    std::vector<uint16_t> to(5);
    convert(Tensor(from.data(), 1, 5), Tensor(to.data(), DType::kBF16, 1, 5));
    for (uint16_t h : to) CHECK(std::isnan(value_of(BF16{h})));
    convert(Tensor(from.data(), 1, 5), Tensor(to.data(), DType::kF16, 1, 5));
    for (uint16_t h : to) CHECK(std::isnan(value_of(F16{h})));
  });
}

TEST_CASE("convert: odd sizes, strides, equal types, no rows") {
  for_each_target([] {
    for (const int64_t cols : {1, 7, 63, 65}) {
      for (const int64_t rows : {0, 1, 9}) {
        for (const DType from : {DType::kF32, DType::kBF16}) {
          for (const DType to : {DType::kF32, DType::kBF16}) {
            const auto x = TestTensor::random(1, from, rows, cols, 2);
            TestTensor y(to, rows, cols, 3);
            convert(x, y);
            CHECK(distance(y.values(), x.values(), 1e-30) <= (to == from || to == DType::kF32 ? 0 : 0x1p-8));
            CHECK(y.gaps_untouched());
          }
        }
      }
    }
  });
  const TestTensor x(DType::kF32, 2, 3), y(DType::kF32, 3, 2);
  CHECK_THROWS_AS(convert(x, y), Error);
}

}  // namespace
}  // namespace lethe::tensor
