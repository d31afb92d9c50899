#include "lethe/edit/delta.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/model/adapter.h"
#include "lethe/model/families.h"
#include "lethe/model/pages.h"
#include "lethe/model/safetensors.h"
#include "lethe/model/staged_directory.h"
#include "lethe/model/write_model.h"
#include "lethe/run/progress.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::edit {
namespace {

using model::ModelFiles;
using model::NewRows;
using model::ParameterSpec;
using model::SafetensorsEntry;
using model::StoredTensor;
using tensor::DType;
using tensor::Tensor;

// A DELTA, opened: its tensors by name.
class DeltaFile {
 public:
  explicit DeltaFile(const fs::path& path) : map_(path) {
    for (SafetensorsEntry& entry : model::read_safetensors_header(map_.bytes(), path.string()).entries) {
      check(entry.dtype == "F32", "{}: the tensor \"{}\" has the dtype {}, a delta is F32", path.string(), entry.name,
            entry.dtype);
      check(entry.begin % 4 == 0, "{}: the tensor \"{}\" begins at byte {}, expected a multiple of 4", path.string(),
            entry.name, entry.begin);
      std::string name = entry.name;
      entries_.emplace(std::move(name), std::move(entry));
    }
  }
  const std::map<std::string, SafetensorsEntry>& entries() const { return entries_; }
  const SafetensorsEntry* find(const std::string& name) const {
    const auto it = entries_.find(name);
    return it == entries_.end() ? nullptr : &it->second;
  }
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const {
    return map_.bytes().subspan(entry.begin, entry.bytes);
  }
  // Values [first, first + count), mapped.
  Tensor values(const SafetensorsEntry& entry, int64_t first, int64_t count) const {
    const size_t begin = static_cast<size_t>(first) * 4, size = static_cast<size_t>(count) * 4;
    const auto part = bytes(entry).subspan(begin, size);
    model::release_pages_behind(bytes(entry), begin, begin + size);
    model::populate_pages(part);
    return Tensor(reinterpret_cast<float*>(const_cast<std::byte*>(part.data())), 1, count);
  }

 private:
  MappedFile map_;
  std::map<std::string, SafetensorsEntry> entries_;
};

void check_same_parameters(const ModelFiles& base, const ModelFiles& tuned) {
  const std::string a = base.path().string(), b = tuned.path().string();
  check(base.config().model_type == tuned.config().model_type, "{} is a {} model, {} a {} model", a,
        base.config().model_type, b, tuned.config().model_type);
  check(base.config().tied_embeddings == tuned.config().tied_embeddings,
        "{}: the head is {}, in {} it is not: their difference is no delta of one model", a,
        base.config().tied_embeddings ? "tied" : "untied", b);
  check(base.config().layers == tuned.config().layers, "{} has {} layers, {} has {}", a, base.config().layers, b,
        tuned.config().layers);
  for (const ParameterSpec& spec : model::parameter_specs(base.config())) {
    const StoredTensor* other = tuned.find(spec.name);
    check(other && other->shape == spec.shape, "the tensor \"{}\" has the shape {} in {}, but {} in {}", spec.name,
          model::shape_text(spec.shape), a, other ? model::shape_text(other->shape) : "is missing", b);
  }
  for (const ParameterSpec& spec : model::parameter_specs(tuned.config()))
    check(base.find(spec.name), "the tensor \"{}\" is no parameter of {}, but is one of {}", spec.name, a, b);
}

bool same_bytes(const ModelFiles& a, const StoredTensor& x, const ModelFiles& b, const StoredTensor& y) {
  if (x.dtype != y.dtype || x.bytes != y.bytes) return false;
  constexpr size_t kWindow = 32 << 20;  // given back when compared: what is mapped stays small
  bool same = true;
  for (size_t at = 0; same && at < x.bytes; at += kWindow) {
    const auto from = a.bytes(x).subspan(at, std::min(kWindow, x.bytes - at)), to = b.bytes(y).subspan(at, from.size());
    same = std::memcmp(from.data(), to.data(), from.size()) == 0;
    model::release_pages(from);
    model::release_pages(to);
  }
  return same;
}

NewRows add_delta(const ModelFiles& model, const StoredTensor& tensor, const DeltaFile& delta, double scale) {
  const SafetensorsEntry* entry = delta.find(tensor.name);
  if (!entry) return {};
  return [&model, &tensor, &delta, entry, scale](int64_t first, int64_t rows, float* out) {
    const int64_t cols = tensor.cols(), n = rows * cols;
    model.read_rows(tensor, first, rows, out);
    tensor::add_scaled(delta.values(*entry, first * cols, n), static_cast<float>(scale), Tensor(out, 1, n));
  };
}

void apply_delta(const ModelFiles& model, const fs::path& path, double scale, const fs::path& out,
                 const model::WriteModelOptions& options) {
  const DeltaFile delta(path);
  for (const auto& [name, entry] : delta.entries()) {
    const StoredTensor* tensor = model.find(name);
    check(tensor, "{}: the tensor \"{}\" is not in {}", path.string(), name, model.path().string());
    check(tensor->shape == entry.shape, "{}: the tensor \"{}\" has the shape {}, but {} in {}", path.string(), name,
          model::shape_text(entry.shape), model::shape_text(tensor->shape), model.path().string());
  }
  const SafetensorsEntry* last = nullptr;
  model::write_model_rows(
      model, out,
      [&](const StoredTensor& tensor) {
        if (last) model::release_pages(delta.bytes(*last));
        last = delta.find(tensor.name);
        return add_delta(model, tensor, delta, scale);
      },
      options);
}

void apply_adapter(const ModelFiles& model, const fs::path& path, double scale, const fs::path& out,
                   model::WriteModelOptions options) {
  const model::Adapter adapter = model::read_adapter(path, model.config());
  std::map<std::string, const model::LoraWeights*> by_name;
  for (const model::LoraWeights& lora : adapter.weights) by_name[lora.module + ".weight"] = &lora;
  options.untie = model::unties(adapter, model.config());
  model::write_model_rows(
      model, out,
      [&](const StoredTensor& tensor) -> NewRows {
        const auto it = by_name.find(tensor.name);
        if (it == by_name.end()) return {};
        return [&, scale, lora = it->second](int64_t first, int64_t rows, float* to) {
          model.read_rows(tensor, first, rows, to);
          model::add_product_rows(*lora, scale * lora->scale, first, rows, to);
        };
      },
      options);
}

}  // namespace

void delta_diff(const fs::path& base_path, const fs::path& tuned_path, const fs::path& out, bool overwrite) {
  check_out(out, OutKind::kFile, overwrite);
  const ModelFiles base = ModelFiles::open(base_path), tuned = ModelFiles::open(tuned_path);
  for (const ModelFiles* model : {&base, &tuned})
    for (const fs::path& file : model->files()) check_not_read(out, file);
  check_same_parameters(base, tuned);
  std::vector<SafetensorsEntry> entries;
  const std::vector<ParameterSpec> specs = model::parameter_specs(base.config());
  run::Progress compare("compare", static_cast<int64_t>(specs.size()), "tensors");
  for (const ParameterSpec& spec : specs) {
    if (interrupted()) throw Interrupted(fmt::format("interrupted: {} is not written", out.string()));
    if (!same_bytes(base, *base.find(spec.name), tuned, *tuned.find(spec.name)))
      entries.push_back({spec.name, "F32", spec.shape});
    compare.update(1 + (&spec - specs.data()));
  }
  compare.finish();
  const std::string header = model::safetensors_header(entries, {{"format", "pt"}, {"kind", "lethe delta"}});

  model::StagedDirectory staged(out.has_parent_path() ? out.parent_path() : ".");
  const int file = staged.create(out.filename().string());
  staged.write(file, 0, std::as_bytes(std::span(header)));
  run::Progress subtract("subtract", static_cast<int64_t>(entries.size()), "tensors");
  for (const SafetensorsEntry& entry : entries) {
    if (interrupted()) throw Interrupted(fmt::format("interrupted: {} is not written", out.string()));
    const StoredTensor &from = *base.find(entry.name), &to = *tuned.find(entry.name);
    const int64_t cols = from.cols(), block = std::max<int64_t>(1, model::kBlock / cols);
    tensor::parallel_tasks((from.rows() + block - 1) / block, [&](int64_t i) {
      const int64_t first = i * block, rows = std::min(block, from.rows() - first), n = rows * cols;
      const auto before = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(n));
      const auto after = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(n));
      base.read_rows(from, first, rows, before.get());
      tuned.read_rows(to, first, rows, after.get());
      tensor::add_scaled(Tensor(before.get(), 1, n), -1, Tensor(after.get(), 1, n));
      staged.write(file, entry.begin + static_cast<uint64_t>(first * cols) * 4,
                   std::as_bytes(std::span(after.get(), static_cast<size_t>(n))));
    });
    base.release(from);
    tuned.release(to);
    subtract.update(1 + (&entry - entries.data()));
  }
  staged.commit();
}

void delta_apply(const fs::path& model_path, const fs::path& delta, double scale, const fs::path& out, bool overwrite) {
  check(std::isfinite(scale), "the scale is {}, expected a number", scale);
  check(fs::exists(delta), "{}: no such file or directory, expected a delta", delta.string());
  check_out(out, OutKind::kModel, overwrite);
  check_not_read(out, delta);
  const ModelFiles model = ModelFiles::open(model_path);
  const model::WriteModelOptions options = {
      .dtype = "", .untie = false, .overwrite = overwrite, .progress = run::byte_progress("apply")};
  if (model::is_adapter(delta)) return apply_adapter(model, delta, scale, out, options);
  check(!fs::is_directory(delta), "{}: is a directory without adapter_config.json, expected a delta or a PEFT adapter",
        delta.string());
  apply_delta(model, delta, scale, out, options);
}

std::vector<MatrixNorm> delta_norms(const fs::path& path) {
  check(!model::is_adapter(path), "{} is an adapter; show takes the file that `lethe delta diff` writes",
        path.string());
  const DeltaFile delta(path);
  std::vector<NamedNorm> named;
  run::Progress progress("measure", static_cast<int64_t>(delta.entries().size()), "tensors");
  for (const auto& item : delta.entries()) {
    const std::string& name = item.first;
    const SafetensorsEntry& entry = item.second;
    const int64_t n = model::elements_of(entry.shape);
    std::vector<double> squares(static_cast<size_t>((n + model::kBlock - 1) / model::kBlock));
    tensor::parallel_tasks(static_cast<int64_t>(squares.size()), [&](int64_t i) {
      const int64_t first = i * model::kBlock, count = std::min(model::kBlock, n - first);
      squares[static_cast<size_t>(i)] = tensor::sum_of_squares(delta.values(entry, first, count).f32(), count);
    });
    double sum = 0;
    for (const double part : squares) sum += part;
    named.push_back({name, std::sqrt(sum)});
    model::release_pages(delta.bytes(entry));
    progress.update(static_cast<int64_t>(named.size()));
  }
  std::vector<MatrixNorm> norms = matrix_norms(named);
  std::stable_sort(norms.begin(), norms.end(), [](const auto& a, const auto& b) { return a.layer < b.layer; });
  return norms;
}

}  // namespace lethe::edit
