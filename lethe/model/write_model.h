// write_model() row by row, for new values that are cheaper made a few rows at a time than a tensor at a time; and the
// pieces that writing a new model shares with it.
#pragma once
#include <functional>

#include "lethe/model/model_files.h"
#include "lethe/model/safetensors.h"
#include "lethe/model/staged_directory.h"

namespace lethe::model {

// Fills `out` with rows [first, first + rows) of one tensor's new values; called from several threads at once.
using NewRows = std::function<void(int64_t first, int64_t rows, float* out)>;
// Asked once a tensor, from one thread, in the order in which they are written; an empty NewRows: unchanged.
using NewRowsOf = std::function<NewRows(const StoredTensor& tensor)>;

void write_model_rows(const ModelFiles& source, const fs::path& out, const NewRowsOf& rows_of,
                      const WriteModelOptions& options = {});

// The model's files in `out` that a new one replaces (the configs first). Error: there are some, and not `overwrite`.
std::vector<fs::path> files_to_replace(const fs::path& out, bool overwrite);
// The tokenizer's files of a directory.
void add_tokenizer(const fs::path& directory, StagedDirectory& staged);
// generation_config.json: the special tokens of a config.json.
std::string generation_config_text(const Json& config);
// "F32" as config.json calls it: "float32".
const char* name_in_config(const std::string& dtype);
// Writes a tensor of a safetensors file in the entry's type.
void write_rows(StagedDirectory& staged, int file, const SafetensorsEntry& entry, const NewRows& rows);

// Elements of a block that a thread works on at a time: its fp32 values and what is made of them stay in the
// second-level cache.
constexpr int64_t kBlock = 1 << 16;

}  // namespace lethe::model
