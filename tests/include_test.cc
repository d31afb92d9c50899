// The storeys of the house: every #include "lethe/..." under lethe/ must be an edge of ARCHITECTURE.md's table (a
// module may always include itself). `text`, `facts` and `run` know no tensors, so the data half builds without the
// engine.
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "lethe/base/file.h"

namespace {

using lethe::fs::path;
using Modules = std::set<std::string>;

// The rows "| `module` | what it is | may include |" of ARCHITECTURE.md, up to the first line that is none.
std::map<std::string, Modules> read_table() {
  std::map<std::string, Modules> table;
  std::istringstream lines(lethe::read_file("ARCHITECTURE.md"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) {
      if (table.empty()) continue;
      break;
    }
    const std::string name = line.substr(3, line.find('`', 3) - 3);
    const size_t begin = line.rfind('|', line.size() - 2) + 1;
    std::string names = line.substr(begin, line.size() - 1 - begin);
    std::replace(names.begin(), names.end(), ',', ' ');
    std::istringstream words(names);
    for (std::string word; words >> word;)
      if (word != "-") table[name].insert(word);
    table.try_emplace(name);
  }
  return table;
}

const std::map<std::string, Modules> kMayInclude = read_table();

std::vector<std::string> included_paths(const std::string& source) {
  std::vector<std::string> paths;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const size_t open = line.find_first_of("\"<", hash);
    if (line.find("include", hash) > open || open == std::string::npos) continue;
    const size_t close = line.find_first_of("\">", open + 1);
    if (close != std::string::npos) paths.push_back(line.substr(open + 1, close - open - 1));
  }
  return paths;
}

// What is wrong with the includes of `file` (relative to the root), a line each.
std::vector<std::string> wrong_includes(const path& file, const std::string& source) {
  std::vector<std::string> wrong;
  const std::string from = std::next(file.begin())->string();
  const auto row = kMayInclude.find(from);
  if (row == kMayInclude.end()) return {fmt::format("{}: no module '{}' in the table", file.string(), from)};
  for (const std::string& included : included_paths(source)) {
    const path target(included);
    if (target.begin()->string() == "cli" || included.starts_with(".")) {
      wrong.push_back(fmt::format("{}: includes \"{}\"", file.string(), included));
    } else if (target.begin()->string() == "lethe") {
      const std::string to = std::next(target.begin())->string();
      if (to != from && !row->second.contains(to)) {
        wrong.push_back(fmt::format("{}: {} may not include {} (\"{}\")", file.string(), from, to, included));
      }
    }
  }
  return wrong;
}

TEST_CASE("includes point downwards only") {
  int files = 0;
  for (const auto& entry : lethe::fs::recursive_directory_iterator("lethe")) {
    if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
    ++files;
    for (const std::string& line : wrong_includes(entry.path(), lethe::read_file(entry.path()))) FAIL_CHECK(line);
  }
  CHECK(files > 10);
  CHECK(kMayInclude.size() > 5);
}

TEST_CASE("a forbidden edge, an unknown module and a way around the table are seen") {
  CHECK(wrong_includes("lethe/text/a.cc", "#include \"lethe/base/json.h\"\n#include \"lethe/text/b.h\"\n").empty());
  CHECK(wrong_includes("lethe/text/a.cc", "#include \"lethe/tensor/tensor.h\"\n").size() == 1);
  CHECK(wrong_includes("lethe/text/a.cc", "  # include <lethe/model/config.h>\n").size() == 1);
  CHECK(wrong_includes("lethe/model/a.cc", "#include \"lethe/train/loop.h\"\n").size() == 1);
  CHECK(wrong_includes("lethe/base/a.cc", "#include \"lethe/attic/ghost.h\"\n").size() == 1);
  CHECK(wrong_includes("lethe/attic/a.cc", "").size() == 1);
  CHECK(wrong_includes("lethe/base/a.cc", "#include \"../model/config.h\"\n#include \"cli/verbs.h\"\n").size() == 2);
}

TEST_CASE("the data half knows no tensors") {
  for (const char* module : {"text", "facts", "run"}) CHECK(kMayInclude.at(module) == Modules{"base"});
}

TEST_CASE("the table has no cycle") {
  for (const auto& [from, targets] : kMayInclude) {
    for (const std::string& to : targets) CHECK_FALSE(kMayInclude.at(to).contains(from));
  }
}

}  // namespace
