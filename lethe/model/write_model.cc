#include "lethe/model/write_model.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <deque>
#include <memory>
#include <set>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/model/families.h"
#include "lethe/model/pages.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::model {
namespace {

using tensor::DType;
using tensor::Tensor;

constexpr const char* kIndexName = "model.safetensors.index.json";

// One tensor on its way: where its bytes come from, whose values it takes, and where it goes.
struct Job {
  const StoredTensor* source;
  const StoredTensor* asked;  // a tied head follows the embedding
  SafetensorsEntry target;
};

struct OutFile {
  std::string name, header;
  std::vector<Job> jobs;
};

struct Plan {
  std::deque<StoredTensor> made;  // tensors that the source does not store
  std::vector<OutFile> files;
  bool same_layout = true;  // headers and index are the source's own
};

// What quantised tensors become: the type of the matrices where all have one that safetensors knows, else BF16.
std::string dtype_of_gguf(const ModelFiles& source) {
  std::set<std::string> types;
  for (const StoredTensor& tensor : source.tensors())
    if (tensor.shape.size() > 1) types.insert(tensor.dtype);
  return types.size() == 1 && bytes_of_dtype(*types.begin()) > 0 ? *types.begin() : "BF16";
}

Plan plan_files(const ModelFiles& source, const WriteModelOptions& options) {
  Plan plan;
  const ModelConfig& config = source.config();
  const Family& family = family_of(config.model_type, source.path().string());
  const std::string head = std::string(family.head) + ".weight";
  const StoredTensor* embedding = source.find(std::string(family.embedding) + ".weight");
  std::set<std::string> parameters = {head};
  for (const ParameterSpec& spec : parameter_specs(config)) parameters.insert(spec.name);
  const std::string dtype = source.is_gguf() && options.dtype.empty() ? dtype_of_gguf(source) : options.dtype;

  for (const fs::path& path : source.files())
    plan.files.push_back({source.is_gguf() ? "model.safetensors" : path.filename().string(), "", {}});
  const auto add = [&](const StoredTensor& tensor) {
    const bool follows = config.tied_embeddings && !options.untie && tensor.name == head;
    Job job{&tensor, follows ? embedding : &tensor, {tensor.stored_name, tensor.dtype, tensor.shape}};
    job.target.begin = tensor.offset;
    job.target.bytes = tensor.bytes;
    if (source.is_gguf()) job.target.name = tensor.name;
    if (!dtype.empty() && parameters.count(tensor.name)) job.target.dtype = dtype;
    if (job.target.dtype != tensor.dtype) plan.same_layout = false;
    plan.files[static_cast<size_t>(tensor.file)].jobs.push_back(std::move(job));
  };
  for (const StoredTensor& tensor : source.tensors()) add(tensor);
  if (options.untie && config.tied_embeddings && !source.find(head)) {
    plan.made.push_back(*embedding);
    plan.made.back().name = plan.made.back().stored_name = head;
    plan.made.back().file = static_cast<int>(plan.files.size()) - 1;
    add(plan.made.back());
    plan.same_layout = false;
  }
  if (source.is_gguf()) plan.same_layout = false;

  for (size_t i = 0; i < plan.files.size(); ++i) {
    OutFile& file = plan.files[i];
    const auto bytes = source.file_bytes(static_cast<int>(i));
    if (plan.same_layout) {
      const size_t header = file.jobs.empty() ? bytes.size() : file.jobs.front().target.begin;
      file.header.assign(reinterpret_cast<const char*>(bytes.data()), header);
      continue;
    }
    std::map<std::string, std::string> metadata = {{"format", "pt"}};
    if (source.is_gguf())
      std::sort(file.jobs.begin(), file.jobs.end(),
                [](const Job& a, const Job& b) { return a.target.name < b.target.name; });
    else
      metadata = read_safetensors_header(bytes, source.files()[i].string()).metadata;
    std::vector<SafetensorsEntry> entries;
    for (const Job& job : file.jobs) entries.push_back(job.target);
    file.header = safetensors_header(entries, metadata);
    for (size_t j = 0; j < entries.size(); ++j) file.jobs[j].target = entries[j];
  }
  return plan;
}

// What F16 cannot hold would become infinite.
void check_f16(std::span<const float> values, const std::string& tensor) {
  for (const float value : values)
    check(!(std::abs(value) >= 65520.0f) || std::isinf(value),
          "the tensor \"{}\" has the value {:g}, F16 ends at 65504; BF16 and F32 hold it", tensor, value);
}

void write_tensor(const ModelFiles& source, const Job& job, const NewRows& new_rows, StagedDirectory& staged,
                  int file) {
  const SafetensorsEntry& target = job.target;
  const bool as_stored = !job.source->transposed && job.source->interleaved_heads == 0;
  if (!new_rows && as_stored && target.dtype == job.source->dtype) {
    const auto bytes = source.bytes(*job.source);
    const size_t block = 1 << 20;
    tensor::parallel_tasks(static_cast<int64_t>((bytes.size() + block - 1) / block), [&](int64_t i) {
      const size_t begin = static_cast<size_t>(i) * block;
      const auto part = bytes.subspan(begin, std::min(block, bytes.size() - begin));
      release_pages_behind(bytes, begin, begin + part.size());
      populate_pages(part);
      staged.write(file, target.begin + begin, part);
    });
    return;
  }
  const auto stored_rows = [&](int64_t first, int64_t rows, float* out) {
    source.read_rows(*job.source, first, rows, out);
  };
  write_rows(staged, file, target, new_rows ? new_rows : stored_rows);
}

std::string config_text(const ModelFiles& source, const WriteModelOptions& options) {
  const fs::path file = source.path() / "config.json";
  if (!source.is_gguf() && options.dtype.empty() && !options.untie) return read_file(file);
  OrderedJson config = source.is_gguf() ? OrderedJson(source.config_json()) : OrderedJson::parse(read_file(file));
  if (options.untie) config["tie_word_embeddings"] = false;
  const std::string dtype = source.is_gguf() && options.dtype.empty() ? dtype_of_gguf(source) : options.dtype;
  if (!dtype.empty()) {
    config[config.contains("dtype") ? "dtype" : "torch_dtype"] = name_in_config(dtype);  // transformers 5, or 4
  }
  return config.dump(2) + "\n";
}

std::string index_text(const ModelFiles& source, const Plan& plan) {
  const fs::path file = source.path() / kIndexName;
  const std::string text = read_file(file);
  if (plan.same_layout) return text;
  OrderedJson index = OrderedJson::parse(text);
  check(index["metadata"].is_null() || index["metadata"].is_object(), "{}: \"metadata\" is {}, expected an object",
        file.string(), shown(Json(index["metadata"])));
  uint64_t total = 0;
  for (const OutFile& file : plan.files) {
    for (const Job& job : file.jobs) {
      total += job.target.bytes;
      index["weight_map"][job.target.name] = file.name;
    }
  }
  index["metadata"]["total_size"] = total;
  return index.dump(2) + "\n";
}

constexpr const char* kTokenizerFiles[] = {"tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json",
                                           "added_tokens.json", "tokenizer.model",       "vocab.json",
                                           "merges.txt",        "chat_template.jinja",   "chat_template.json"};

bool is_tokenizer_file(const std::string& name) { return std::ranges::count(kTokenizerFiles, name) > 0; }

// Small files of a model directory; not what write_model makes itself, nor other formats' weights.
bool is_carried(const fs::path& path) {
  static const std::set<std::string> weights = {".safetensors", ".bin", ".gguf", ".h5",   ".msgpack", ".pt",  ".pth",
                                                ".ckpt",        ".ot",  ".onnx", ".part", ".tflite",  ".npz", ".zip"};
  const std::string name = path.filename().string();
  return fs::is_regular_file(path) && !name.starts_with('.') && !weights.count(path.extension().string()) &&
         !name.ends_with(".index.json") && name != "config.json" && name != "adapter_config.json" &&
         fs::file_size(path) <= (64 << 20);
}

// model.safetensors, or one of its shards.
bool is_weights(const std::string& name) {
  constexpr std::string_view pattern = "model-00000-of-00000.safetensors";
  return name == "model.safetensors" || std::ranges::equal(name, pattern, [](unsigned char c, char p) {
           return p == '0' ? std::isdigit(c) != 0 : c == p;
         });
}

// The files of a model or an adapter that an earlier run left in `out`, by their names; never anything else.
std::vector<fs::path> model_files_in(const fs::path& out) {
  std::vector<fs::path> found;
  if (!fs::is_directory(out)) return found;
  for (const auto& entry : fs::directory_iterator(out)) {
    if (entry.is_regular_file() && has_model_name(entry.path())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  // The configs first: without them the directory is no model while the files change.
  std::stable_partition(found.begin(), found.end(), [](const fs::path& path) {
    return path.filename() == "config.json" || path.filename() == "adapter_config.json";
  });
  return found;
}

void add_small_files(const ModelFiles& source, const Plan& plan, const WriteModelOptions& options,
                     StagedDirectory& staged) {
  const bool own_tokenizer = !options.tokenizer.empty();
  if (own_tokenizer) add_tokenizer(options.tokenizer, staged);
  if (!source.is_gguf()) {
    std::vector<fs::path> carried;
    for (const auto& entry : fs::directory_iterator(source.path()))
      if (is_carried(entry.path()) && !(own_tokenizer && is_tokenizer_file(entry.path().filename().string())))
        carried.push_back(entry.path());
    std::sort(carried.begin(), carried.end());
    for (const fs::path& path : carried) staged.add(path.filename().string(), read_file(path));
    if (plan.files.size() > 1 || fs::exists(source.path() / kIndexName))
      staged.add(kIndexName, index_text(source, plan));
    return;
  }
  if (const Json tokenizer = source.tokenizer_json(); !own_tokenizer && !tokenizer.is_null())
    staged.add("tokenizer.json", tokenizer.dump() + "\n");
  if (const Json config = source.tokenizer_config(); !own_tokenizer && !config.is_null())
    staged.add("tokenizer_config.json", config.dump(2) + "\n");
  staged.add("generation_config.json", generation_config_text(source.config_json()));
}

}  // namespace

void add_tokenizer(const fs::path& directory, StagedDirectory& staged) {
  for (const char* name : kTokenizerFiles)
    if (fs::exists(directory / name)) staged.add(name, read_file(directory / name));
}

std::string generation_config_text(const Json& config) {
  OrderedJson generation = OrderedJson::object();
  for (const char* field : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (const Json* id = find_field(config, field)) generation[field] = *id;
  return generation.dump(2) + "\n";
}

const char* name_in_config(const std::string& dtype) {
  return dtype == "F32" ? "float32" : dtype == "F16" ? "float16" : "bfloat16";
}

// The file is written in blocks, each by whichever thread is free: while one computes the other writes.
void write_rows(StagedDirectory& staged, int file, const SafetensorsEntry& entry, const NewRows& rows_of) {
  const DType dtype = computable_dtype(entry.dtype).value();
  const int64_t cols = entry.shape.empty() ? 1 : entry.shape.back();
  const int64_t rows = cols == 0 ? 0 : elements_of(entry.shape) / cols;
  const int64_t width = static_cast<int64_t>(tensor::size_of(dtype));
  const int64_t block = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, cols));
  tensor::parallel_tasks((rows + block - 1) / block, [&](int64_t i) {
    const int64_t first = i * block, count = std::min(block, rows - first), size = count * cols;
    const auto values = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(size));
    const auto stored = std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(size * width));
    rows_of(first, count, values.get());
    if (dtype == DType::kF16) check_f16({values.get(), static_cast<size_t>(size)}, entry.name);
    tensor::convert(Tensor(values.get(), 1, size), Tensor(stored.get(), dtype, 1, size));
    staged.write(file, entry.begin + static_cast<uint64_t>(first * cols * width),
                 {stored.get(), static_cast<size_t>(size * width)});
  });
}

std::vector<fs::path> files_to_replace(const fs::path& out, bool overwrite) {
  std::vector<fs::path> stale = model_files_in(out);
  check(stale.empty() || overwrite, "{} exists and holds a model ({}): nothing is overwritten", out.string(),
        stale.empty() ? "" : stale.front().filename().string());
  return stale;
}

bool has_model_name(const fs::path& file) {
  static const std::set<std::string> names = {"config.json", "adapter_config.json", "adapter_model.safetensors",
                                              kIndexName, "generation_config.json"};
  const std::string name = file.filename().string();
  return is_weights(name) || names.count(name) || is_tokenizer_file(name);
}

void remove_model(const fs::path& directory) {
  for (const fs::path& path : model_files_in(directory)) fs::remove(path);
}

void write_model_rows(const ModelFiles& source, const fs::path& out, const NewRowsOf& rows_of,
                      const WriteModelOptions& options) {
  check(options.dtype.empty() || computable_dtype(options.dtype),
        "writing {}: the dtype is \"{}\", expected F32, F16 or BF16", out.string(), options.dtype);
  std::error_code none;
  check(!fs::equivalent(out, source.path(), none), "--out {} is the model itself; give another directory",
        out.string());
  const std::vector<fs::path> stale = files_to_replace(out, options.overwrite);

  const Plan plan = plan_files(source, options);
  int64_t written = 0, total = 0;
  for (const OutFile& file : plan.files)
    for (const Job& job : file.jobs) total += static_cast<int64_t>(job.target.bytes);
  StagedDirectory staged(out);
  add_small_files(source, plan, options, staged);  // first: what is wrong with them shows at once
  for (const OutFile& file : plan.files) {
    const int number = staged.create(file.name);
    staged.write(number, 0, std::as_bytes(std::span(file.header)));
    for (const Job& job : file.jobs) {
      if (interrupted()) throw Interrupted(fmt::format("interrupted: {} is not written", out.string()));
      write_tensor(source, job, rows_of(*job.asked), staged, number);
      source.release(*job.source);
      written += static_cast<int64_t>(job.target.bytes);
      if (options.progress) options.progress(written, total);
    }
  }
  staged.add("config.json", config_text(source, options));
  staged.commit(stale);
}

std::string written_dtype(const ModelFiles& source, const StoredTensor& tensor) {
  return source.is_gguf() ? dtype_of_gguf(source) : tensor.dtype;
}

void write_model(const ModelFiles& source, const fs::path& out, const NewValues& values,
                 const WriteModelOptions& options) {
  int64_t largest = 0;
  for (const StoredTensor& tensor : source.tensors()) largest = std::max(largest, tensor.size());
  const auto buffer = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(largest));
  const auto rows_of = [&](const StoredTensor& tensor) -> NewRows {
    if (!values || !values(tensor, buffer.get())) return {};
    return [&, cols = tensor.cols()](int64_t first, int64_t rows, float* to) {
      std::copy_n(buffer.get() + first * cols, rows * cols, to);
    };
  };
  write_model_rows(source, out, rows_of, options);
}

}  // namespace lethe::model
