// Element by element: scaled addition, zeros, dropout, the sum of squares.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/elementwise.cc"
#include <cmath>
#include <cstring>
#include <numeric>

#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

void add_scaled_stretch(const float* x, float alpha, float* y, int64_t n) {
  const Floats a = set(alpha);
  for_vectors(n, [&](int64_t i, auto part)
                     HWY_ATTR { store(hn::MulAdd(a, load(x + i, part), load(y + i, part)), y + i, part); });
}

// Column j is kept when a 32-bit hash of (key, j) reaches the threshold. Hash: the finaliser of MurmurHash3.
template <class T>
void dropout_part(const T* x, uint64_t key, uint32_t threshold, float scale, T* y, int64_t n) {
  const auto hash = [&](Uints h) HWY_ATTR {
    h = hn::Mul(hn::Xor(h, hn::ShiftRight<16>(h)), set_bits(0x85ebca6b));
    h = hn::Mul(hn::Xor(h, hn::ShiftRight<13>(h)), set_bits(0xc2b2ae35));
    return hn::Xor(h, hn::ShiftRight<16>(h));
  };
  const Uints low = set_bits(static_cast<uint32_t>(key)), high = set_bits(static_cast<uint32_t>(key >> 32));
  const auto limit = hn::Set(IntTag(), static_cast<int32_t>(threshold));
  const Uints count = hn::Iota(UintTag(), 0);
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Uints column = hn::Add(count, set_bits(static_cast<uint32_t>(i)));
    const Uints h = hash(hn::Xor(hash(hn::Xor(column, low)), high));
    const auto dropped = hn::Lt(hn::BitCast(IntTag(), hn::ShiftRight<1>(h)), limit);  // 31 bits: a positive number
    const Floats scaled = hn::Mul(load(x + i, part), set(scale));
    store(hn::IfThenZeroElse(hn::RebindMask(FloatTag(), dropped), scaled), y + i, part);
  });
}

void dropout_row(DType dtype, const void* x, uint64_t key, uint32_t threshold, float scale, void* y, int64_t n) {
  if (dtype == DType::kF32) {
    dropout_part(static_cast<const float*>(x), key, threshold, scale, static_cast<float*>(y), n);
  } else {
    dropout_part(static_cast<const BF16*>(x), key, threshold, scale, static_cast<BF16*>(y), n);
  }
}

double sum_of_squares_stretch(const float* x, int64_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  const auto step = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a;
  const auto add = [&](auto& sum, const float* p) HWY_ATTR {
    const auto v = hn::PromoteTo(d, hn::LoadU(narrow, p));
    sum = hn::MulAdd(v, v, sum);
  };
  int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    add(a, x + i);
    add(b, x + i + step);
    add(c, x + i + 2 * step);
    add(e, x + i + 3 * step);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(add_scaled_stretch);
HWY_EXPORT(dropout_row);
HWY_EXPORT(sum_of_squares_stretch);

void add_scaled(const Tensor& x, float alpha, const Tensor& y) {
  check_f32("add_scaled", "x", x);
  check_alike("add_scaled", x, y);
  for_stretches({x, y}, [&](int64_t row, int64_t col, int64_t count) {
    HWY_DYNAMIC_DISPATCH(add_scaled_stretch)
    (static_cast<const float*>(x.at(row, col)), alpha, static_cast<float*>(y.at(row, col)), count);
  });
}

void fill_zero(const Tensor& x) {
  for_stretches({x}, [&](int64_t row, int64_t col, int64_t count) {
    std::memset(x.at(row, col), 0, static_cast<size_t>(count) * size_of(x.dtype));
  });
}

void dropout(const Tensor& x, float p, uint64_t key, const Tensor& y) {
  check(p >= 0 && p < 1, "dropout: the probability is {}, expected [0, 1)", p);
  check_activation("dropout", "x", x);
  check_alike("dropout", x, y);
  const auto threshold = static_cast<uint32_t>(std::llround(static_cast<double>(p) * 0x1p31));
  const float scale = 1 / (1 - p);
  parallel_for(x.rows, row_grain(x.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const uint64_t row_key = Random(key, "dropout", static_cast<uint64_t>(row)).next();
      HWY_DYNAMIC_DISPATCH(dropout_row)(x.dtype, x.at(row, 0), row_key, threshold, scale, y.at(row, 0), x.cols);
    }
  });
}

double sum_of_squares(const float* x, int64_t n) {
  constexpr int64_t kBlock = 65536;  // the cut does not depend on the threads
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  thread_local std::vector<double> kept;
  kept.resize(static_cast<size_t>(blocks));
  double* const sums = kept.data();
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      sums[b] = HWY_DYNAMIC_DISPATCH(sum_of_squares_stretch)(x + b * kBlock, std::min(kBlock, n - b * kBlock));
    }
  });
  return std::accumulate(sums, sums + blocks, 0.0);
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
