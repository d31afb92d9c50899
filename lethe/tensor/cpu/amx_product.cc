// C is cut into blocks of 32 x 32: two by two tiles of 16 x 16 fp32, which stay in the unit's registers while K goes by
// in steps of 32. A step multiplies two tiles of A (16 rows x 32 k) by two of B (16 pairs of k x 16 columns; the two of
// a pair lie side by side). A and B are first packed into such tiles of 1 KB one behind the other, zeros behind the
// edges:
//   a thread owns a rectangle of C, in it for each strip of columns and stretch of K
//     the strip of B is packed, a few 100 KB that stay in the L2 cache;
//     32 rows of A at a time are packed, which stay in the L1 cache, and multiplied with the whole strip.
#include "lethe/tensor/cpu/amx_product.h"

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>

#include "lethe/tensor/parallel.h"

// GCC 12 takes the undefined vectors inside its own intrinsics for a mistake (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define LETHE_AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")))

namespace lethe::tensor {
namespace {

constexpr int64_t kTile = 16;             // rows of a tile; a row is 64 bytes
constexpr int64_t kStep = 32;             // k of a tile
constexpr int64_t kBlock = 32;            // rows and columns of a block of C
constexpr int64_t kTileElements = 512;    // bf16
constexpr int64_t kBlockElements = 1024;  // fp32
constexpr int64_t kMaxStretch = 768;      // of K: 32 rows of A are then 48 KB
constexpr int64_t kStripBytes = 1 << 20;
constexpr int64_t kRowsAtOnce = 1024;  // of C, whose unfinished sums wait in the L2 cache when K has several stretches

int64_t divided_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }

struct Operand {
  const uint16_t* data;
  int64_t stride;
  int64_t count, depth;  // rows of A or columns of B; K
  bool depth_is_inner;   // consecutive k lie side by side
};

// out[c][r] = in[r][c] for 16 x 16 words of 32 bits; rows of `in` are `stride` bytes apart. The quarters of rows are
// put in their place by the loads, which leaves half of the shuffles.
LETHE_AMX void transpose_words(const char* in, int64_t stride, void* out) {
  auto* rows = static_cast<__m512i*>(out);
  for (int64_t quarter = 0; quarter < 4; ++quarter) {
    __m512i z[4];
    for (int64_t r = 0; r < 4; ++r) {
      const char* p = in + r * stride + 16 * quarter;
      z[r] = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
      z[r] = _mm512_inserti32x4(z[r], _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 4 * stride)), 1);
      z[r] = _mm512_inserti32x4(z[r], _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8 * stride)), 2);
      z[r] = _mm512_inserti32x4(z[r], _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 12 * stride)), 3);
    }
    const __m512i a = _mm512_unpacklo_epi32(z[0], z[1]), b = _mm512_unpackhi_epi32(z[0], z[1]);
    const __m512i c = _mm512_unpacklo_epi32(z[2], z[3]), d = _mm512_unpackhi_epi32(z[2], z[3]);
    _mm512_store_si512(rows + 4 * quarter, _mm512_unpacklo_epi64(a, c));
    _mm512_store_si512(rows + 4 * quarter + 1, _mm512_unpackhi_epi64(a, c));
    _mm512_store_si512(rows + 4 * quarter + 2, _mm512_unpacklo_epi64(b, d));
    _mm512_store_si512(rows + 4 * quarter + 3, _mm512_unpackhi_epi64(b, d));
  }
}

// 16 rows of 32 numbers.
LETHE_AMX void copy_rows(const uint16_t* in, int64_t stride, void* out) {
  for (int64_t r = 0; r < kTile; ++r)
    _mm512_store_si512(static_cast<__m512i*>(out) + r, _mm512_loadu_si512(in + r * stride));
}

// 32 rows of 16 numbers, into 16 rows of pairs.
LETHE_AMX void interleave_rows(const uint16_t* in, int64_t stride, void* out) {
  for (int64_t r = 0; r < kTile; ++r) {
    const auto* even = reinterpret_cast<const __m256i*>(in + 2 * r * stride);
    const auto* odd = reinterpret_cast<const __m256i*>(in + (2 * r + 1) * stride);
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(even));
    const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(odd)), 16);
    _mm512_store_si512(static_cast<__m512i*>(out) + r, _mm512_or_si512(low, high));
  }
}

// One tile: `count` of 16 rows or columns from `first`, `depth` of 32 k from `k`. is_b: pairs of k down, columns
// across.
LETHE_AMX void pack_tile(const Operand& x, int64_t first, int64_t k, bool is_b, uint16_t* out) {
  const int64_t count = std::clamp<int64_t>(x.count - first, 0, kTile);
  const int64_t depth = std::clamp<int64_t>(x.depth - k, 0, kStep);
  const int64_t inner = x.depth_is_inner ? depth : count, outer = x.depth_is_inner ? count : depth;
  const int64_t width = x.depth_is_inner ? kStep : kTile;
  const uint16_t* in = x.data + (x.depth_is_inner ? first * x.stride + k : k * x.stride + first);
  int64_t stride = x.stride;
  alignas(64) uint16_t padded[kTileElements];
  if (count < kTile || depth < kStep) {
    std::memset(padded, 0, sizeof(padded));
    for (int64_t i = 0; i < outer; ++i)
      std::memcpy(padded + i * width, in + i * stride, static_cast<size_t>(inner) * 2);
    in = padded;
    stride = width;
  }
  if (x.depth_is_inner) {
    if (is_b) {
      transpose_words(reinterpret_cast<const char*>(in), 2 * stride, out);
    } else {
      copy_rows(in, stride, out);
    }
  } else if (is_b) {
    interleave_rows(in, stride, out);
  } else {
    alignas(64) uint16_t pairs[kTileElements];
    interleave_rows(in, stride, pairs);
    transpose_words(reinterpret_cast<const char*>(pairs), 64, out);
  }
}

// The 32 rows or columns from `first`, `steps` of K from `k`: step by step the two tiles.
LETHE_AMX void pack_panel(const Operand& x, int64_t first, int64_t k, int64_t steps, bool is_b, uint16_t* out) {
  for (int64_t s = 0; s < steps; ++s, out += 2 * kTileElements) {
    pack_tile(x, first, k + s * kStep, is_b, out);
    pack_tile(x, first + kTile, k + s * kStep, is_b, out + kTileElements);
  }
}

struct __attribute__((packed)) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

// A finished block of sums on its way into c, row by row: the vector unit does that while the tile unit multiplies the
// next block.
class FinishedBlock {
 public:
  FinishedBlock(const Tensor& c, const MatmulOptions& options) : c_(c), options_(options) {}

  LETHE_AMX void start(const float* sums, int64_t row, int64_t col) {
    sums_ = sums;
    row_ = row;
    col_ = col;
    next_ = 0;
    rows_ = std::min(kBlock, c_.rows - row);
    const int64_t cols = std::min(kBlock, c_.cols - col);
    masks_[0] = static_cast<__mmask16>((1u << std::min<int64_t>(cols, 16)) - 1);
    masks_[1] = static_cast<__mmask16>((1u << std::max<int64_t>(cols - 16, 0)) - 1);
  }
  LETHE_AMX void write_rows(int64_t count) {
    for (const int64_t end = std::min(rows_, next_ + count); next_ < end; ++next_) {
      for (int64_t half = 0; half < 2; ++half) write_half_row(half);
    }
  }

 private:
  LETHE_AMX void write_half_row(int64_t half) {
    const __mmask16 mask = masks_[half];
    const int64_t row = row_ + next_, col = col_ + half * kTile;
    __m512 x = _mm512_load_ps(sums_ + (next_ / kTile * 2 + half) * 256 + next_ % kTile * kTile);
    const MatmulOptions& o = options_;
    x = _mm512_mul_ps(x, _mm512_set1_ps(o.scale));
    if (o.bias) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, o.bias + col));
    if (o.residual) {
      x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, o.residual->f32() + row * o.residual->stride + col));
    }
    if (c_.dtype == DType::kF32) {
      float* out = c_.f32() + row * c_.stride + col;
      if (o.accumulate) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, out));
      _mm512_mask_storeu_ps(out, mask, x);
    } else {
      const __m256bh rounded = _mm512_cvtneps_pbh(x);
      __m256i bits;
      std::memcpy(&bits, &rounded, sizeof(bits));
      _mm256_mask_storeu_epi16(c_.bf16() + row * c_.stride + col, mask, bits);
    }
  }

  const Tensor c_;
  const MatmulOptions& options_;
  const float* sums_ = nullptr;
  int64_t row_ = 0, col_ = 0, next_ = 0, rows_ = 0;
  __mmask16 masks_[2] = {};
};

// block [4 tiles] = or += the product of two panels, while `finished` is written. Registers: 0 to 3 sums, 4 and 5 A, 6
// and 7 B. B passes by the L1 cache, so that A stays there.
LETHE_AMX void multiply_panels(const uint16_t* a, const uint16_t* b, int64_t steps, bool first, float* block,
                               FinishedBlock& finished) {
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, block, 64);
    _tile_loadd(1, block + 256, 64);
    _tile_loadd(2, block + 512, 64);
    _tile_loadd(3, block + 768, 64);
  }
  const int64_t rows_a_step = divided_up(kBlock, steps);
  for (int64_t s = 0; s < steps; ++s, a += 2 * kTileElements, b += 2 * kTileElements) {
    _tile_stream_loadd(6, b, 64);
    _tile_loadd(4, a, 64);
    _tile_stream_loadd(7, b + kTileElements, 64);
    _tile_loadd(5, a + kTileElements, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    finished.write_rows(rows_a_step);
  }
  _tile_stored(0, block, 64);
  _tile_stored(1, block + 256, 64);
  _tile_stored(2, block + 512, 64);
  _tile_stored(3, block + 768, 64);
}

// What a thread needs beside the matrices; it keeps it.
struct Scratch {
  uint16_t *a, *b;
  float* blocks;
};
Scratch scratch_of_thread(int64_t a_elements, int64_t b_elements, int64_t block_elements) {
  thread_local Buffer memory;
  const auto bytes = static_cast<size_t>(2 * a_elements + 2 * b_elements + 4 * block_elements);
  if (memory.size() < bytes) {
    memory = Buffer();
    memory = Buffer(bytes);
  }
  auto* a = reinterpret_cast<uint16_t*>(memory.data());
  return {a, a + a_elements, reinterpret_cast<float*>(a + a_elements + b_elements)};
}

// Blocks of C: [row_begin, row_end) x [col_begin, col_end), counted in blocks.
struct Rectangle {
  int64_t row_begin, row_end, col_begin, col_end;
};

LETHE_AMX void multiply_rectangle(const Operand& a, const Operand& b, const Tensor& c, const MatmulOptions& options,
                                  const Rectangle& part) {
  const int64_t steps = divided_up(a.depth, kStep);
  const int64_t stretches = divided_up(steps, kMaxStretch / kStep), stretch = divided_up(steps, stretches);
  const int64_t panel = 2 * kTileElements * stretch;
  const int64_t strip = std::clamp<int64_t>(kStripBytes / (2 * panel), 1, part.col_end - part.col_begin);
  const int64_t rows_at_once = stretches == 1 ? part.row_end - part.row_begin : kRowsAtOnce / kBlock;
  const Scratch scratch =
      scratch_of_thread(panel, panel * strip, kBlockElements * (stretches == 1 ? 2 : strip * rows_at_once));
  const TileConfig config;
  _tile_loadconfig(&config);
  FinishedBlock finished(c, options);
  int64_t turn = 0;  // with one stretch two blocks take turns: one is summed, one written
  for (int64_t col = part.col_begin; col < part.col_end; col += strip) {
    const int64_t cols = std::min(strip, part.col_end - col);
    for (int64_t row = part.row_begin; row < part.row_end; row += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, part.row_end - row);
      for (int64_t step = 0; step < steps; step += stretch) {
        const int64_t now = std::min(stretch, steps - step);
        for (int64_t j = 0; j < cols; ++j) {
          pack_panel(b, (col + j) * kBlock, step * kStep, now, true, scratch.b + j * panel);
        }
        for (int64_t i = 0; i < rows; ++i) {
          pack_panel(a, (row + i) * kBlock, step * kStep, now, false, scratch.a);
          for (int64_t j = 0; j < cols; ++j) {
            float* block = scratch.blocks + (stretches == 1 ? turn++ % 2 : i * cols + j) * kBlockElements;
            multiply_panels(scratch.a, scratch.b + j * panel, now, step == 0, block, finished);
            if (step + now == steps) finished.start(block, (row + i) * kBlock, (col + j) * kBlock);
          }
        }
      }
      finished.write_rows(kBlock);
    }
  }
  _tile_release();
}

}  // namespace

bool has_amx() {
  static const bool usable = [] {
    if ((static_cast<int>(dnnl::get_effective_cpu_isa()) & static_cast<int>(dnnl::cpu_isa::avx512_core_amx)) !=
        static_cast<int>(dnnl::cpu_isa::avx512_core_amx)) {
      return false;
    }
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return usable;
}

void amx_product(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options) {
  const int64_t k = options.transpose_a ? a.rows : a.cols;
  const Operand left{a.bf16(), a.stride, c.rows, k, !options.transpose_a};
  const Operand right{b.bf16(), b.stride, c.cols, k, options.transpose_b};
  const int64_t rows = divided_up(c.rows, kBlock), cols = divided_up(c.cols, kBlock);
  constexpr int64_t kFlopsWorthAThread = 4'000'000;
  const int64_t threads = std::clamp<int64_t>(2 * c.rows * c.cols * k / kFlopsWorthAThread, 1, num_threads());

  // The grid of threads that takes the least time, in cycles for one step of K: a block 64, a panel of B to pack about
  // 160, one of A 80 for each strip.
  int64_t down = 1, best = INT64_MAX;
  for (int64_t d = 1; d <= threads; ++d) {
    const int64_t high = divided_up(rows, d), wide = divided_up(cols, threads / d);
    const int64_t cycles = high * wide * 64 + wide * 160 + high * divided_up(wide, 16) * 80;
    if (cycles < best) best = cycles, down = d;
  }
  const int64_t across = threads / down;
  parallel_for(down * across, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t i = part / across, j = part % across;
      multiply_rectangle(left, right, c, options,
                         {rows * i / down, rows * (i + 1) / down, cols * j / across, cols * (j + 1) / across});
    }
  });
}

}  // namespace lethe::tensor
