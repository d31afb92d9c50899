// A tensor here is a view of rows: pointer, type, rows, columns, and the distance between rows. Whoever owns the memory
// (a Buffer: the parameters, the activations of a batch) outlives its views. Vectors are one row. Shapes are suffixes
// of names:
//   T packed tokens of a batch   D hidden size   V vocabulary   H heads   F feed-forward size   N rows that have a
//   target   R rank
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace lethe::tensor {

enum class DType : uint8_t { kF32, kBF16, kF16 };

inline size_t size_of(DType dtype) { return dtype == DType::kF32 ? 4 : 2; }
const char* name_of(DType dtype);  // "fp32", "bf16", "fp16"

struct Tensor {
  void* data = nullptr;
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0;
  int64_t stride = 0;  // elements from one row to the next, >= cols

  Tensor() = default;
  Tensor(void* p, DType type, int64_t r, int64_t c) : data(p), dtype(type), rows(r), cols(c), stride(c) {}
  Tensor(float* p, int64_t r, int64_t c) : Tensor(p, DType::kF32, r, c) {}

  float* f32() const { return static_cast<float*>(data); }
  uint16_t* bf16() const { return static_cast<uint16_t*>(data); }
  void* at(int64_t row, int64_t col) const {
    return static_cast<char*>(data) + static_cast<size_t>(row * stride + col) * size_of(dtype);
  }
  int64_t size() const { return rows * cols; }
  explicit operator bool() const { return data != nullptr; }

  Tensor row_range(int64_t begin, int64_t count) const { return view(begin, count, 0, cols); }
  Tensor col_range(int64_t begin, int64_t count) const { return view(0, rows, begin, count); }

 private:
  Tensor view(int64_t row, int64_t row_count, int64_t col, int64_t col_count) const {
    Tensor t = *this;
    t.data = at(row, col);
    t.rows = row_count;
    t.cols = col_count;
    return t;
  }
};

// Owned memory, aligned to 64 bytes (large ones to 2 MiB, with huge pages asked for), zeroed.
struct UnmapMemory {
  size_t bytes = 0;  // as asked for
  void operator()(std::byte* p) const;
};
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);
  std::byte* data() const { return data_.get(); }
  size_t size() const { return data_ ? data_.get_deleter().bytes : 0; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  std::unique_ptr<std::byte, UnmapMemory> data_;
};

// One Buffer cut into tensors that live as long as a batch shape: take() while planning; no allocation in the loop.
class Arena {
 public:
  // Forgets all tensors; memory is kept and grows (once) when a plan needs more.
  void reset() { used_ = 0; }
  // Rows x cols of dtype, 64-byte aligned, uninitialised. Throws when the reserved size is passed.
  Tensor take(DType dtype, int64_t rows, int64_t cols);
  void reserve(size_t bytes);  // throws away the contents when it has to grow
  size_t used() const { return used_; }
  void release(size_t mark) { used_ = mark; }  // back to an earlier used(): what was taken since is free again
  size_t capacity() const { return buffer_.size(); }

 private:
  Buffer buffer_;
  size_t used_ = 0;
};

}  // namespace lethe::tensor
