// Attention of long spans on AMX. Keys and values are packed once for all query heads that share them; scores go from
// the unit through the softmax into the tiles of the next product without leaving the first caches. The equations stand
// in attention_long.cc.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lethe/tensor/cpu/amx_product.h"
#include "lethe/tensor/cpu/amx_softmax.h"
#include "lethe/tensor/cpu/attention_parts.h"

namespace lethe::tensor {
namespace {

using namespace amx;

constexpr float kLog2E = 1.44269504f;
constexpr int64_t kChunk = 16;  // panels of keys whose score gradients wait for the product into dq

struct Nothing {
  LETHE_AMX void operator()() const {}
};

// A thread's memory, kept; pieces are aligned to 64 bytes.
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : memory_(of_thread()) {
    if (memory_.size() < static_cast<size_t>(bytes)) {
      memory_ = Buffer();
      memory_ = Buffer(static_cast<size_t>(bytes));
    }
  }
  uint16_t* bf16(int64_t n) { return reinterpret_cast<uint16_t*>(take(2 * n)); }
  float* f32(int64_t n) { return reinterpret_cast<float*>(take(4 * n)); }

 private:
  static Buffer& of_thread() {
    thread_local Buffer memory;
    return memory;
  }
  std::byte* take(int64_t bytes) {
    used_ += (bytes + 63) / 64 * 64;
    return memory_.data() + used_ - (bytes + 63) / 64 * 64;
  }
  Buffer& memory_;
  int64_t used_ = 0;
};

// Rows of a head as rows of A or columns of B (the depth is the head), or the head as rows or columns (the depth are
// the rows).
Operand rows_of(const Tensor& x) { return {x.bf16(), x.stride, x.rows, x.cols, true}; }
Operand columns_of(const Tensor& x) { return {x.bf16(), x.stride, x.cols, x.rows, false}; }

LETHE_AMX void multiply(const uint16_t* a, const uint16_t* b, int64_t steps, bool first, float* block) {
  Nothing nothing;
  amx::multiply(a, b, steps, first, block, nothing);
}

// Rows of a block times their factors, into 32 columns of x from `col`; `rows` of them from row `row`.
LETHE_AMX void write_rows(const float* block, const float* factor, const Tensor& x, int64_t row, int64_t rows,
                          int64_t col) {
  for (int64_t r = 0; r < rows; ++r) {
    const __m512 f = _mm512_set1_ps(factor ? factor[r] : 1);
    const __m512 low = _mm512_mul_ps(f, _mm512_load_ps(half_row(block, r, 0)));
    const __m512 high = _mm512_mul_ps(f, _mm512_load_ps(half_row(block, r, 1)));
    _mm512_storeu_si512(x.at(row + r, col), rounded_pair(low, high));
  }
}

// The columns of a block as rows of x: the block is [head, keys], x [keys, head].
LETHE_AMX void write_columns(const float* block, const Tensor& x, int64_t row, int64_t rows, int64_t col) {
  alignas(64) float turned[kBlockElements];
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 2; ++j) {
      transpose_words(reinterpret_cast<const char*>(block + (2 * i + j) * 256), 64, turned + (2 * j + i) * 256);
    }
  }
  write_rows(turned, nullptr, x, row, rows, col);
}

LETHE_AMX void attend(const Attention& a, const Span& span, int64_t kv_head, int64_t first, int64_t count) {
  const int64_t d = a.shape.head_dim, steps = d / kStep, own = a.shape.causal ? first + count : span.length;
  const int64_t prefix_panels = divided_up(span.prefix_length, kBlock),
                panels = prefix_panels + divided_up(own, kBlock);
  const int64_t panel = steps * kStepElements;
  Scratch scratch(2 * (2 * panels + 1) * panel + panels * (4 * kBlockElements + 2 * kStepElements) +
                  4 * (2 * kBlock * kTile + kBlockElements + 2 * kBlock));
  uint16_t *keys = scratch.bf16(panels * panel), *values = scratch.bf16(panels * panel), *q = scratch.bf16(panel);
  float* scores = scratch.f32(panels * kBlockElements);
  uint16_t* p = scratch.bf16(panels * kStepElements);
  float *largest = scratch.f32(kBlock * kTile), *sums = scratch.f32(kBlock * kTile);
  float *out = scratch.f32(kBlockElements), *shift = scratch.f32(kBlock), *inverse = scratch.f32(kBlock);

  const Tensor k = a.head(a.k, kv_head), v = a.head(a.v, kv_head);
  const Tensor parts_k[] = {k.row_range(span.prefix_begin, span.prefix_length), k.row_range(span.begin, own)};
  const Tensor parts_v[] = {v.row_range(span.prefix_begin, span.prefix_length), v.row_range(span.begin, own)};
  const int64_t begin[] = {0, prefix_panels}, end[] = {prefix_panels, panels};
  for (int64_t part = 0; part < 2; ++part) {
    for (int64_t j = begin[part]; j < end[part]; ++j) {
      pack_panel(rows_of(parts_k[part]), (j - begin[part]) * kBlock, 0, steps, true, keys + j * panel);
    }
    for (int64_t c = 0; c < steps; ++c) {
      pack_panel(columns_of(parts_v[part]), c * kBlock, 0, end[part] - begin[part], true,
                 values + (c * panels + begin[part]) * kStepElements);
    }
  }
  const auto visible = [&](int64_t query, int64_t j) {
    if (j < prefix_panels) return Visible{kBlock, 0, std::min(kBlock, span.prefix_length - j * kBlock)};
    const int64_t key = (j - prefix_panels) * kBlock, most = std::min(kBlock, own - key);
    return a.shape.causal ? Visible{query + 1 - key, 1, most} : Visible{kBlock, 0, most};
  };

  _tile_loadconfig(&kTileConfig);
  const float factor = a.shape.scale * kLog2E;
  for (int64_t head = kv_head * a.group(); head < (kv_head + 1) * a.group(); ++head) {
    const Tensor queries = a.head(a.q, head).row_range(span.begin, span.length);
    const Tensor outputs = a.out_head(a.out, head).row_range(span.begin, span.length);
    for (int64_t query = first; query < first + count; query += kBlock) {
      const int64_t rows = std::min(kBlock, first + count - query);
      const int64_t seen = a.shape.causal ? prefix_panels + divided_up(query + rows, kBlock) : panels;
      pack_panel(rows_of(queries), query, 0, steps, false, q);
      std::fill_n(largest, kBlock * kTile, -std::numeric_limits<float>::infinity());
      std::fill_n(sums, kBlock * kTile, 0.0f);
      for (int64_t j = 0; j <= seen; ++j) {  // the largest of a block are sought while the next one is multiplied
        if (j < seen) multiply(q, keys + j * panel, steps, true, scores + j * kBlockElements);
        if (j > 0) update_largest(scores + (j - 1) * kBlockElements, visible(query, j - 1), largest);
      }
      for (int64_t r = 0; r < kBlock; ++r) {
        shift[r] = factor * _mm512_reduce_max_ps(_mm512_load_ps(largest + r * kTile));
      }
      for (int64_t j = 0; j < seen; ++j) {
        exponentials(scores + j * kBlockElements, visible(query, j), factor, shift, p + j * kStepElements, sums);
      }
      for (int64_t r = 0; r < kBlock; ++r) {
        const float sum = _mm512_reduce_add_ps(_mm512_load_ps(sums + r * kTile));
        inverse[r] = 1 / sum;
        if (a.lse && r < rows) {
          a.lse.f32()[(span.begin + query + r) * a.lse.stride + head] = shift[r] / kLog2E + std::log(sum);
        }
      }
      for (int64_t c = 0; c < steps; ++c) {
        multiply(p, values + c * panels * kStepElements, seen, true, out);
        write_rows(out, inverse, outputs, query, rows, c * kBlock);
      }
    }
  }
  _tile_release();
}

LETHE_AMX void attend_backward(const Attention& a, const Span& span, int64_t kv_head) {
  const int64_t d = a.shape.head_dim, steps = d / kStep, n = span.length, panels = divided_up(n, kBlock);
  const int64_t panel = steps * kStepElements, whole = panels * panel, chunk = std::min(kChunk, panels);
  Scratch scratch(2 * (7 * whole + 2 * panels * kStepElements + panels * chunk * kStepElements) +
                  4 * (3 * whole + 4 * kBlockElements + 2 * panels * kBlock));
  // Operands: of S and dP (keys as columns of B, queries as rows of A), of dq (keys as depth of B), of dk and dv
  // (queries as depth of A).
  uint16_t *keys = scratch.bf16(whole), *values = scratch.bf16(whole), *keys_deep = scratch.bf16(whole);
  uint16_t *q = scratch.bf16(whole), *dout = scratch.bf16(whole);
  uint16_t *q_deep = scratch.bf16(whole), *dout_deep = scratch.bf16(whole);
  uint16_t *p_b = scratch.bf16(panels * kStepElements), *ds_b = scratch.bf16(panels * kStepElements);
  uint16_t* ds_a = scratch.bf16(panels * chunk * kStepElements);
  float *dq = scratch.f32(whole), *dk = scratch.f32(whole), *dv = scratch.f32(whole);  // blocks; dk, dv transposed
  float *scores = scratch.f32(2 * kBlockElements), *dp = scratch.f32(2 * kBlockElements);
  float *shift = scratch.f32(panels * kBlock), *dots = scratch.f32(panels * kBlock);

  const auto rows_of_span = [&](const Tensor& x, int64_t head) { return a.head(x, head).row_range(span.begin, n); };
  const Tensor k = rows_of_span(a.k, kv_head), v = rows_of_span(a.v, kv_head);
  for (int64_t j = 0; j < panels; ++j) {
    pack_panel(rows_of(k), j * kBlock, 0, steps, true, keys + j * panel);
    pack_panel(rows_of(v), j * kBlock, 0, steps, true, values + j * panel);
  }
  const int64_t deep = panels * kStepElements;  // of one of `steps` panels along the rows
  for (int64_t c = 0; c < steps; ++c) pack_panel(columns_of(k), c * kBlock, 0, panels, true, keys_deep + c * deep);

  _tile_loadconfig(&kTileConfig);
  const float factor = a.shape.scale * kLog2E;
  for (int64_t head = kv_head * a.group(); head < (kv_head + 1) * a.group(); ++head) {
    const bool first_head = head == kv_head * a.group();
    const Tensor q_rows = rows_of_span(a.q, head);
    const Tensor dout_rows = a.out_head(a.dout, head).row_range(span.begin, n);
    for (int64_t i = 0; i < panels; ++i) {
      pack_panel(rows_of(q_rows), i * kBlock, 0, steps, false, q + i * panel);
      pack_panel(rows_of(dout_rows), i * kBlock, 0, steps, false, dout + i * panel);
    }
    for (int64_t c = 0; c < steps; ++c) {
      pack_panel(columns_of(q_rows), c * kBlock, 0, panels, false, q_deep + c * deep);
      pack_panel(columns_of(dout_rows), c * kBlock, 0, panels, false, dout_deep + c * deep);
    }
    dot_rows(a.out_head(a.out, head).row_range(span.begin, n), dout_rows, dots);
    for (int64_t i = 0; i < n; ++i) shift[i] = kLog2E * a.lse.f32()[(span.begin + i) * a.lse.stride + head];
    for (int64_t i = n; i < panels * kBlock; ++i) shift[i] = std::numeric_limits<float>::max(), dots[i] = 0;

    for (int64_t from = 0; from < panels; from += chunk) {
      const int64_t to = std::min(panels, from + chunk);
      for (int64_t j = from; j < to; ++j) {
        const int64_t first = a.shape.causal ? j : 0;
        for (int64_t i = first; i <= panels; ++i) {  // the gradients of a block while the next one is multiplied
          if (i < panels) {
            multiply(q + i * panel, keys + j * panel, steps, true, scores + i % 2 * kBlockElements);
            multiply(dout + i * panel, values + j * panel, steps, true, dp + i % 2 * kBlockElements);
          }
          if (i == first) continue;
          const int64_t at = i - 1, most = std::min(kBlock, n - j * kBlock);
          const Visible visible = a.shape.causal ? Visible{(at - j) * kBlock + 1, 1, most} : Visible{kBlock, 0, most};
          score_gradients(scores + at % 2 * kBlockElements, dp + at % 2 * kBlockElements, visible, factor,
                          a.shape.scale, shift + at * kBlock, dots + at * kBlock, p_b + at * kStepElements,
                          ds_b + at * kStepElements, ds_a + (at * chunk + j - from) * kStepElements);
        }
        for (int64_t c = 0; c < steps; ++c) {
          const int64_t begin = first * kStepElements, block = (j * steps + c) * kBlockElements;
          multiply(dout_deep + c * deep + begin, p_b + begin, panels - first, first_head, dv + block);
          multiply(q_deep + c * deep + begin, ds_b + begin, panels - first, first_head, dk + block);
        }
      }
      for (int64_t i = a.shape.causal ? from : 0; i < panels; ++i) {
        const int64_t seen = a.shape.causal ? std::min(to, i + 1) - from : to - from;
        for (int64_t c = 0; c < steps; ++c) {
          multiply(ds_a + i * chunk * kStepElements, keys_deep + c * deep + from * kStepElements, seen, from == 0,
                   dq + (i * steps + c) * kBlockElements);
        }
      }
    }
    for (int64_t i = 0; i < panels; ++i) {
      for (int64_t c = 0; c < steps; ++c) {
        write_rows(dq + (i * steps + c) * kBlockElements, nullptr, rows_of_span(a.dq, head), i * kBlock,
                   std::min(kBlock, n - i * kBlock), c * kBlock);
      }
    }
  }
  for (int64_t j = 0; j < panels; ++j) {
    for (int64_t c = 0; c < steps; ++c) {
      const int64_t block = (j * steps + c) * kBlockElements, rows = std::min(kBlock, n - j * kBlock);
      write_columns(dk + block, rows_of_span(a.dk, kv_head), j * kBlock, rows, c * kBlock);
      write_columns(dv + block, rows_of_span(a.dv, kv_head), j * kBlock, rows, c * kBlock);
    }
  }
  _tile_release();
}

}  // namespace

bool amx_attends(const Attention& a) { return a.q.dtype == DType::kBF16 && a.shape.head_dim % kStep == 0 && has_amx(); }
void amx_attend(const Attention& a, const Span& span, int64_t kv_head, int64_t first, int64_t count) {
  attend(a, span, kv_head, first, count);
}
void amx_attend_backward(const Attention& a, const Span& span, int64_t kv_head) { attend_backward(a, span, kv_head); }

}  // namespace lethe::tensor
