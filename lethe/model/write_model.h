// write_model() row by row: for new values that are cheaper made a few rows at a time than a tensor at a time.
#pragma once
#include <functional>

#include "lethe/model/model_files.h"

namespace lethe::model {

// Fills `out` with rows [first, first + rows) of one tensor's new values; called from several threads at once.
using NewRows = std::function<void(int64_t first, int64_t rows, float* out)>;
// Asked once a tensor, from one thread, in the order in which they are written; an empty NewRows: unchanged.
using NewRowsOf = std::function<NewRows(const StoredTensor& tensor)>;

void write_model_rows(const ModelFiles& source, const fs::path& out, const NewRowsOf& rows_of,
                      const WriteModelOptions& options = {});

// Elements of a block that a thread works on at a time: its fp32 values and what is made of them stay in the
// second-level cache.
constexpr int64_t kBlock = 1 << 16;

}  // namespace lethe::model
