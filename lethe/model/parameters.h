// The parameters of a model, or of the adapter on it, in two flat runs of memory: matrices and vectors (norm weights,
// biases). Matrices are computed with in the run's precision: bf16 copies, of fp32 masters when they are trained;
// vectors are always fp32. Flat memory makes the optimiser, the arithmetic of edits and the checkpoints one loop each.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "lethe/model/families.h"
#include "lethe/tensor/tensor.h"

namespace lethe::model {

using tensor::DType;
using tensor::Tensor;

class Parameters {
 public:
  // One flat run; buffers that are not needed are empty.
  struct Run {
    int64_t size = 0;         // elements
    tensor::Buffer master;    // fp32: trained, or computed with in fp32
    tensor::Buffer copy;      // bf16: what the products read in bf16 precision
    tensor::Buffer gradient;  // fp32: trained only
    float* values() const { return reinterpret_cast<float*>(master.data()); }
    float* gradients() const { return reinterpret_cast<float*>(gradient.data()); }
    uint16_t* copies() const { return copy ? reinterpret_cast<uint16_t*>(copy.data()) : nullptr; }
  };
  struct Slot {
    ParameterSpec spec;
    int64_t offset;  // elements, in its run
  };

  Parameters() = default;
  Parameters(const std::vector<ParameterSpec>& specs, DType precision, bool trained);

  const std::vector<Slot>& slots() const { return slots_; }
  const Slot& slot(const std::string& name) const;
  bool has(const std::string& name) const { return index_.count(name) > 0; }
  bool trained() const { return trained_; }
  int64_t size() const { return matrices_.size + vectors_.size; }
  Run& matrices() { return matrices_; }
  Run& vectors() { return vectors_; }

  // What the products read: [rows, cols] of the run's precision. `rows` counts those of the slots that follow too (q,
  // k, v).
  Tensor weight(const Slot& slot) const;
  Tensor gradient(const Slot& slot) const;         // fp32; empty when not trained
  float* vector(const Slot& slot) const;           // fp32
  float* vector_gradient(const Slot& slot) const;  // null when not trained

  void set(const Slot& slot, const float* values);  // master and copy
  void get(const Slot& slot, float* values) const;  // the master where there is one
  // fp32 values in place; only where masters are kept. Call refresh_copies() after changing them.
  float* master(const Slot& slot);
  // bf16 values in place, where they are all that is kept; else null.
  uint16_t* frozen_bf16(const Slot& slot);
  void refresh_copies();
  void zero_vector_gradients();

 private:
  Run& run(const Slot& slot) { return slot.spec.is_vector() ? vectors_ : matrices_; }

  std::vector<Slot> slots_;
  std::unordered_map<std::string, size_t> index_;
  Run matrices_, vectors_;
  bool trained_ = false;
};

}  // namespace lethe::model
