// A file of records, whatever it is written in: JSON array, one JSON object, JSON lines or CSV, told by its content.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"

namespace lethe::facts {

struct Record {
  int64_t index = 0;  // from 0
  std::string where;  // "facts.jsonl, index 3 (line 4)": begins the messages about it
  Json fields;        // an object
};

// The first `limit` records (0: all), at least one. Errors name the path and the place: nothing in the file, JSON that
// ends early, a key that stands twice, nesting deeper than 64, a record that is no object. A byte order mark is
// skipped.
std::vector<Record> read_records(const fs::path& path, int64_t limit = 0);

}  // namespace lethe::facts
