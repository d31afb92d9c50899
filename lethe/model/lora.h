// A LoRA adapter in training: its matrices as Parameters of their own, laid on a frozen model by Transformer::attach().
#pragma once
#include <string>
#include <vector>

#include "lethe/model/adapter.h"
#include "lethe/model/parameters.h"

namespace lethe::model {

struct LoraConfig {
  int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  // Module names or their last parts; "all-linear": every linear layer but the head; none: the family's usual ones.
  std::vector<std::string> targets;
  int64_t embedding_rank = 0;  // the embedding is adapted, too, with this rank and the others' scale; 0: as targets say
};

// The modules that the targets name: a module of that name, or ending in "." + name, as PEFT
// matches them. A target that matches nothing is an error that lists what there is; one that names a tied head says so.
std::vector<AdaptableModule> lora_modules(const ModelConfig& config, const std::vector<std::string>& targets);

class Lora {
 public:
  // A fresh adapter as PEFT initialises one: A uniform in +-1/sqrt(in), B zero; of an embedding A zero, B standard
  // normal (with embedding_rank of variance 1 / rank: a product of that rank moves as the embedding itself would).
  Lora(const ModelConfig& config, const LoraConfig& lora, DType precision, uint64_t seed);
  Lora(const ModelConfig& config, const Adapter& adapter, DType precision, bool trained);

  struct Module {
    ParameterSpec base;  // the weight that it updates
    int64_t rank;
    double scale;
    bool in_out;       // as of AdaptableModule
    std::string a, b;  // names in parameters(); an embedding's A is kept [V, R]
  };
  const std::vector<Module>& modules() const { return modules_; }
  Parameters& parameters() { return parameters_; }
  int64_t most_rank() const;
  double dropout() const { return description_.dropout; }
  Adapter adapter() const;  // the values now

 private:
  struct Base {  // what to adapt, and how
    AdaptableModule module;
    int64_t rank;
    double scale;
  };
  Lora(const std::vector<Base>& bases, DType precision, bool trained, Adapter description);

  Adapter description_;  // without weights
  std::vector<Module> modules_;
  Parameters parameters_;
};

}  // namespace lethe::model
