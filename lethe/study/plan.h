// What a study runs: the stages of every variant with their options resolved, each distinct call once.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lethe/study/commands.h"
#include "lethe/study/recipe.h"

namespace lethe::study {

// One call. Its key names all that it depends on: the command, its options, what it reads (folders of stages, whose
// names hold their keys; of files outside their sizes and times), the precision, and kPlanFormat; so a folder that is
// complete need not be made again.
struct Work {
  std::string stage, command, where;
  std::string key;                                           // 16 hexadecimal digits
  std::string label;                                         // "augment=single": the axes that it depends on
  std::vector<std::pair<std::string, std::string>> options;  // values as typed; "{stages}" is the folder of all stages
  std::vector<size_t> reads;                                 // places in Plan::work, all smaller than its own
  bool keep = true;
  bool writes = false;  // it has --out

  std::string name() const;                                          // "stage 'model' of augment=single"
  std::string folder() const { return stage + "-" + key; }           // in the folder of all stages
  std::vector<std::string> arguments(const fs::path& stages) const;  // "--people=1000" ...
};

struct Variant {
  OrderedJson grid;  // axis: value
  std::vector<std::pair<std::string, size_t>> stages;
};

struct Plan {
  std::vector<Work> work;  // in the order in which it is done
  std::vector<Variant> variants;

  int64_t side_by_side(size_t i) const;  // how many may be at work at a time with work[i], itself among them
};

struct PlanOptions {
  std::string scale;                                      // "": the recipe's first
  std::vector<std::pair<std::string, std::string>> set;   // variables with other values, as typed
  std::vector<std::pair<std::string, std::string>> only;  // axis, value: only these variants
  std::string precision;                                  // "bf16"
  int64_t seed = 0;                                       // of stages to which the recipe gives none
};

// Raised where what commands write or compute changes, so that nothing older is taken for it.
inline constexpr int kPlanFormat = 3;

// Every option of every stage is parsed and resolved, and what it reads is looked for; mistakes are UsageErrors that
// name the recipe's line.
Plan make_plan(const Recipe& recipe, const std::vector<Command>& commands, const PlanOptions& options);

const Command& command_named(const std::vector<Command>& commands, const std::string& name, const std::string& where);

}  // namespace lethe::study
