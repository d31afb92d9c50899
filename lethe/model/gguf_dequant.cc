#include "lethe/model/gguf_dequant.h"

#include <cstring>

#include "lethe/base/error.h"
#include "lethe/model/safetensors.h"

// The loops below are written for the compiler to vectorise. A multiplication and an addition must stay apart: fused,
// as processors with the instruction would have it, they round once instead of twice.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

namespace lethe::model {
namespace {

using tensor::DType;

float half_at(const uint8_t* p) {
  uint32_t half = static_cast<uint32_t>(p[0] | p[1] << 8);
  const uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3FF;
  float out;
  if (exponent == 0) {
    out = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -out : out;
  }
  half = sign | (exponent == 31 ? 0xFFu : exponent + 112) << 23 | mantissa << 13;
  std::memcpy(&out, &half, 4);
  return out;
}

// d f16, 16 bytes of nibbles: low halves are values 0 to 15, high ones 16 to 31.
void q4_0(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(static_cast<int>(p[2 + i] & 15) - 8);
    out[i + 16] = d * static_cast<float>(static_cast<int>(p[2 + i] >> 4) - 8);
  }
}

// d f16, m f16, nibbles as in Q4_0.
void q4_1(const uint8_t* p, float* out) {
  const float d = half_at(p), m = half_at(p + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(p[4 + i] & 15) + m;
    out[i + 16] = d * static_cast<float>(p[4 + i] >> 4) + m;
  }
}

// The fifth bits of 32 values: bit i of a little endian word belongs to value i.
void fifth_bits(const uint8_t* p, const uint8_t* nibbles, uint8_t* q) {
  uint32_t high;
  std::memcpy(&high, p, 4);
  for (int i = 0; i < 16; ++i) {
    q[i] = static_cast<uint8_t>((nibbles[i] & 15) | (high >> i & 1) << 4);
    q[i + 16] = static_cast<uint8_t>((nibbles[i] >> 4) | (high >> (i + 16) & 1) << 4);
  }
}

// d f16, fifth bits u32, nibbles.
void q5_0(const uint8_t* p, float* out) {
  const float d = half_at(p);
  uint8_t q[32];
  fifth_bits(p + 2, p + 6, q);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<int>(q[i]) - 16);
}

// d f16, m f16, fifth bits u32, nibbles.
void q5_1(const uint8_t* p, float* out) {
  const float d = half_at(p), m = half_at(p + 2);
  uint8_t q[32];
  fifth_bits(p + 4, p + 8, q);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(q[i]) + m;
}

// d f16, 32 signed bytes.
void q8_0(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(p[2 + i])) * d;
}

// Eight 6-bit scales and eight 6-bit minima in 12 bytes: the first four of each in whole bytes' low bits, the last four
// with their low nibbles in bytes 8 to 11 and their high bits above the first ones.
void scales_and_minima(const uint8_t* p, float d, float dmin, float* scale, float* minimum) {
  for (int i = 0; i < 4; ++i) {
    scale[i] = d * static_cast<float>(p[i] & 63);
    minimum[i] = dmin * static_cast<float>(p[4 + i] & 63);
    scale[4 + i] = d * static_cast<float>((p[8 + i] & 15) | (p[i] >> 2 & 48));
    minimum[4 + i] = dmin * static_cast<float>(p[8 + i] >> 4 | (p[4 + i] >> 2 & 48));
  }
}

// d f16, dmin f16, 12 bytes of scales and minima, 4 x 32 bytes: low nibbles a group of 32 values, high ones the next.
void q4_k(const uint8_t* p, float* out) {
  float scale[8], minimum[8];
  scales_and_minima(p + 4, half_at(p), half_at(p + 2), scale, minimum);
  for (int group = 0; group < 8; group += 2) {
    const uint8_t* q = p + 16 + group * 16;
    for (int i = 0; i < 32; ++i) {
      out[group * 32 + i] = scale[group] * static_cast<float>(q[i] & 15) - minimum[group];
      out[group * 32 + 32 + i] = scale[group + 1] * static_cast<float>(q[i] >> 4) - minimum[group + 1];
    }
  }
}

// As Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to value i of group g.
void q5_k(const uint8_t* p, float* out) {
  float scale[8], minimum[8];
  scales_and_minima(p + 4, half_at(p), half_at(p + 2), scale, minimum);
  const uint8_t* high = p + 16;
  for (int group = 0; group < 8; group += 2) {
    const uint8_t* q = p + 48 + group * 16;
    for (int i = 0; i < 32; ++i) {
      const int low = (q[i] & 15) | (high[i] >> group & 1) << 4;
      const int next = q[i] >> 4 | (high[i] >> (group + 1) & 1) << 4;
      out[group * 32 + i] = scale[group] * static_cast<float>(low) - minimum[group];
      out[group * 32 + 32 + i] = scale[group + 1] * static_cast<float>(next) - minimum[group + 1];
    }
  }
}

// 128 bytes of low nibbles, 64 of high pairs of bits, 16 signed scales of 16 values each, d f16. Either half of the
// block: four groups of 32; groups 0 and 1 in the low nibbles, 2 and 3 in the high ones.
void q6_k(const uint8_t* p, float* out) {
  const float d = half_at(p + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* low = p + half * 64;
    const uint8_t* high = p + 128 + half * 32;
    for (int group = 0; group < 4; ++group) {
      for (int part = 0; part < 2; ++part) {
        const int at = half * 128 + group * 32 + part * 16;
        const float scale = d * static_cast<float>(static_cast<int8_t>(p[192 + at / 16]));
        for (int i = 0; i < 16; ++i) {
          const int nibble = low[group % 2 * 32 + part * 16 + i] >> group / 2 * 4 & 15;
          const int pair = high[part * 16 + i] >> group * 2 & 3;
          out[at + i] = scale * static_cast<float>((nibble | pair << 4) - 32);
        }
      }
    }
  }
}

template <void (*block)(const uint8_t*, float*)>
void each(const GgufType& type, const std::byte* from, int64_t blocks, float* out) {
  const uint8_t* p = reinterpret_cast<const uint8_t*>(from);
  for (int64_t i = 0; i < blocks; ++i) block(p + i * type.bytes, out + i * type.block);
}

}  // namespace

void dequantise(const GgufType& type, const std::byte* from, int64_t blocks, float* out) {
  switch (type.id) {
    case 0:
      return widen(DType::kF32, {from, static_cast<size_t>(blocks * type.bytes)}, blocks, out);
    case 1:
      return widen(DType::kF16, {from, static_cast<size_t>(blocks * type.bytes)}, blocks, out);
    case 2:
      return each<q4_0>(type, from, blocks, out);
    case 3:
      return each<q4_1>(type, from, blocks, out);
    case 6:
      return each<q5_0>(type, from, blocks, out);
    case 7:
      return each<q5_1>(type, from, blocks, out);
    case 8:
      return each<q8_0>(type, from, blocks, out);
    case 12:
      return each<q4_k>(type, from, blocks, out);
    case 13:
      return each<q5_k>(type, from, blocks, out);
    case 14:
      return each<q6_k>(type, from, blocks, out);
    case 30:
      return widen(DType::kBF16, {from, static_cast<size_t>(blocks * type.bytes)}, blocks, out);
  }
  fail("no dequantisation of {}", type.name);
}

}  // namespace lethe::model
