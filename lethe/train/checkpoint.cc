#include "lethe/train/checkpoint.h"

#include <charconv>
#include <cstring>
#include <functional>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/model/safetensors.h"

namespace lethe::train {
namespace {

struct Part {
  const char* name;
  std::byte* data;
  int64_t size;  // fp32 elements
};

std::vector<Part> parts_of(model::Parameters& parameters, Optimizer& optimizer) {
  std::vector<Part> parts = {{"matrices", parameters.matrices().master.data(), parameters.matrices().size},
                             {"vectors", parameters.vectors().master.data(), parameters.vectors().size}};
  const auto add = [&](const char* m, const char* v, Optimizer::Moments& moments) {
    parts.push_back({m, moments.m.data(), moments.size});
    parts.push_back({v, moments.v.data(), moments.size});
  };
  add("matrices.m", "matrices.v", optimizer.matrices());
  add("vectors.m", "vectors.v", optimizer.vectors());
  return parts;
}

template <typename T>
void read_number(const std::map<std::string, std::string>& metadata, const char* key, const std::string& where,
                 T& value) {
  auto it = metadata.find(key);
  check(it != metadata.end(), "{}: no checkpoint of Lethe: \"{}\" is missing", where, key);
  const std::string& text = it->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error == std::errc() && end == text.data() + text.size() && value >= 0,
        "{}: \"{}\" is \"{}\", expected a number from 0", where, key, text);
}

}  // namespace

void write_checkpoint(const fs::path& path, const CheckpointState& state, model::Parameters& parameters,
                      Optimizer& optimizer) {
  const std::vector<Part> parts = parts_of(parameters, optimizer);
  std::vector<model::SafetensorsEntry> entries;
  for (const Part& part : parts) entries.push_back({part.name, "F32", {part.size}});
  AtomicFile file(path);
  file.write(model::safetensors_header(entries, {{"stage", state.stage},
                                                 {"step", std::to_string(state.step)},
                                                 {"wrong_targets", std::to_string(state.wrong_targets)},
                                                 {"metrics_lines", std::to_string(state.metrics_lines)},
                                                 {"loss", fmt::format("{}", state.loss)},
                                                 {"tokens", std::to_string(state.tokens)},
                                                 {"seconds", fmt::format("{:.3f}", state.seconds)}}));
  for (const Part& part : parts) file.write(part.data, static_cast<size_t>(part.size) * 4);
  file.commit();
}

std::optional<CheckpointState> read_checkpoint_state(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  const MappedFile file(path);
  const auto header = model::read_safetensors_header(file.bytes(), path.string());
  CheckpointState state;
  read_number(header.metadata, "step", path.string(), state.step);
  read_number(header.metadata, "wrong_targets", path.string(), state.wrong_targets);
  read_number(header.metadata, "metrics_lines", path.string(), state.metrics_lines);
  read_number(header.metadata, "loss", path.string(), state.loss);
  read_number(header.metadata, "tokens", path.string(), state.tokens);
  read_number(header.metadata, "seconds", path.string(), state.seconds);
  auto stage = header.metadata.find("stage");
  check(stage != header.metadata.end(), "{}: no checkpoint of Lethe: \"stage\" is missing", path.string());
  state.stage = stage->second;
  return state;
}

void read_checkpoint(const fs::path& path, model::Parameters& parameters, Optimizer& optimizer) {
  const MappedFile file(path);
  const auto header = model::read_safetensors_header(file.bytes(), path.string());
  const std::vector<Part> parts = parts_of(parameters, optimizer);
  check(header.entries.size() == parts.size(), "{}: {} tensors, expected {}", path.string(), header.entries.size(),
        parts.size());
  for (const Part& part : parts) {
    const model::SafetensorsEntry* found = nullptr;
    for (const auto& entry : header.entries)
      if (entry.name == part.name) found = &entry;
    check(found && found->dtype == "F32" && found->bytes == static_cast<uint64_t>(part.size) * 4,
          "{}: the checkpoint does not fit this run: {} should hold {} fp32 values", path.string(), part.name,
          part.size);
    if (part.size > 0) std::memcpy(part.data, file.bytes().data() + found->begin, found->bytes);
  }
  parameters.refresh_copies();
}

}  // namespace lethe::train
