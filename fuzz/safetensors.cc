// The header of a safetensors file: any bytes are a header or an error.
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -I. fuzz/safetensors.cc lethe/model/safetensors.cc
//     lethe/base/json.cc lethe/base/file.cc -lfmt -o safetensors_fuzz && ./safetensors_fuzz -max_total_time=60
#include "lethe/model/safetensors.h"

#include "lethe/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    for (const auto& entry : lethe::model::read_safetensors_header(file, "fuzz").entries)
      if (entry.begin > size || entry.bytes > size - entry.begin) __builtin_trap();
  } catch (const lethe::Error&) {
  }
  return 0;
}
