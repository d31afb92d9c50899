// Access to the golden files of tests/golden/models (see the README there).
#pragma once
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/json.h"
#include "lethe/model/safetensors.h"
#include "lethe/text/example.h"

struct Golden {
  lethe::fs::path folder;
  lethe::Json json;
  std::map<std::string, std::vector<float>> arrays;

  explicit Golden(const std::string& name)
      : folder("tests/golden/" + name), json(lethe::read_json(folder / "golden.json")) {
    if (!lethe::fs::exists(folder / "golden.safetensors")) return;
    const lethe::MappedFile file(folder / "golden.safetensors");
    for (const auto& entry : lethe::model::read_safetensors_header(file.bytes(), "golden").entries) {
      std::vector<float> values(entry.bytes / 4);
      std::memcpy(values.data(), file.bytes().data() + entry.begin, entry.bytes);
      arrays[entry.name] = std::move(values);
    }
  }
  const std::vector<float>& array(const std::string& name) const {
    lethe::check(arrays.count(name) > 0, "the golden file has no {}", name);
    return arrays.at(name);
  }
  std::vector<lethe::text::Example> batch() const {
    std::vector<lethe::text::Example> examples;
    for (size_t i = 0; i < json["input_ids"].size(); ++i) {
      lethe::text::Example example{json["input_ids"][i].get<std::vector<int32_t>>(),
                                   json["labels"][i].get<std::vector<int32_t>>()};
      example.labels[0] = lethe::text::kNoTarget;
      examples.push_back(std::move(example));
    }
    return examples;
  }
};

// Relative distance of two arrays: ||a - b|| / ||b||.
inline double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  lethe::check(a.size() == b.size(), "arrays of {} and {} values", a.size(), b.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(difference / (norm > 0 ? norm : 1));
}
