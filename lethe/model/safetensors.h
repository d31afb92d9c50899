// The safetensors format, read and written:
//
//   8 bytes   N, little endian
//   N bytes   JSON, padded with spaces: {"__metadata__": {string: string},
//             NAME: {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}, ...}
//   the rest  the data; offsets count from here, tensors follow each other without holes
//
// Reading trusts nothing: every size is checked against the file's end before it is used. Errors name the file, the
// tensor, what was found and what was expected.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/tensor/tensor.h"

namespace lethe::model {

struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  uint64_t begin = 0, bytes = 0;  // in the file
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  uint64_t data_begin = 0;                // in the file
};

SafetensorsHeader read_safetensors_header(std::span<const std::byte> file, const std::string& where);

// The length, the JSON and its padding (to 8 bytes) for entries whose data follow in this order; sets their `begin` and
// `bytes`.
std::string safetensors_header(std::vector<SafetensorsEntry>& entries,
                               const std::map<std::string, std::string>& metadata);

// Bytes of one element; 0: unknown.
int64_t bytes_of_dtype(const std::string& dtype);

// "F32", "F16" and "BF16", the types that are computed with; none: another.
std::optional<tensor::DType> computable_dtype(const std::string& dtype);

// `count` stored elements as fp32, exactly. Nothing makes a file align them.
void widen(tensor::DType dtype, std::span<const std::byte> from, int64_t count, float* out);

// Elements of a shape; -1 where an extent is negative or the product passes 2^62.
int64_t elements_of(const std::vector<int64_t>& shape);

// "[2, 3]", for messages.
std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace lethe::model
