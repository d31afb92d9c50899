// A MODEL on disk, opened: a Hugging Face directory (config.json, model.safetensors or its shards) or a GGUF file.
// Tensors go by their canonical Hugging Face names whatever the file calls them; GGUF's are renamed, and its
// interleaved rotary rows put back in place. Opening checks everything that can be checked without reading weights:
// headers, sizes, offsets, shards, dtypes, and every shape against config.json. Errors name the file, the tensor, what
// was found and what was expected.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/model/config.h"
#include "lethe/tensor/tensor.h"

namespace lethe::model {

struct StoredTensor {
  std::string name;         // canonical
  std::string stored_name;  // as in the file
  std::string dtype;        // "F32", "F16", "BF16", or GGUF's "Q4_1", ...
  std::vector<int64_t> shape;
  int64_t size() const;            // elements
  int64_t cols() const;            // the last extent; a vector is one row
  int64_t rows() const;            // size() / cols()
  int file = 0;                    // shard
  uint64_t offset = 0, bytes = 0;  // in that file
  // How the elements lie in a GGUF file: linear weights of [in, out] families transposed; the rows of each of so many
  // heads with the two halves of rotary positions interleaved.
  bool transposed = false;
  int64_t interleaved_heads = 0;
};

class ModelFiles {
 public:
  static ModelFiles open(const fs::path& model);
  ModelFiles(ModelFiles&&) noexcept;
  ModelFiles& operator=(ModelFiles&&) noexcept;
  ~ModelFiles();

  const fs::path& path() const;
  bool is_gguf() const;
  const Json& config_json() const;  // GGUF: made from its metadata
  const ModelConfig& config() const;
  const std::vector<StoredTensor>& tensors() const;  // in file order
  const StoredTensor* find(const std::string& name) const;
  // The weight files (model.safetensors, or the shards), and one of them, mapped.
  const std::vector<fs::path>& files() const;
  std::span<const std::byte> file_bytes(int file) const;

  // The values, exactly (dequantised), as fp32, or rounded once to bf16. `out` holds size() elements.
  void read(const StoredTensor& tensor, float* out) const;
  void read_bf16(const StoredTensor& tensor, uint16_t* out) const;
  // Rows [first, first + rows) alone, on the calling thread; `out` holds rows * cols() elements.
  void read_rows(const StoredTensor& tensor, int64_t first, int64_t rows, float* out) const;
  // Gives the memory that reading its bytes took back to the system; read() and read_bf16() do so themselves.
  void release(const StoredTensor& tensor) const;
  // The bytes as stored, mapped.
  std::span<const std::byte> bytes(const StoredTensor& tensor) const;

  bool has_tokenizer() const;
  // Of a GGUF file, what a directory would hold as tokenizer.json and tokenizer_config.json; null where it has none.
  Json tokenizer_json() const;
  Json tokenizer_config() const;

 private:
  struct Impl;
  ModelFiles();
  std::unique_ptr<Impl> impl_;
};

// Fills `out` (size() elements) with the new values of a tensor and returns true, or returns false: unchanged, its
// bytes are copied. Where a tied model also stores its head, the head takes the embedding's new values: the embedding
// is asked for again.
using NewValues = std::function<bool(const StoredTensor& tensor, float* out)>;

// The dtype in which write_model() writes a tensor, unless told another: its own, or one for all of a GGUF file's.
std::string written_dtype(const ModelFiles& source, const StoredTensor& tensor);

struct WriteModelOptions {
  std::string dtype;       // "": the source's own (quantised GGUF tensors become BF16)
  bool untie = false;      // also write the head as a tensor of its own (asked for by its name; unchanged: the source's
                           // embedding) and say so in config.json
  bool overwrite = false;  // replace the model files of an existing directory; otherwise they must not be there
  std::function<void(int64_t written, int64_t total)> progress = {};  // told the bytes after each tensor
  fs::path tokenizer = {};  // a directory whose tokenizer goes along in place of the source's
};

// True where the file has the name of one of a model's or an adapter's: config.json, model.safetensors, tokenizer.json.
bool has_model_name(const fs::path& file);
// Removes the files of a model or an adapter from a directory, and nothing else; the configs first.
void remove_model(const fs::path& directory);

// Writes a Hugging Face directory beside the source's look: same tensors, dtypes and shards, tokenizer and other small
// files carried over. Of a GGUF file: one model.safetensors, all tensors in the type of the matrices where they are all
// F32, F16 or BF16, else in BF16. Streams tensor by tensor (memory: a few tensors), rounds fp32 values once, ends with
// the renames, config.json last: a directory is never half a model. `out` may not be the source.
void write_model(const ModelFiles& source, const fs::path& out, const NewValues& values,
                 const WriteModelOptions& options = {});

}  // namespace lethe::model
