// A GGUF file and its tokenizer: any bytes are a file or an error. Begin with a corpus of
// tests/golden/gguf/*/model.gguf.
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -I. fuzz/gguf.cc lethe/model/gguf.cc
//     lethe/model/gguf_tokenizer.cc lethe/model/safetensors.cc lethe/base/json.cc lethe/base/file.cc -lfmt -o gguf_fuzz
//   ./gguf_fuzz -max_total_time=60 corpus/
#include "lethe/model/gguf.h"

#include "lethe/base/error.h"
#include "lethe/model/gguf_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const lethe::model::Gguf gguf = lethe::model::read_gguf(file, "fuzz");
    for (const auto& tensor : gguf.tensors)
      if (tensor.begin > size || tensor.bytes > size - tensor.begin) __builtin_trap();
    lethe::model::gguf_tokenizer_json(gguf.metadata, "fuzz").dump();
    lethe::model::gguf_tokenizer_config(gguf.metadata, "fuzz").dump();
  } catch (const lethe::Error&) {
  }
  return 0;
}
