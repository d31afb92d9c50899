// Rows by index: embedding, gather, scatter; and the sums of columns.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/rows.cc"
#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

template <class A>
void add_part(const A* a, float* y, int64_t n) {
  for_vectors(
      n, [&](int64_t i, auto part) HWY_ATTR { store(hn::Add(load(y + i, part), load(a + i, part)), y + i, part); });
}

void add_row(DType dtype, const void* a, float* y, int64_t n) {  // y += a
  if (dtype == DType::kF32) {
    add_part(static_cast<const float*>(a), y, n);
  } else {
    add_part(static_cast<const BF16*>(a), y, n);
  }
}

// y += the four rows of a, in their order
template <class A>
void add_four_part(const A* a, int64_t stride, float* y, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const A* p = a + i;
    const Floats low = hn::Add(load(p, part), load(p + stride, part));
    const Floats high = hn::Add(load(p + 2 * stride, part), load(p + 3 * stride, part));
    store(hn::Add(load(y + i, part), hn::Add(low, high)), y + i, part);
  });
}

template <class A>
void add_rows_part(const A* a, int64_t stride, int64_t rows, float* y, int64_t n) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) add_four_part(a + r * stride, stride, y, n);
  for (; r < rows; ++r) add_part(a + r * stride, y, n);
}

void add_rows(const Tensor& x, int64_t begin, int64_t end, float* y) {  // y += rows [begin, end) of x
  if (x.dtype == DType::kF32) {
    add_rows_part(static_cast<const float*>(x.at(begin, 0)), x.stride, end - begin, y, x.cols);
  } else {
    add_rows_part(static_cast<const BF16*>(x.at(begin, 0)), x.stride, end - begin, y, x.cols);
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(add_row);
HWY_EXPORT(add_rows);

void embedding_forward(std::span<const int32_t> ids, const Tensor& table, std::span<const int32_t> positions,
                       const Tensor& position_table, const Tensor& out) {
  const auto rows = static_cast<int64_t>(ids.size());
  check_shape("embedding_forward", "out", out, rows, table.cols);
  check_f32("embedding_forward", "out", out);
  check_activation("embedding_forward", "the table", table);
  check_rows("embedding_forward", "id", ids, table.rows);
  if (position_table) {
    check(positions.size() == ids.size(), "embedding_forward: {} positions for {} ids", positions.size(), ids.size());
    check_shape("embedding_forward", "the position table", position_table, position_table.rows, table.cols);
    check_activation("embedding_forward", "the position table", position_table);
    check_rows("embedding_forward", "position", positions, position_table.rows);
  }
  parallel_for(rows, row_grain(out.cols), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const auto i = static_cast<size_t>(t);
      float* y = out.f32() + t * out.stride;
      convert_row(table.dtype, table.at(ids[i], 0), DType::kF32, y, out.cols);
      if (!position_table) continue;
      HWY_DYNAMIC_DISPATCH(add_row)(position_table.dtype, position_table.at(positions[i], 0), y, out.cols);
    }
  });
}

// The threads share the rows of the table: the sum for one id is taken by one thread, in the order of the batch.
void embedding_backward(std::span<const int32_t> ids, const Tensor& dx, const Tensor& dtable) {
  check_shape("embedding_backward", "dx", dx, static_cast<int64_t>(ids.size()), dtable.cols);
  check_f32("embedding_backward", "dx", dx);
  check_f32("embedding_backward", "dtable", dtable);
  check_rows("embedding_backward", "id", ids, dtable.rows);
  const int64_t shares = dx.size() < 8192 ? 1 : num_threads();
  parallel_for(shares, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < dx.rows; ++t) {
      const int64_t id = ids[static_cast<size_t>(t)];
      if (id % shares < begin || id % shares >= end) continue;
      HWY_DYNAMIC_DISPATCH(add_row)(DType::kF32, dx.at(t, 0), dtable.f32() + id * dtable.stride, dx.cols);
    }
  });
}

void gather_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& out) {
  check_shape("gather_rows", "out", out, static_cast<int64_t>(rows.size()), x.cols);
  check_rows("gather_rows", "row", rows, x.rows);
  parallel_for(out.rows, row_grain(out.cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      convert_row(x.dtype, x.at(rows[static_cast<size_t>(i)], 0), out.dtype, out.at(i, 0), out.cols);
    }
  });
}

void scatter_add_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& out) {
  check_shape("scatter_add_rows", "x", x, static_cast<int64_t>(rows.size()), out.cols);
  check_f32("scatter_add_rows", "x", x);
  check_f32("scatter_add_rows", "out", out);
  check_rows("scatter_add_rows", "row", rows, out.rows);
  parallel_for(x.rows, row_grain(x.cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* y = out.f32() + rows[static_cast<size_t>(i)] * out.stride;
      HWY_DYNAMIC_DISPATCH(add_row)(DType::kF32, x.at(i, 0), y, x.cols);
    }
  });
}

void column_sum(const Tensor& x, float* out) {
  check_activation("column_sum", "x", x);
  add_row_sums(x.rows, x.cols, {out}, [&](int64_t begin, int64_t end, float* sums) {
    HWY_DYNAMIC_DISPATCH(add_rows)(x, begin, end, sums);
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
