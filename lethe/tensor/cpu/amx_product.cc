// C is cut into blocks of 32 x 32, two by two tiles of fp32, which stay in the unit's registers while K goes by:
//   a thread owns a rectangle of C, in it for each strip of columns and stretch of K
//     the strip of B is packed, about 1 MB that stays in the L2 cache;
//     32 rows of A at a time are packed, which stay in the L1 cache, and multiplied with the whole strip.
#include "lethe/tensor/cpu/amx_product.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>

#include "lethe/tensor/cpu/amx_tiles.h"
#include "lethe/tensor/parallel.h"

namespace lethe::tensor {
namespace {

using namespace amx;

constexpr int64_t kStretch = 576;  // of K: 32 rows of A are then 36 KB, and B has room to pass
constexpr int64_t kStripBytes = 5 << 18;
constexpr int64_t kLargeBytes = 1 << 20;  // an output that no cache keeps until it is needed
constexpr int64_t kRowsAtOnce = 1024;     // of C, whose unfinished sums wait in a cache when K has several stretches

// A finished block of sums on its way into c, row by row: the vector unit does that while the tile unit multiplies the
// next block.
class FinishedBlock {
 public:
  FinishedBlock(const Tensor& c, const MatmulOptions& options) : c_(c), options_(options) {
    const auto size = static_cast<int64_t>(size_of(c.dtype));
    const bool whole_lines = reinterpret_cast<uintptr_t>(c.data) % 64 == 0 && c.stride * size % 64 == 0;
    large_ = !options.accumulate && whole_lines && c.rows * c.cols * size >= kLargeBytes;
  }

  LETHE_AMX void start(const float* sums, int64_t row, int64_t col, int64_t next_steps) {
    rows_a_step_ = divided_up(kBlock, next_steps);
    sums_ = sums;
    row_ = row;
    col_ = col;
    next_ = 0;
    rows_ = std::min(kBlock, c_.rows - row);
    const int64_t cols = std::min(kBlock, c_.cols - col);
    masks_[0] = static_cast<__mmask16>((1u << std::min<int64_t>(cols, 16)) - 1);
    masks_[1] = static_cast<__mmask16>((1u << std::max<int64_t>(cols - 16, 0)) - 1);
    past_caches_ = large_ && cols == kBlock;
  }
  LETHE_AMX void operator()() { write_rows(rows_a_step_); }  // between the steps of the next block
  LETHE_AMX void write_rows(int64_t count) {
    for (const int64_t end = std::min(rows_, next_ + count); next_ < end; ++next_) write_row();
  }

 private:
  LETHE_AMX __m512 half_row(int64_t half) const {
    const __mmask16 mask = masks_[half];
    const int64_t row = row_ + next_, col = col_ + half * kTile;
    __m512 x = _mm512_load_ps(sums_ + (next_ / kTile * 2 + half) * 256 + next_ % kTile * kTile);
    const MatmulOptions& o = options_;
    x = _mm512_mul_ps(x, _mm512_set1_ps(o.scale));
    if (o.bias) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, o.bias + col));
    if (o.residual) {
      x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, o.residual->f32() + row * o.residual->stride + col));
    }
    if (o.accumulate) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, c_.f32() + row * c_.stride + col));
    return x;
  }
  LETHE_AMX void write_row() {
    const __m512 left = half_row(0), right = half_row(1);
    if (c_.dtype == DType::kF32) {
      float* out = c_.f32() + (row_ + next_) * c_.stride + col_;
      if (past_caches_) {
        _mm512_stream_ps(out, left);
        _mm512_stream_ps(out + kTile, right);
      } else {
        _mm512_mask_storeu_ps(out, masks_[0], left);
        _mm512_mask_storeu_ps(out + kTile, masks_[1], right);
      }
    } else {
      uint16_t* out = c_.bf16() + (row_ + next_) * c_.stride + col_;
      const __m512bh rounded = _mm512_cvtne2ps_pbh(right, left);
      __m512i bits;
      std::memcpy(&bits, &rounded, sizeof(bits));
      if (past_caches_) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(out), bits);
      } else {
        _mm512_mask_storeu_epi16(out, _mm512_kunpackw(masks_[1], masks_[0]), bits);
      }
    }
  }

  const Tensor c_;
  const MatmulOptions& options_;
  const float* sums_ = nullptr;
  bool large_ = false, past_caches_ = false;  // written without being read into the caches first
  int64_t row_ = 0, col_ = 0, next_ = 0, rows_ = 0, rows_a_step_ = 0;
  __mmask16 masks_[2] = {};
};

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

// `panels` panels of B from column `first`, `stride` apart, in the order in which B lies in memory.
LETHE_AMX void pack_strip(const Operand& b, int64_t first, int64_t panels, int64_t k, int64_t steps, int64_t stride,
                          uint16_t* out) {
  if (b.depth_is_inner) {
    for (int64_t j = 0; j < panels; ++j) pack_panel(b, first + j * kBlock, k, steps, true, out + j * stride);
    return;
  }
  for (int64_t s = 0; s < steps; ++s) {
    for (int64_t j = 0; j < panels; ++j) {
      pack_panel(b, first + j * kBlock, k + s * kStep, 1, true, out + j * stride + s * kStepElements);
    }
  }
}

LETHE_AMX void multiply_rectangle(const Operand& a, const Operand& b, const Tensor& c, const MatmulOptions& options,
                                  const Rectangle& part) {
  if (part.row_begin == part.row_end || part.col_begin == part.col_end) return;
  const int64_t steps = divided_up(a.depth, kStep);
  const int64_t stretches = divided_up(steps, kStretch / kStep), stretch = divided_up(steps, stretches);
  const int64_t panel = stretch * kStepElements;
  const int64_t strip = std::clamp<int64_t>(kStripBytes / (2 * panel), 1, part.col_end - part.col_begin);
  const int64_t rows_at_once = stretches == 1 ? part.row_end - part.row_begin : kRowsAtOnce / kBlock;
  const Scratch scratch =
      scratch_of_thread(panel, panel * strip, kBlockElements * (stretches == 1 ? 2 : strip * rows_at_once));
  _tile_loadconfig(&kTileConfig);
  FinishedBlock finished(c, options);
  int64_t turn = 0;  // with one stretch two blocks take turns: one is summed, one written
  for (int64_t col = part.col_begin; col < part.col_end; col += strip) {
    const int64_t cols = std::min(strip, part.col_end - col);
    for (int64_t row = part.row_begin; row < part.row_end; row += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, part.row_end - row);
      for (int64_t step = 0; step < steps; step += stretch) {
        const int64_t now = std::min(stretch, steps - step);
        pack_strip(b, col * kBlock, cols, step * kStep, now, panel, scratch.b);
        for (int64_t i = 0; i < rows; ++i) {
          pack_panel(a, (row + i) * kBlock, step * kStep, now, false, scratch.a);
          for (int64_t j = 0; j < cols; ++j) {
            float* block = scratch.blocks + (stretches == 1 ? turn++ % 2 : i * cols + j) * kBlockElements;
            multiply(scratch.a, scratch.b + j * panel, now, step == 0, block, finished);
            if (step + now == steps) finished.start(block, (row + i) * kBlock, (col + j) * kBlock, now);
          }
        }
      }
      finished.write_rows(kBlock);
    }
  }
  _mm_sfence();  // what went past the caches, before the others read it
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
