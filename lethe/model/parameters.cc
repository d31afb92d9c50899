#include "lethe/model/parameters.h"

#include <cstring>

#include "lethe/base/error.h"
#include "lethe/tensor/ops.h"

namespace lethe::model {
namespace {

using Role = ParameterSpec::Role;

// True where `b` is the next part of the product that `a` is a part of: they must touch, so that one product computes
// both.
bool continues(const ParameterSpec& a, const ParameterSpec& b) {
  const bool linear = (a.role == Role::kLinearWeight && b.role == Role::kLinearWeight) ||
                      (a.role == Role::kLinearBias && b.role == Role::kLinearBias);
  return linear && a.layer == b.layer;
}

}  // namespace

Parameters::Parameters(const std::vector<ParameterSpec>& specs, DType precision, bool trained) : trained_(trained) {
  constexpr int64_t kAlign = 16;  // elements: 64 bytes of fp32
  const ParameterSpec* last[2] = {nullptr, nullptr};
  for (const ParameterSpec& spec : specs) {
    Run& target = spec.is_vector() ? vectors_ : matrices_;
    const ParameterSpec*& previous = last[spec.is_vector()];
    if (!previous || !continues(*previous, spec)) target.size = (target.size + kAlign - 1) / kAlign * kAlign;
    previous = &spec;
    check(index_.emplace(spec.name, slots_.size()).second, "the parameter {} is named twice", spec.name);
    slots_.push_back({spec, target.size});
    target.size += spec.size();
  }
  const auto count = [](const Run& r, size_t bytes) { return static_cast<size_t>(r.size) * bytes; };
  vectors_.master = tensor::Buffer(count(vectors_, 4));
  if (trained || precision == DType::kF32) matrices_.master = tensor::Buffer(count(matrices_, 4));
  if (precision == DType::kBF16) matrices_.copy = tensor::Buffer(count(matrices_, 2));
  if (trained) {
    matrices_.gradient = tensor::Buffer(count(matrices_, 4));
    vectors_.gradient = tensor::Buffer(count(vectors_, 4));
  }
}

const Parameters::Slot& Parameters::slot(const std::string& name) const {
  auto it = index_.find(name);
  check(it != index_.end(), "the model has no parameter {}", name);
  return slots_[it->second];
}

Tensor Parameters::weight(const Slot& slot) const {
  const auto& s = slot.spec.shape;
  if (matrices_.copy) return Tensor(matrices_.copies() + slot.offset, DType::kBF16, s[0], s[1]);
  return Tensor(matrices_.values() + slot.offset, s[0], s[1]);
}

Tensor Parameters::gradient(const Slot& slot) const {
  if (!trained_) return {};
  return Tensor(matrices_.gradients() + slot.offset, slot.spec.shape[0], slot.spec.shape[1]);
}

float* Parameters::vector(const Slot& slot) const { return vectors_.values() + slot.offset; }

float* Parameters::vector_gradient(const Slot& slot) const {
  return trained_ ? vectors_.gradients() + slot.offset : nullptr;
}

void Parameters::set(const Slot& slot, const float* values) {
  Run& r = run(slot);
  const int64_t n = slot.spec.size();
  if (r.master) std::memcpy(r.values() + slot.offset, values, static_cast<size_t>(n) * 4);
  if (r.copy)
    tensor::convert(Tensor(const_cast<float*>(values), 1, n), Tensor(r.copies() + slot.offset, DType::kBF16, 1, n));
}

void Parameters::get(const Slot& slot, float* values) const {
  const Run& r = slot.spec.is_vector() ? vectors_ : matrices_;
  const int64_t n = slot.spec.size();
  if (r.master)
    std::memcpy(values, r.values() + slot.offset, static_cast<size_t>(n) * 4);
  else
    tensor::convert(Tensor(r.copies() + slot.offset, DType::kBF16, 1, n), Tensor(values, 1, n));
}

float* Parameters::master(const Slot& slot) {
  Run& r = run(slot);
  check(static_cast<bool>(r.master), "the parameter {} is frozen: it has no fp32 values to change", slot.spec.name);
  return r.values() + slot.offset;
}

uint16_t* Parameters::frozen_bf16(const Slot& slot) {
  Run& r = run(slot);
  return r.master ? nullptr : r.copies() + slot.offset;
}

void Parameters::refresh_copies() {
  if (matrices_.master && matrices_.copy)
    tensor::convert(Tensor(matrices_.values(), 1, matrices_.size),
                    Tensor(matrices_.copies(), DType::kBF16, 1, matrices_.size));
}

void Parameters::zero_vector_gradients() {
  if (vectors_.gradient) std::memset(vectors_.gradient.data(), 0, vectors_.gradient.size());
}

}  // namespace lethe::model
