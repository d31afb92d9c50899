// The softmax of attention on blocks of 32 x 32 scores as AMX leaves them, and back into the tiles that it multiplies.
// A block: rows are queries, columns keys. For amx_attention.cc.
#pragma once
#include "lethe/tensor/cpu/amx_tiles.h"

namespace lethe::tensor::amx {

// Which columns of a block a query sees: row r the first `first_row + r * step` of 32, at least 0 and at most `most`.
struct Visible {
  int64_t first_row = kBlock, step = 0, most = kBlock;

  bool all() const { return first_row >= kBlock && most == kBlock; }
  uint32_t mask(int64_t row) const {
    const int64_t columns = std::clamp<int64_t>(first_row + row * step, 0, most);
    return columns >= 32 ? 0xffffffffu : (1u << columns) - 1;
  }
};

// Half a row of a block: columns 16 * half to 16 * half + 15.
inline const float* half_row(const float* block, int64_t row, int64_t half) {
  return block + (row / kTile * 2 + half) * 256 + row % kTile * kTile;
}

// 2^x, to about 2e-7; below 2^-120 as there. Polynomial over [0, 1): the usual least-maximum fit of degree 5.
LETHE_AMX inline __m512 exp2_of(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-120), x);  // NaN stays
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, whole);
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(1.8775767e-3f), f, _mm512_set1_ps(8.9893397e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5826318e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4015361e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9315308e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.9999994e-1f));
  return _mm512_scalef_ps(p, whole);
}

LETHE_AMX inline __m512i rounded_pair(__m512 low, __m512 high) {
  const __m512bh pair = _mm512_cvtne2ps_pbh(high, low);
  __m512i bits;
  std::memcpy(&bits, &pair, sizeof(bits));
  return bits;
}

// largest [32 rows of 16] = max(largest, the visible scores)
LETHE_AMX inline void update_largest(const float* block, const Visible& visible, float* largest) {
  for (int64_t r = 0; r < kBlock; ++r) {
    const uint32_t mask = visible.all() ? 0xffffffffu : visible.mask(r);
    __m512 m = _mm512_load_ps(largest + r * kTile);
    m = _mm512_mask_max_ps(m, static_cast<__mmask16>(mask), m, _mm512_load_ps(half_row(block, r, 0)));
    m = _mm512_mask_max_ps(m, static_cast<__mmask16>(mask >> 16), m, _mm512_load_ps(half_row(block, r, 1)));
    _mm512_store_ps(largest + r * kTile, m);
  }
}

// p, a step of A = 2^(factor * score - shift of the row), 0 where not visible; sums [32 rows of 16] += them.
LETHE_AMX inline void exponentials(const float* block, const Visible& visible, float factor, const float* shift,
                                   uint16_t* p, float* sums) {
  const __m512 f = _mm512_set1_ps(factor);
  for (int64_t r = 0; r < kBlock; ++r) {
    const __m512 s = _mm512_set1_ps(shift[r]);
    __m512 low = exp2_of(_mm512_fmsub_ps(f, _mm512_load_ps(half_row(block, r, 0)), s));
    __m512 high = exp2_of(_mm512_fmsub_ps(f, _mm512_load_ps(half_row(block, r, 1)), s));
    if (!visible.all()) {
      const uint32_t mask = visible.mask(r);
      low = _mm512_maskz_mov_ps(static_cast<__mmask16>(mask), low);
      high = _mm512_maskz_mov_ps(static_cast<__mmask16>(mask >> 16), high);
    }
    float* sum = sums + r * kTile;
    _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), _mm512_add_ps(low, high)));
    _mm512_store_si512(p + r * kStep, rounded_pair(low, high));
  }
}

// Backward. p = 2^(factor * score - shift of the row), ds = p * (dp - dot of the row) * scale, both 0 where not
// visible: as steps of B (`p_b`, `ds_b`: queries are the depth) and ds as a step of A (`ds_a`: keys are the depth).
LETHE_AMX inline void score_gradients(const float* scores, const float* dp, const Visible& visible, float factor,
                                      float scale, const float* shift, const float* dots, uint16_t* p_b, uint16_t* ds_b,
                                      uint16_t* ds_a) {
  const __m512 f = _mm512_set1_ps(factor), k = _mm512_set1_ps(scale);
  // Lanes 0, 16, 1, 17, ...: two rows side by side become pairs.
  const __m512i pairs = _mm512_or_si512(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
      _mm512_slli_epi32(_mm512_set_epi32(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16), 16));
  for (int64_t r = 0; r < kBlock; r += 2) {
    __m512 p[2][2], ds[2][2];  // row, half
    for (int64_t i = 0; i < 2; ++i) {
      const __m512 s = _mm512_set1_ps(shift[r + i]), dot = _mm512_set1_ps(dots[r + i]);
      const uint32_t mask = visible.all() ? 0xffffffffu : visible.mask(r + i);
      for (int64_t half = 0; half < 2; ++half) {
        const __m512 e = exp2_of(_mm512_fmsub_ps(f, _mm512_load_ps(half_row(scores, r + i, half)), s));
        const __m512 g = _mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(half_row(dp, r + i, half)), dot), k);
        p[i][half] = _mm512_maskz_mov_ps(static_cast<__mmask16>(mask >> (16 * half)), e);
        ds[i][half] = _mm512_mul_ps(p[i][half], g);
      }
      _mm512_store_si512(ds_a + (r + i) * kStep, rounded_pair(ds[i][0], ds[i][1]));
    }
    for (int64_t half = 0; half < 2; ++half) {
      const int64_t at = half * kTileElements + r / 2 * kStep;
      _mm512_store_si512(p_b + at, _mm512_permutexvar_epi16(pairs, rounded_pair(p[0][half], p[1][half])));
      _mm512_store_si512(ds_b + at, _mm512_permutexvar_epi16(pairs, rounded_pair(ds[0][half], ds[1][half])));
    }
  }
}

}  // namespace lethe::tensor::amx
