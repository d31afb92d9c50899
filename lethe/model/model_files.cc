#include "lethe/model/model_files.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <unordered_map>

#include "lethe/base/error.h"
#include "lethe/model/families.h"
#include "lethe/model/gguf_dequant.h"
#include "lethe/model/gguf_model.h"
#include "lethe/model/gguf_tokenizer.h"
#include "lethe/model/pages.h"
#include "lethe/model/safetensors.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::model {

using tensor::DType;
using tensor::Tensor;

struct ModelFiles::Impl {
  fs::path path;
  Json config_json;
  ModelConfig config;
  std::vector<fs::path> paths;
  std::vector<MappedFile> files;
  std::vector<StoredTensor> tensors;
  std::unordered_map<std::string, size_t> index;
  std::optional<Json> gguf_metadata;  // of a GGUF file

  void open_directory();
  void open_gguf();
  void open_shards(const fs::path& index_file);
  void add_safetensors(const fs::path& file);
  void add(StoredTensor tensor);
  void check_against_config(const std::string& where) const;
};

namespace {

// The row of a GGUF file in which row `row` of a head's interleaved halves lies.
int64_t interleaved_row(int64_t row, int64_t rows, int64_t heads) {
  const int64_t size = rows / heads, head = row / size, in_head = row % size;
  return head * size + in_head % (size / 2) * 2 + in_head / (size / 2);
}

// Rows of a GGUF tensor as Hugging Face lays them. Columns of a transposed one are read by the blocks that cover them.
void read_gguf_rows(const StoredTensor& stored, std::span<const std::byte> bytes, int64_t first, int64_t rows,
                    float* out) {
  const GgufType& type = *gguf_type(stored.dtype);
  const bool vector = stored.shape.size() == 1;
  const auto read_blocks = [&](int64_t value, int64_t count, float* to) {
    const auto blocks = bytes.subspan(static_cast<size_t>(value / type.block * type.bytes),
                                      static_cast<size_t>(count / type.block * type.bytes));
    populate_pages(blocks);
    dequantise(type, blocks.data(), count / type.block, to);
  };
  if (stored.transposed) {
    const int64_t cols = stored.cols(), stored_cols = stored.rows();
    const int64_t begin = first / type.block * type.block;
    const int64_t end = std::min(stored_cols, (first + rows + type.block - 1) / type.block * type.block);
    std::vector<float> values(static_cast<size_t>(end - begin));
    for (int64_t col = 0; col < cols; ++col) {
      read_blocks(col * stored_cols + begin, end - begin, values.data());
      for (int64_t row = 0; row < rows; ++row) out[row * cols + col] = values[static_cast<size_t>(first - begin + row)];
    }
  } else if (stored.interleaved_heads == 0) {
    read_blocks(first * stored.cols(), rows * stored.cols(), out);
  } else if (vector) {
    std::vector<float> values(static_cast<size_t>(stored.size()));
    read_blocks(0, stored.size(), values.data());
    for (int64_t i = 0; i < rows * stored.size(); ++i)
      out[i] = values[static_cast<size_t>(interleaved_row(i, stored.size(), stored.interleaved_heads))];
  } else {
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t from = interleaved_row(first + row, stored.rows(), stored.interleaved_heads);
      read_blocks(from * stored.cols(), stored.cols(), out + row * stored.cols());
    }
  }
}

// The shards in the order in which the index file names them first.
std::vector<std::string> shard_names(const Json& index, const fs::path& directory, const std::string& where) {
  const Json& map = json_field(index, "weight_map", where);
  check(map.is_object() && !map.empty(), "{}: \"weight_map\" is empty, expected tensors and their files", where);
  std::set<std::string> names;
  for (const auto& [tensor, file] : map.items()) {
    check(file.is_string(), "{}: the file of \"{}\" is {}, expected a name", where, tensor, shown(file));
    const std::string name = file.get<std::string>();
    check(!name.empty() && fs::path(name).filename() == name && name != "." && name != "..",
          "{}: \"{}\" is in \"{}\", expected the name of a file beside", where, tensor, name);
    names.insert(name);
  }
  std::string missing;
  for (const std::string& name : names)
    if (!fs::is_regular_file(directory / name)) missing += (missing.empty() ? "" : ", ") + name;
  check(missing.empty(), "{}: missing shards in {}: {}", where, directory.string(), missing);
  return {names.begin(), names.end()};
}

}  // namespace

int64_t StoredTensor::size() const { return elements_of(shape); }
int64_t StoredTensor::cols() const { return shape.empty() ? 1 : shape.back(); }
int64_t StoredTensor::rows() const { return cols() == 0 ? 0 : size() / cols(); }

void ModelFiles::Impl::open_directory() {
  const fs::path config_file = path / "config.json";
  check(fs::exists(config_file), "{}: no config.json, expected a Hugging Face model directory{}", path.string(),
        fs::exists(path / "adapter_config.json") ? " (this is a PEFT adapter: its base model is needed)"
        : fs::exists(path / "world.toml")        ? " (this is a WORLD)"
                                                 : "");
  config_json = read_json(config_file);
  config = read_config(config_json, config_file.string());
  if (const fs::path file = path / "generation_config.json"; fs::exists(file))  // it is the one that generation goes by
    if (const auto ids = token_ids(read_json(file), "eos_token_id", file.string()); !ids.empty()) config.eos_ids = ids;
  const fs::path single = path / "model.safetensors", index_file = path / "model.safetensors.index.json";
  if (fs::exists(single)) {
    add_safetensors(single);
  } else if (fs::exists(index_file)) {
    open_shards(index_file);
  } else {
    const bool other = fs::exists(path / "pytorch_model.bin") || fs::exists(path / "pytorch_model.bin.index.json");
    fail("{}: no model.safetensors and no model.safetensors.index.json{}", path.string(),
         other ? ": pytorch_model.bin is not read, save the model as safetensors" : "");
  }
  check_against_config(config_file.string());
}

void ModelFiles::Impl::open_gguf() {
  const std::string where = path.string();
  files.emplace_back(path);
  paths.push_back(path);
  Gguf gguf = read_gguf(files[0].bytes(), where);
  config_json = gguf_config(gguf, files[0].bytes(), where);
  config = read_config(config_json, where);
  for (StoredTensor& tensor : gguf_tensors(gguf, config, where)) add(std::move(tensor));
  gguf_metadata = std::move(gguf.metadata);
  check_against_config("its metadata");
}

void ModelFiles::Impl::open_shards(const fs::path& index_file) {
  const std::string where = index_file.string();
  const Json json = read_json(index_file);
  for (const std::string& name : shard_names(json, path, where)) add_safetensors(path / name);
  std::unordered_map<std::string, std::string> held;
  for (const StoredTensor& tensor : tensors)
    held[tensor.stored_name] = paths[static_cast<size_t>(tensor.file)].filename().string();
  for (const auto& [name, file] : json["weight_map"].items()) {
    const auto it = held.find(name);
    check(it != held.end() && it->second == file.get<std::string>(),
          "{}: the tensor \"{}\" is promised in {}, but that file does not hold it", where, name,
          file.get<std::string>());
  }
}

void ModelFiles::Impl::add_safetensors(const fs::path& file) {
  const Family& family = family_of(config.model_type, path.string());
  files.emplace_back(file);
  paths.push_back(file);
  for (SafetensorsEntry& entry : read_safetensors_header(files.back().bytes(), file.string()).entries) {
    StoredTensor tensor;
    tensor.name = canonical_name(family, entry.name);
    tensor.stored_name = std::move(entry.name);
    tensor.dtype = std::move(entry.dtype);
    tensor.shape = std::move(entry.shape);
    tensor.file = static_cast<int>(files.size()) - 1;
    tensor.offset = entry.begin;
    tensor.bytes = entry.bytes;
    add(std::move(tensor));
  }
}

void ModelFiles::Impl::add(StoredTensor tensor) {
  const auto [it, fresh] = index.emplace(tensor.name, tensors.size());
  if (!fresh) {
    const StoredTensor& first = tensors[it->second];
    fail("{}: the tensor \"{}\" is stored twice: as \"{}\" in {} and as \"{}\" in {}", path.string(), tensor.name,
         first.stored_name, paths[static_cast<size_t>(first.file)].filename().string(), tensor.stored_name,
         paths[static_cast<size_t>(tensor.file)].filename().string());
  }
  tensors.push_back(std::move(tensor));
}

void ModelFiles::Impl::check_against_config(const std::string& where) const {
  const auto check_tensor = [&](const std::string& name, const std::vector<int64_t>& shape, bool needed) {
    const auto it = index.find(name);
    check(it != index.end() || !needed, "{}: the tensor \"{}\" {} is missing, {} asks for it", path.string(), name,
          shape_text(shape), where);
    if (it == index.end()) return;
    const StoredTensor& tensor = tensors[it->second];
    check(tensor.shape == shape, "{}: the tensor \"{}\" has the shape {}, expected {} by {}", path.string(), name,
          shape_text(tensor.shape), shape_text(shape), where);
    check(computable_dtype(tensor.dtype) || gguf_metadata,
          "{}: the tensor \"{}\" has the dtype {}, expected F32, F16 or BF16", path.string(), name, tensor.dtype);
  };
  for (const ParameterSpec& spec : parameter_specs(config)) check_tensor(spec.name, spec.shape, true);
  const std::string head = std::string(family_of(config.model_type, where).head) + ".weight";
  check_tensor(head, {config.vocab_size, config.hidden_size}, false);  // tied models may store it as well
}

ModelFiles::ModelFiles() : impl_(std::make_unique<Impl>()) {}
ModelFiles::ModelFiles(ModelFiles&&) noexcept = default;
ModelFiles& ModelFiles::operator=(ModelFiles&&) noexcept = default;
ModelFiles::~ModelFiles() = default;

ModelFiles ModelFiles::open(const fs::path& model) {
  ModelFiles out;
  out.impl_->path = model;
  check(fs::exists(model), "{}: no such file or directory, expected a model on this machine (nothing is downloaded)",
        model.string());
  if (fs::is_directory(model))
    out.impl_->open_directory();
  else
    out.impl_->open_gguf();
  return out;
}

const fs::path& ModelFiles::path() const { return impl_->path; }
bool ModelFiles::is_gguf() const { return impl_->gguf_metadata.has_value(); }
const Json& ModelFiles::config_json() const { return impl_->config_json; }
const ModelConfig& ModelFiles::config() const { return impl_->config; }
const std::vector<StoredTensor>& ModelFiles::tensors() const { return impl_->tensors; }
const std::vector<fs::path>& ModelFiles::files() const { return impl_->paths; }

const StoredTensor* ModelFiles::find(const std::string& name) const {
  const auto it = impl_->index.find(name);
  return it == impl_->index.end() ? nullptr : &impl_->tensors[it->second];
}

std::span<const std::byte> ModelFiles::file_bytes(int file) const {
  return impl_->files[static_cast<size_t>(file)].bytes();
}

std::span<const std::byte> ModelFiles::bytes(const StoredTensor& tensor) const {
  return file_bytes(tensor.file).subspan(tensor.offset, tensor.bytes);
}

void ModelFiles::release(const StoredTensor& tensor) const { release_pages(bytes(tensor)); }

void ModelFiles::read_rows(const StoredTensor& stored, int64_t first, int64_t rows, float* out) const {
  if (is_gguf()) return read_gguf_rows(stored, bytes(stored), first, rows, out);
  const std::optional<DType> dtype = computable_dtype(stored.dtype);
  check(dtype.has_value(), "{}: the tensor \"{}\" has the dtype {}, its values cannot be read", path().string(),
        stored.name, stored.dtype);
  const size_t width = tensor::size_of(*dtype);
  const int64_t count = rows * stored.cols();
  const size_t begin = static_cast<size_t>(first * stored.cols()) * width, size = static_cast<size_t>(count) * width;
  const auto source = bytes(stored).subspan(begin, size);
  release_pages_behind(bytes(stored), begin, begin + size);
  populate_pages(source);
  widen(*dtype, source, count, out);
}

void ModelFiles::read(const StoredTensor& tensor, float* out) const {
  const int64_t cols = tensor.cols();
  const int64_t grain = std::max<int64_t>(1, (1 << 16) / std::max<int64_t>(1, cols));
  tensor::parallel_for(tensor.rows(), grain,
                       [&](int64_t begin, int64_t end) { read_rows(tensor, begin, end - begin, out + begin * cols); });
}

void ModelFiles::read_bf16(const StoredTensor& tensor, uint16_t* out) const {
  const int64_t cols = tensor.cols();
  const int64_t block = std::max<int64_t>(1, (1 << 16) / std::max<int64_t>(1, cols));  // rows whose fp32 fits a cache
  tensor::parallel_for(tensor.rows(), block, [&](int64_t begin, int64_t end) {
    if (tensor.dtype == "BF16" && !tensor.transposed && tensor.interleaved_heads == 0) {
      const auto row = static_cast<size_t>(2 * cols), first = static_cast<size_t>(begin);
      const auto source = bytes(tensor).subspan(first * row, static_cast<size_t>(end - begin) * row);
      populate_pages(source);
      if (!source.empty()) std::memcpy(out + begin * cols, source.data(), source.size());
      return;
    }
    std::vector<float> values(static_cast<size_t>(block * cols));
    for (; begin < end; begin += block) {
      const int64_t rows = std::min(block, end - begin);
      read_rows(tensor, begin, rows, values.data());
      tensor::convert(Tensor(values.data(), 1, rows * cols), Tensor(out + begin * cols, DType::kBF16, 1, rows * cols));
    }
  });
  release(tensor);
}

bool ModelFiles::has_tokenizer() const {
  return is_gguf() ? gguf_has_tokenizer(*impl_->gguf_metadata) : fs::exists(path() / "tokenizer.json");
}
Json ModelFiles::tokenizer_json() const {
  return is_gguf() ? gguf_tokenizer_json(*impl_->gguf_metadata, path().string()) : Json();
}
Json ModelFiles::tokenizer_config() const {
  return is_gguf() ? gguf_tokenizer_config(*impl_->gguf_metadata, path().string()) : Json();
}

}  // namespace lethe::model
