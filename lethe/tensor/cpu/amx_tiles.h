// The tiles of AMX: how matrices are packed for the unit, and the product of two packed panels. For amx_product.cc and
// amx_attention.cc.
//
// A panel is 32 rows of A (or columns of B) over a stretch of K, in steps of 32 k. A step has two tiles of 1 KB: of A
// 16 rows x 32 k, of B 16 pairs of k x 16 columns, the two k of a pair side by side. Zeros fill what lies behind an
// edge.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "lethe/tensor/tensor.h"

// GCC 12 takes the undefined vectors inside its own intrinsics for a mistake (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define LETHE_AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")))

namespace lethe::tensor::amx {

constexpr int64_t kTile = 16;             // rows of a tile; a row is 64 bytes
constexpr int64_t kStep = 32;             // k of a tile
constexpr int64_t kBlock = 32;            // rows and columns of a block of C: two by two tiles
constexpr int64_t kTileElements = 512;    // bf16
constexpr int64_t kStepElements = 1024;   // of a panel
constexpr int64_t kBlockElements = 1024;  // fp32: tiles (0, 0), (0, 1), (1, 0), (1, 1)

inline int64_t divided_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }

struct Operand {  // bf16
  const uint16_t* data;
  int64_t stride;
  int64_t count, depth;  // rows of A or columns of B; K
  bool depth_is_inner;   // consecutive k lie side by side
};

struct __attribute__((packed)) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);
// Of static storage: GCC 12 believes that _tile_loadconfig reads 8 bytes only, and would not write the rest of a local.
inline constexpr TileConfig kTileConfig;

// out[c][r] = in[r][c] for 16 x 16 words of 32 bits; rows of `in` are `stride` bytes apart. The quarters of rows are
// put in their place by the loads, which leaves half of the shuffles.
LETHE_AMX inline void transpose_words(const char* in, int64_t stride, void* out) {
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
LETHE_AMX inline void copy_rows(const uint16_t* in, int64_t stride, void* out) {
  for (int64_t r = 0; r < kTile; ++r)
    _mm512_store_si512(static_cast<__m512i*>(out) + r, _mm512_loadu_si512(in + r * stride));
}

// 32 rows of 16 numbers, into 16 rows of pairs.
LETHE_AMX inline void interleave_rows(const uint16_t* in, int64_t stride, void* out) {
  for (int64_t r = 0; r < kTile; ++r) {
    const auto* even = reinterpret_cast<const __m256i*>(in + 2 * r * stride);
    const auto* odd = reinterpret_cast<const __m256i*>(in + (2 * r + 1) * stride);
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(even));
    const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(odd)), 16);
    _mm512_store_si512(static_cast<__m512i*>(out) + r, _mm512_or_si512(low, high));
  }
}

// A tile of 16-bit numbers as it lies (`in`, rows `stride` apart) into its packed form.
LETHE_AMX inline void arrange_tile(const uint16_t* in, int64_t stride, bool depth_is_inner, bool is_b, uint16_t* out) {
  if (depth_is_inner && is_b) {
    transpose_words(reinterpret_cast<const char*>(in), 2 * stride, out);
  } else if (depth_is_inner) {
    copy_rows(in, stride, out);
  } else if (is_b) {
    interleave_rows(in, stride, out);
  } else {
    alignas(64) uint16_t pairs[kTileElements];
    interleave_rows(in, stride, pairs);
    transpose_words(reinterpret_cast<const char*>(pairs), 64, out);
  }
}

// One tile: 16 rows or columns from `first`, 32 k from `k`.
LETHE_AMX inline void pack_tile(const Operand& x, int64_t first, int64_t k, bool is_b, uint16_t* out) {
  const int64_t count = std::clamp<int64_t>(x.count - first, 0, kTile);
  const int64_t depth = std::clamp<int64_t>(x.depth - k, 0, kStep);
  const uint16_t* in = x.data + (x.depth_is_inner ? first * x.stride + k : k * x.stride + first);
  if (count == kTile && depth == kStep) return arrange_tile(in, x.stride, x.depth_is_inner, is_b, out);
  const int64_t inner = x.depth_is_inner ? depth : count, outer = x.depth_is_inner ? count : depth;
  const int64_t width = x.depth_is_inner ? kStep : kTile;
  alignas(64) uint16_t padded[kTileElements] = {};
  for (int64_t i = 0; i < outer; ++i) std::copy_n(in + i * x.stride, inner, padded + i * width);
  arrange_tile(padded, width, x.depth_is_inner, is_b, out);
}

// The 32 rows or columns from `first`, `steps` of K from `k`.
LETHE_AMX inline void pack_panel(const Operand& x, int64_t first, int64_t k, int64_t steps, bool is_b, uint16_t* out) {
  for (int64_t s = 0; s < steps; ++s, out += kStepElements) {
    pack_tile(x, first, k + s * kStep, is_b, out);
    pack_tile(x, first + kTile, k + s * kStep, is_b, out + kTileElements);
  }
}

// block (+)= the product of two panels. after_step() is called between the steps: vector work that the tile unit's time
// hides. Registers: 0 to 3 the block, 4 and 5 A, 6 and 7 B. B passes by the L1 cache, so that A stays there.
template <class AfterStep>
LETHE_AMX inline void multiply(const uint16_t* a, const uint16_t* b, int64_t steps, bool first, float* block,
                               AfterStep& after_step) {
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
  for (int64_t s = 0; s < steps; ++s, a += kStepElements, b += kStepElements) {
    _tile_stream_loadd(6, b, 64);
    _tile_loadd(4, a, 64);
    _tile_stream_loadd(7, b + kTileElements, 64);
    _tile_loadd(5, a + kTileElements, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    after_step();
  }
  _tile_stored(0, block, 64);
  _tile_stored(1, block + 256, 64);
  _tile_stored(2, block + 512, 64);
  _tile_stored(3, block + 768, 64);
}

}  // namespace lethe::tensor::amx
