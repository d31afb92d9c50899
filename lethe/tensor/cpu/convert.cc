// Conversion between fp32, bf16 and fp16.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/convert.cc"
#include <cstring>

#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

template <class From, class To>
void convert_part(const From* from, To* to, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR { store(load(from + i, part), to + i, part); });
}

template <class From>
void convert_from(const From* from, DType to_type, void* to, int64_t n) {
  switch (to_type) {
    case DType::kF32:
      return convert_part(from, static_cast<float*>(to), n);
    case DType::kBF16:
      return convert_part(from, static_cast<BF16*>(to), n);
    case DType::kF16:
      return convert_part(from, static_cast<F16*>(to), n);
  }
}

void convert_stretch(DType from_type, const void* from, DType to_type, void* to, int64_t n) {
  switch (from_type) {
    case DType::kF32:
      return convert_from(static_cast<const float*>(from), to_type, to, n);
    case DType::kBF16:
      return convert_from(static_cast<const BF16*>(from), to_type, to, n);
    case DType::kF16:
      return convert_from(static_cast<const F16*>(from), to_type, to, n);
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(convert_stretch);

void convert_row(DType from_type, const void* from, DType to_type, void* to, int64_t n) {
  if (from_type == to_type) {
    if (n > 0) std::memcpy(to, from, static_cast<size_t>(n) * size_of(to_type));
  } else {
    HWY_DYNAMIC_DISPATCH(convert_stretch)(from_type, from, to_type, to, n);
  }
}

void convert(const Tensor& from, const Tensor& to) {
  check_shape("convert", "the result", to, from.rows, from.cols);
  for_stretches({from, to}, [&](int64_t row, int64_t col, int64_t count) {
    convert_row(from.dtype, from.at(row, col), to.dtype, to.at(row, col), count);
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
