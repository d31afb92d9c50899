#include "lethe/tensor/tensor.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "lethe/base/error.h"

namespace lethe::tensor {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kTensorAlignment = 64;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

size_t mapped_size(size_t bytes) { return round_up(bytes, bytes < kHugePage ? kPage : kHugePage); }

std::byte* map_zeroed(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(p != MAP_FAILED, "memory: {} bytes ({:.2f} GiB) are not to be had: {}", bytes,
        static_cast<double>(bytes) / (1 << 30), std::strerror(errno));
  return static_cast<std::byte*>(p);
}

}  // namespace

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "fp32";
    case DType::kBF16:
      return "bf16";
    case DType::kF16:
      return "fp16";
  }
  return "?";
}

Buffer::Buffer(size_t bytes) {
  if (bytes == 0) return;
  const size_t mapped = mapped_size(bytes);
  if (bytes < kHugePage) {
    data_ = {map_zeroed(mapped), UnmapMemory{bytes}};
    return;
  }
  // One huge page more than needed is mapped, then the ends that are off its alignment are given back.
  std::byte* p = map_zeroed(mapped + kHugePage);
  const size_t head = round_up(reinterpret_cast<uintptr_t>(p), kHugePage) - reinterpret_cast<uintptr_t>(p);
  if (head > 0) munmap(p, head);
  if (head < kHugePage) munmap(p + head + mapped, kHugePage - head);
  data_ = {p + head, UnmapMemory{bytes}};
  madvise(p + head, mapped, MADV_HUGEPAGE);  // a wish: without huge pages it is slower, not wrong
}

void UnmapMemory::operator()(std::byte* p) const { munmap(p, mapped_size(bytes)); }

Tensor Arena::take(DType dtype, int64_t rows, int64_t cols) {
  check(rows >= 0 && cols >= 0, "arena: a tensor of {} x {}", rows, cols);
  const size_t bytes = static_cast<size_t>(rows) * static_cast<size_t>(cols) * size_of(dtype);
  const size_t begin = round_up(used_, kTensorAlignment);
  check(begin <= capacity() && bytes <= capacity() - begin,
        "arena: {} x {} of {} need {} bytes, {} of {} reserved are left", rows, cols, name_of(dtype), bytes,
        capacity() - used_, capacity());
  used_ = begin + bytes;
  return Tensor(buffer_.data() + begin, dtype, rows, cols);
}

void Arena::reserve(size_t bytes) {
  if (bytes > capacity()) {
    const size_t grown = capacity() > 0 ? bytes + bytes / 4 : bytes;  // a second growth: more will follow
    buffer_ = Buffer();  // first the old one goes, so that both are never held
    buffer_ = Buffer(grown);
    used_ = 0;
  }
}

}  // namespace lethe::tensor
