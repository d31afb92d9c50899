// metrics.jsonl: one JSON object a logged optimiser step.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/file.h"

namespace lethe::run {

struct StepMetrics {
  int64_t step = 0;   // of its stage
  std::string stage;  // forget, learn, ...
  double loss = 0;    // of the step's batch, before the step's update
  double learning_rate = 0;
  double grad_norm = 0;  // before clipping
  int64_t tokens = 0;
  double tokens_per_second = 0;
};

std::string to_json_line(const StepMetrics& metrics);  // with its "\n"; a number that is not finite becomes null

// Reads the lines of `text` and stops silently at a last line that is damaged or lacks its end (the process was killed
// while it wrote); damage elsewhere is an error that names `where` and the line. `bytes`, where given, is the length of
// what was read.
std::vector<StepMetrics> parse_metrics(std::string_view text, const std::string& where, size_t* bytes = nullptr);
std::vector<StepMetrics> read_metrics(const fs::path& path);  // a missing file holds none

}  // namespace lethe::run
