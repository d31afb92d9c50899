// The lives of a world that a language model retells, and lives.jsonl, all that it answered:
//
//   {"model", "seed", ...}                          what answers depend on, and which lives they tell
//   {"answers": [{"person", "version", "try", "ended", "text"}], "tokens", "seconds"}      a line a wave, in order
//
// The line that was taken over from an earlier file has "earlier": true; nothing was asked for it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"
#include "lethe/run/run_folder.h"
#include "lethe/world/world_files.h"

namespace lethe::study {

struct Life {
  const world::Person* person;
  int64_t version, tries;
  std::optional<world::Biography> told;

  // A random stream for each try, whatever is told beside it.
  uint64_t stream(int64_t number) const;
};

struct Try {
  size_t life;
  int64_t number;
};

struct Tally {
  int64_t answers = 0, taken = 0, earlier = 0, tokens = 0;
  double seconds = 0;
  std::map<std::string, int64_t> wrong;

  double rate() const { return answers > 0 ? 100.0 * static_cast<double>(taken) / static_cast<double>(answers) : 0.0; }
  double tokens_per_second() const { return static_cast<double>(tokens) / (seconds > 0 ? seconds : 1e-9); }
};

// What was told so far: a function of the waves of answers, in their order.
class Lives {
 public:
  Lives(const world::World& world, bool full_name, int64_t max_tries);

  const Life& operator[](size_t i) const { return lives_[i]; }
  size_t size() const { return lives_.size(); }
  int64_t told() const;
  const Tally& tally() const { return tally_; }
  bool has(int64_t person, int64_t version) const { return index_.contains({person, version}); }

  // Some lives that are not told and have tries left, the first ones. None: all is done.
  std::vector<Try> next_wave() const;
  // Takes a line of lives.jsonl. Of several good answers for one life the first counts. Errors name `where`.
  void take(const Json& wave, const std::string& where);

 private:
  bool full_name_;
  int64_t max_tries_;
  std::vector<Life> lives_;
  std::map<std::pair<int64_t, int64_t>, size_t> index_;  // by person and version
  Tally tally_;
};

// UsageError, which begins with `option`, where what a file was begun with is not what is wanted now.
void check_settings(const char* option, const Json& then, const OrderedJson& now, const fs::path& where);

// Whether the file has any answers, so that to go on with it is more than to begin.
bool has_answers(const fs::path& path);

// The answers of an earlier file about these lives, of whatever versions and names, as one line: to go on with a file
// that has any is to have all. Errors: no such file, or an empty one; other settings on which an answer depends; a
// damaged answer.
OrderedJson earlier_answers(const fs::path& path, OrderedJson settings, const Lives& lives);

// A lives.jsonl to which waves are added. `resume`: goes on with one, after the lives took what is in it, or fails
// where it was begun with other settings; a half-written end is cut off.
class LivesFile {
 public:
  LivesFile(const fs::path& path, const OrderedJson& settings, bool resume, Lives& lives);
  void append(const OrderedJson& line);

 private:
  fs::path path_;
  run::Descriptor file_;
};

}  // namespace lethe::study
