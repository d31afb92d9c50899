// The GGUF container, versions 2 and 3, little endian:
//
//   "GGUF"  u32 version  u64 tensors  u64 fields
//   fields:   string key, u32 type, value      string: u64 length, bytes      array: u32 type, u64 count, values
//   tensors:  string name, u32 dimensions, u64 extents (the fastest first), u32 type, u64 offset
//   padding to general.alignment (32), then the data: offsets count from here
//
// Reading trusts nothing: every length is checked against the file's end before it is used.
// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lethe/base/json.h"

namespace lethe::model {

// How a type keeps its values: `block` values in `bytes`.
struct GgufType {
  const char* name;
  uint32_t id;
  int64_t block, bytes;
};
// Null: not one of those that are read. By the number in the file, or by name ("Q4_1").
const GgufType* gguf_type(uint32_t id);
const GgufType* gguf_type(const std::string& name);

struct GgufTensor {
  std::string name;
  const GgufType* type;
  std::vector<int64_t> shape;     // the slowest extent first, as everywhere else
  uint64_t begin = 0, bytes = 0;  // in the file
};

struct Gguf {
  uint32_t version = 0;
  Json metadata = Json::object();  // 32-bit floats as the shortest decimal that is the same float: 1e-05
  std::vector<GgufTensor> tensors;
};

Gguf read_gguf(std::span<const std::byte> file, const std::string& where);

}  // namespace lethe::model
