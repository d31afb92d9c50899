// Training runs of the program that several tests share: eight commands over one small model, and what they leave.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/bad_input.h"

using Arguments = std::vector<std::string>;

// A training run: the command, its model and data, and its options. 8 steps a stage.
struct Work {
  const char* name;
  bool updates;
  Arguments options;
};
const std::vector<Work>& works();

// The small model and data that all runs share.
struct Setting {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  std::string data;

  Setting();
  Arguments arguments(const Work& work, const std::filesystem::path& out, const Arguments& more = {}) const;
};

// All that a run wrote but its folder, in which times differ.
std::map<std::string, std::string> result_of(const std::filesystem::path& out);
// metrics.jsonl less what a clock says.
std::vector<lethe::Json> metrics_of(const std::filesystem::path& out);
int64_t lines_of(const std::filesystem::path& path);  // 0 where it is missing
