#include "lethe/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lethe/base/error.h"
#include "lethe/model/safetensors.h"

namespace lethe::model {
namespace {

using Role = ParameterSpec::Role;

// fp32 values as a file of that type would hold them.
void round_to_stored(const std::string& dtype, float* values, int64_t n) {
  if (dtype == "F32") return;
  const DType type = computable_dtype(dtype).value();
  std::vector<uint16_t> stored(static_cast<size_t>(n));
  tensor::convert(Tensor(values, 1, n), Tensor(stored.data(), type, 1, n));
  tensor::convert(Tensor(stored.data(), type, 1, n), Tensor(values, 1, n));
}

}  // namespace

KeyValueCache::KeyValueCache(const ModelConfig& config, DType precision, int64_t capacity)
    : precision_(precision),
      layers_(config.layers),
      capacity_(capacity),
      width_(config.kv_size()),
      memory_(static_cast<size_t>(2 * config.layers * capacity * width_) * tensor::size_of(precision)) {}

KeyValueCache KeyValueCache::copy() const {
  KeyValueCache other;
  other.precision_ = precision_;
  other.layers_ = layers_;
  other.capacity_ = capacity_;
  other.width_ = width_;
  other.length_ = length_;
  other.memory_ = tensor::Buffer(memory_.size());
  for (int64_t i = 0; i < 2 * layers_; ++i) {
    const Tensor from = half(i, length_), to = other.half(i, length_);
    std::memcpy(to.at(0, 0), from.at(0, 0), static_cast<size_t>(length_ * width_) * tensor::size_of(precision_));
  }
  return other;
}

Tensor KeyValueCache::half(int64_t index, int64_t rows) const {
  check(rows <= capacity_, "a sequence grew to {} tokens, its cache holds {}", rows, capacity_);
  const size_t offset = static_cast<size_t>(index * capacity_ * width_) * tensor::size_of(precision_);
  return Tensor(memory_.data() + offset, precision_, rows, width_);
}

Transformer::Transformer(const ModelConfig& config, DType precision, bool train)
    : config_(config), precision_(precision), parameters_(parameter_specs(config), precision, train) {
  bind();
}

Transformer Transformer::load(const ModelFiles& files, DType precision, bool train, const NewValues& values,
                              bool as_written, bool untie) {
  ModelConfig config = files.config();
  config.tied_embeddings = config.tied_embeddings && !untie;
  Transformer model(config, precision, train);
  Parameters& parameters = model.parameters_;
  std::vector<float> buffer;  // of new values whose matrix is kept in bf16 alone
  for (const Parameters::Slot& slot : parameters.slots()) {
    const StoredTensor* stored = files.find(slot.spec.name);
    StoredTensor head;  // the embedding under the head's name: `values` may move either alone
    if (!stored && untie && slot.spec.role == Role::kHead) {
      head = *files.find(parameters.slots()[0].spec.name);
      head.name = slot.spec.name;
      stored = &head;
    }
    check(stored != nullptr, "{}: the tensor {} is missing", files.path().string(), slot.spec.name);
    uint16_t* bf16 = parameters.frozen_bf16(slot);
    if (bf16 && values) buffer.resize(static_cast<size_t>(slot.spec.size()));
    float* to = bf16 ? buffer.data() : parameters.master(slot);
    const bool given = values && values(*stored, to);
    if (!given && bf16) {  // as_written or not: the file's values, rounded to bf16 once
      files.read_bf16(*stored, bf16);
      continue;
    }
    if (!given) files.read(*stored, to);
    if (as_written) round_to_stored(written_dtype(files, *stored), to, slot.spec.size());
    if (bf16) parameters.set(slot, to);
  }
  parameters.refresh_copies();
  return model;
}

void Transformer::attach(Lora lora) {
  lora_.emplace(std::move(lora));
  bind_lora();
}

Transformer::Norm Transformer::norm(const std::string& name) {
  Norm n;
  const auto& weight = parameters_.slot(name + ".weight");
  n.weight = parameters_.vector(weight);
  n.dweight = parameters_.vector_gradient(weight);
  if (config_.norm == NormKind::kLayerNorm) {
    const auto& bias = parameters_.slot(name + ".bias");
    n.bias = parameters_.vector(bias);
    n.dbias = parameters_.vector_gradient(bias);
  }
  return n;
}

// One product over the parts `weights`, which lie next to each other in the parameters' memory.
Linear Transformer::linear(const std::vector<std::string>& weights, const std::vector<std::string>& biases) {
  Linear l;
  l.in_out = family_of(config_.model_type, "the model").in_out;
  check(weights.size() == 1 || !l.in_out, "parts of an [in, out] weight cannot be joined");
  const auto& first = parameters_.slot(weights[0]);
  l.weight = parameters_.weight(first);
  l.dweight = parameters_.gradient(first);
  for (size_t i = 1; i < weights.size(); ++i) {
    const int64_t rows = parameters_.slot(weights[i]).spec.shape[0];
    l.weight.rows += rows;
    l.dweight.rows += l.dweight ? rows : 0;
  }
  if (!biases.empty()) {
    l.bias = parameters_.vector(parameters_.slot(biases[0]));
    l.dbias = parameters_.vector_gradient(parameters_.slot(biases[0]));
  }
  return l;
}

void Transformer::bind() {
  const Family& family = family_of(config_.model_type, "the model");
  const auto names = [](const std::vector<const char*>& modules, int64_t layer, const char* suffix, bool wanted) {
    std::vector<std::string> result;
    for (const char* module : modules)
      if (wanted) result.push_back(in_layer(module, layer) + suffix);
    return result;
  };
  const auto matrix = [&](const std::string& name, Tensor& value, Tensor& gradient) {
    const auto& slot = parameters_.slot(name + ".weight");
    value = parameters_.weight(slot);
    gradient = parameters_.gradient(slot);
  };
  matrix(family.embedding, embedding_VD_, dembedding_VD_);
  if (config_.positions == PositionKind::kLearned) matrix(family.position_embedding, positions_PD_, dpositions_PD_);
  matrix(config_.tied_embeddings ? family.embedding : family.head, head_.weight, head_.dweight);
  final_norm_ = norm(family.final_norm);
  layers_.resize(static_cast<size_t>(config_.layers));
  for (int64_t i = 0; i < config_.layers; ++i) {
    Layer& layer = layers_[static_cast<size_t>(i)];
    layer.norm1 = norm(in_layer(family.norm1, i));
    layer.norm2 = norm(in_layer(family.norm2, i));
    layer.qkv = linear(names(family.qkv, i, ".weight", true), names(family.qkv, i, ".bias", config_.attention_bias));
    layer.attention_out = linear(names({family.attention_out}, i, ".weight", true),
                                 names({family.attention_out}, i, ".bias", config_.attention_out_bias));
    layer.up = linear(names(family.up, i, ".weight", true), names(family.up, i, ".bias", config_.mlp_bias));
    layer.down = linear(names({family.down}, i, ".weight", true), names({family.down}, i, ".bias", config_.mlp_bias));
  }
  attention_ = {config_.heads,    config_.kv_heads,
                config_.head_dim, static_cast<float>(1 / std::sqrt(static_cast<double>(config_.head_dim))),
                config_.causal,   family.qkv_by_head ? 3 * config_.head_dim : config_.head_dim};
}

void Transformer::bind_lora() {
  const Family& family = family_of(config_.model_type, "the model");
  head_.lora.clear();
  for (Layer& layer : layers_)
    for (Linear* l : {&layer.qkv, &layer.attention_out, &layer.up, &layer.down}) l->lora.clear();
  embedding_lora_ = {};
  Parameters& p = lora_->parameters();
  uint64_t stream = 0;
  for (const Lora::Module& module : lora_->modules()) {
    LoraPart part;
    const auto &a = p.slot(module.a), &b = p.slot(module.b);
    part.a = p.weight(a);
    part.b = p.weight(b);
    part.da = p.gradient(a);
    part.db = p.gradient(b);
    part.scale = static_cast<float>(module.scale);
    part.stream = stream++;
    if (module.base.role == Role::kEmbedding) {
      embedding_lora_ = part;
      continue;
    }
    if (module.base.role == Role::kHead) {
      head_.lora.push_back(part);
      continue;
    }
    Layer& layer = layers_[static_cast<size_t>(module.base.layer)];
    const auto place = [&](Linear& product, const std::vector<const char*>& modules) {
      int64_t column = 0;
      for (const char* name : modules) {
        const std::string weight = in_layer(name, module.base.layer) + ".weight";
        if (weight == module.base.name) {
          part.column = column;
          product.lora.push_back(part);
          return;
        }
        column += parameters_.slot(weight).spec.shape[product.in_out ? 1 : 0];
      }
    };
    place(layer.qkv, family.qkv);
    place(layer.attention_out, {family.attention_out});
    place(layer.up, family.up);
    place(layer.down, {family.down});
  }
}

// Rotary angles as transformers computes them: fp32 inverse frequencies times the position.
void Transformer::grow_rotary(int64_t positions) {
  if (config_.positions != PositionKind::kRotary || positions <= rotary_positions_) return;
  positions = std::max<int64_t>(positions + positions / 2, 256);
  const int64_t half = config_.rotary_dim / 2;
  const std::vector<float> inverse = rotary_inverse_frequencies(config_);
  cos_.resize(static_cast<size_t>(positions * half));
  sin_.resize(cos_.size());
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(p) * inverse[static_cast<size_t>(i)];
      cos_[static_cast<size_t>(p * half + i)] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sin_[static_cast<size_t>(p * half + i)] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  rotary_positions_ = positions;
}

namespace {

// Takes tensors from an arena, or only counts what they would take.
struct Planner {
  tensor::Arena* arena;
  size_t bytes = 0;
  Tensor take(DType dtype, int64_t rows, int64_t cols) {
    bytes += (static_cast<size_t>(rows * cols) * tensor::size_of(dtype) + 63) / 64 * 64;
    return arena ? arena->take(dtype, rows, cols) : Tensor();
  }
  float* statistics(int64_t rows) { return take(DType::kF32, 1, rows).f32(); }
};

}  // namespace

void Transformer::plan(int64_t rows, int64_t targets, bool backward) {
  const int64_t D = config_.hidden_size, F = config_.intermediate_size, L = config_.layers;
  const int64_t qkv = config_.q_size() + 2 * config_.kv_size();
  const int64_t up = config_.feed_forward == FeedForwardKind::kSwiGlu ? 2 * F : F;
  const bool layer_norm = config_.norm == NormKind::kLayerNorm;
  const auto lay_out = [&](Planner p) {
    const auto inside = [&](Activations& a) {
      a.y1_TD = p.take(precision_, rows, D);
      a.rstd1 = p.statistics(rows);
      a.mean1 = layer_norm ? p.statistics(rows) : nullptr;
      a.qkv = p.take(precision_, rows, qkv);
      a.lse_TH = p.take(DType::kF32, rows, config_.heads);
      a.attention = p.take(precision_, rows, config_.q_size());
      a.middle_TD = p.take(DType::kF32, rows, D);
      a.y2_TD = p.take(precision_, rows, D);
      a.rstd2 = p.statistics(rows);
      a.mean2 = layer_norm ? p.statistics(rows) : nullptr;
      a.up = p.take(precision_, rows, up);
      a.hidden_TF = p.take(precision_, rows, F);
    };
    Activations shared;  // of every layer, where backward does not come or computes them again
    if (!backward || checkpointing_) inside(shared);
    Tensor ping[2];
    if (!backward)
      for (Tensor& x : ping) x = p.take(DType::kF32, rows, D);
    activations_.assign(static_cast<size_t>(L + 1), shared);
    for (int64_t i = 0; i <= L; ++i) {
      Activations& a = activations_[static_cast<size_t>(i)];
      if (backward && !checkpointing_ && i < L) inside(a);
      a.x_TD = backward ? p.take(DType::kF32, rows, D) : ping[i % 2];
    }
    return p.bytes;
  };
  arena_.reserve(lay_out({nullptr}));
  arena_.reset();
  lay_out({&arena_});

  // Scratch: the gradient of the residual stream, and what does not live together: a layer's gradients, the embedding's
  // adapter, the head. A product under an adapter takes its sum or what goes into dx in fp32, and the masked input.
  const size_t act = tensor::size_of(precision_);
  const auto bytes = [](int64_t n, int64_t width, size_t element) { return static_cast<size_t>(n * width) * element; };
  const int64_t rank = lora_ ? lora_->most_rank() : 0;
  const auto adapted = [&](int64_t n, int64_t width) { return bytes(n, width, 8 + act) + bytes(n, rank, 2 * act); };
  size_t layer = lora_ ? adapted(rows, std::max({up, qkv, D, F})) : 0;
  if (backward) layer += bytes(rows, D, 4 + act) + bytes(rows, F + config_.q_size() + qkv, act);
  const size_t embedding = embedding_lora_.a ? bytes(rows, D, act) + bytes(rows, rank, 8 + act) : 0;
  const int64_t block = std::min(targets, head_block()), line = whole_lines(config_.vocab_size);
  size_t head = bytes(targets, 1, 8) + bytes(targets, D, 4 + act) + bytes(std::min(targets, kLogitsRows), line, 4);
  if (backward) head += bytes(targets, D, 8) + bytes(block, line, act);
  if (!head_.lora.empty()) head += adapted(block, D);
  scratch_.reserve((backward ? bytes(rows, D, 4) : 0) + std::max({layer, embedding, head}) + 64 * 1024);
  scratch_.reset();
}

}  // namespace lethe::model
