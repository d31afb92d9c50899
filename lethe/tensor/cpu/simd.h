// The shape that the Highway kernels of this folder share. A file x.cc says
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "lethe/tensor/cpu/x.cc"
//   #include "lethe/tensor/cpu/simd.h"
// and is then compiled once for each instruction set: the compiler's baseline, AVX2 and AVX-512 (fewer than Highway's
// list, to build faster). What follows are vectors of fp32 with loads and stores of every type, tails, and exp.
// No include guard on purpose: each target reads the second half again.
#include "hwy/foreach_target.h"         // IWYU pragma: keep
#include "lethe/tensor/cpu/elements.h"  // first: it says which targets
// after foreach_target.h
#include "hwy/highway.h"

#if defined(LETHE_TENSOR_CPU_SIMD_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LETHE_TENSOR_CPU_SIMD_H
#undef LETHE_TENSOR_CPU_SIMD_H
#else
#define LETHE_TENSOR_CPU_SIMD_H
#endif

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::Rebind<int32_t, FloatTag>;
using UintTag = hn::Rebind<uint32_t, FloatTag>;
using HalfTag = hn::Rebind<uint16_t, FloatTag>;  // as many 16-bit lanes as floats
using Floats = hn::Vec<FloatTag>;
using Uints = hn::Vec<UintTag>;

HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(FloatTag())); }
HWY_INLINE Floats set(float x) { return hn::Set(FloatTag(), x); }
HWY_INLINE Uints set_bits(uint32_t x) { return hn::Set(UintTag(), x); }
HWY_INLINE Floats zero() { return hn::Zero(FloatTag()); }
HWY_INLINE Uints bits_of(Floats x) { return hn::BitCast(UintTag(), x); }
HWY_INLINE Floats float_of(Uints x) { return hn::BitCast(FloatTag(), x); }

// ---- loads
HWY_INLINE Floats load(const float* p) { return hn::LoadU(FloatTag(), p); }
HWY_INLINE Uints load_16(const uint16_t* p) { return hn::PromoteTo(UintTag(), hn::LoadU(HalfTag(), p)); }
HWY_INLINE Floats load(const BF16* p) { return float_of(hn::ShiftLeft<16>(load_16(&p->bits))); }
HWY_INLINE Floats load(const F16* p) {
  const Uints h = load_16(&p->bits);
  const Uints sign = hn::ShiftLeft<16>(hn::And(h, set_bits(0x8000)));
  const Uints rest = hn::ShiftLeft<13>(hn::And(h, set_bits(0x7fff)));
  const auto special = hn::Gt(hn::BitCast(IntTag(), rest), hn::Set(IntTag(), 0x0f7fffff));  // inf, NaN
  // A product by 2^112 moves the exponent and makes numbers of half's denormals.
  const Floats number = hn::Mul(float_of(rest), set(0x1p112f));
  const Uints huge = hn::Or(rest, set_bits(0x7f800000));
  return float_of(hn::Or(sign, hn::IfThenElse(hn::RebindMask(UintTag(), special), huge, bits_of(number))));
}

// ---- stores: to nearest, ties to even; NaN stays NaN
HWY_INLINE void store(Floats x, float* p) { hn::StoreU(x, FloatTag(), p); }
HWY_INLINE void store_16(Uints x, uint16_t* p) {
  hn::StoreU(hn::DemoteTo(HalfTag(), hn::BitCast(IntTag(), x)), HalfTag(), p);
}
HWY_INLINE void store(Floats x, BF16* p) {
  const Uints u = bits_of(x);
  const Uints odd = hn::And(hn::ShiftRight<16>(u), set_bits(1));
  const Uints rounded = hn::Add(u, hn::Add(odd, set_bits(0x7fff)));
  const Uints quiet = hn::Or(u, set_bits(0x00400000));
  store_16(hn::ShiftRight<16>(hn::IfThenElse(hn::RebindMask(UintTag(), hn::IsNaN(x)), quiet, rounded)), &p->bits);
}
HWY_INLINE void store(Floats x, F16* p) {
  const Uints u = hn::And(bits_of(x), set_bits(0x7fffffff));
  const auto magnitude = hn::BitCast(IntTag(), u);
  // Exponents that a half has: rebias and round the 13 bits that go; 65520 and above become infinity by the carry.
  const Uints odd = hn::And(hn::ShiftRight<13>(u), set_bits(1));
  const Uints normal = hn::ShiftRight<13>(hn::Add(u, hn::Add(odd, set_bits(0xc8000fffu))));
  // Below 2^-14 the sum with 0.5 rounds at the right bit.
  const Uints small = hn::Sub(bits_of(hn::Add(float_of(u), set(0.5f))), set_bits(0x3f000000));
  const Uints nan = hn::Or(set_bits(0x7e00), hn::And(hn::ShiftRight<13>(u), set_bits(0x3ff)));
  const auto is_small = hn::RebindMask(UintTag(), hn::Lt(magnitude, hn::Set(IntTag(), 0x38800000)));
  const auto is_huge = hn::RebindMask(UintTag(), hn::Gt(magnitude, hn::Set(IntTag(), 0x477fefff)));
  Uints h = hn::IfThenElse(is_small, small, normal);
  h = hn::IfThenElse(is_huge, set_bits(0x7c00), h);
  h = hn::IfThenElse(hn::RebindMask(UintTag(), hn::IsNaN(x)), nan, h);
  store_16(hn::Or(h, hn::And(hn::ShiftRight<16>(bits_of(x)), set_bits(0x8000))), &p->bits);
}

// ---- a vector or the last part of one: for_vectors calls body(i, part) with a Whole, at the end with a Part
struct Whole {};
struct Part {
  int64_t count;
};

template <class T>
HWY_INLINE Floats load(const T* p, Whole) {
  return load(p);
}
template <class T>
HWY_INLINE Floats load(const T* p, Part part) {  // zeros behind the end
  HWY_ALIGN T lane[HWY_MAX_BYTES / sizeof(float)] = {};
  for (int64_t i = 0; i < part.count; ++i) lane[i] = p[i];
  return load(lane);
}
template <class T>
HWY_INLINE void store(Floats x, T* p, Whole) {
  store(x, p);
}
template <class T>
HWY_INLINE void store(Floats x, T* p, Part part) {
  HWY_ALIGN T lane[HWY_MAX_BYTES / sizeof(float)];
  store(x, lane);
  for (int64_t i = 0; i < part.count; ++i) p[i] = lane[i];
}

template <class Body>
HWY_INLINE void for_vectors(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + lanes() <= n; i += lanes()) body(i, Whole());
  if (i < n) body(i, Part{n - i});
}

// The sum over i < n of f(i, part), in four interleaved partial sums.
template <class F>
HWY_INLINE float sum_vectors(int64_t n, const F& f) {
  Floats a = zero(), b = zero(), c = zero(), e = zero();
  int64_t i = 0;
  const int64_t step = lanes();
  for (; i + 4 * step <= n; i += 4 * step) {
    a = hn::Add(a, f(i, Whole()));
    b = hn::Add(b, f(i + step, Whole()));
    c = hn::Add(c, f(i + 2 * step, Whole()));
    e = hn::Add(e, f(i + 3 * step, Whole()));
  }
  for (; i + step <= n; i += step) a = hn::Add(a, f(i, Whole()));
  if (i < n) {
    const auto inside = hn::FirstN(FloatTag(), static_cast<size_t>(n - i));
    b = hn::Add(b, hn::IfThenElseZero(inside, f(i, Part{n - i})));
  }
  return hn::GetLane(hn::SumOfLanes(FloatTag(), hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

// e^x to about 1 ulp for x in [-87.33, 88.37], and NaN for NaN; anything outside. 2^n e^r with |r| <= ln(2) / 2: the
// sum with 1.5 * 2^23 rounds to the integer n and leaves it in the low bits. The polynomial is a least-maximum fit
// (relative error 3e-9); the split of ln 2 is Cephes' (expf).
HWY_INLINE Floats exp_in_range(Floats x) {
  const Floats magic = set(0x1.8p23f);
  const Floats shifted = hn::MulAdd(x, set(1.44269504f), magic);
  const Floats n = hn::Sub(shifted, magic);
  const Floats r = hn::NegMulAdd(n, set(-2.12194440e-4f), hn::NegMulAdd(n, set(0.693359375f), x));
  Floats q = set(0.0013814539415761828f);
  q = hn::MulAdd(q, r, set(0.00836874544620514f));
  q = hn::MulAdd(q, r, set(0.04166838899254799f));
  q = hn::MulAdd(q, r, set(0.1666652113199234f));
  q = hn::MulAdd(q, r, set(0.4999999403953552f));
  q = hn::MulAdd(q, r, set(1));
  q = hn::MulAdd(q, r, set(1));
  return hn::Mul(q, float_of(hn::ShiftLeft<23>(hn::Add(bits_of(shifted), set_bits(127)))));
}

// e^x for x <= 0 (and up to 88.37); 0 below -87.33, where fp32 has only denormals; NaN for NaN.
HWY_INLINE Floats exp_of_negative(Floats x) { return hn::IfThenZeroElse(hn::Lt(x, set(-87.33f)), exp_in_range(x)); }

// 1 / (1 + e^-x), not below 1.6e-38. NaN gives some number: multiply by x to keep it.
HWY_INLINE Floats sigmoid(Floats x) {
  const Floats e = exp_in_range(hn::Max(hn::Min(hn::Neg(x), set(87)), set(-87)));
  return hn::Div(set(1), hn::Add(set(1), e));
}

}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
