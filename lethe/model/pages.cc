#include "lethe/model/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace lethe::model {
namespace {

// It is advice: where the system knows better, or does not know it (MADV_POPULATE_READ is Linux 5.14), nothing is lost.
void advise(std::span<const std::byte> bytes, int advice) {
  if (bytes.empty()) return;
  const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data()) / page * page;
  ::madvise(reinterpret_cast<void*>(begin), reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size() - begin, advice);
}

}  // namespace

void populate_pages(std::span<const std::byte> bytes) {
#ifdef MADV_POPULATE_READ
  if (bytes.size() >= 1 << 15) advise(bytes, MADV_POPULATE_READ);
#else
  static_cast<void>(bytes);
#endif
}

void release_pages(std::span<const std::byte> bytes) { advise(bytes, MADV_DONTNEED); }

void release_pages_behind(std::span<const std::byte> bytes, size_t begin, size_t end) {
  constexpr size_t kWindow = 32 << 20;
  for (size_t at = (begin / kWindow + 1) * kWindow; at <= end; at += kWindow)
    release_pages(bytes.subspan(at - kWindow, kWindow));
}

}  // namespace lethe::model
