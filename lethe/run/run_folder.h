// The run folder: what a training run leaves of itself and goes on from.
//   config.toml                   the resolved settings, enough to repeat the run
//   metrics.jsonl                 one object a logged step, on disk as it happens
//   events.out.tfevents.0.lethe   the same for TensorBoard
//   facts-with-old.jsonl          where the model gave old answers: the facts with them
//   curves.jsonl                  learning curves on a world (lethe/study/curves.h)
//   results.json, report.html     what came out, and its page (lethe/run/report.h)
// The folder belongs to one process at a time.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"
#include "lethe/run/metrics.h"

namespace lethe::run {

inline constexpr const char* kConfigFile = "config.toml";
inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kEventsFile = "events.out.tfevents.0.lethe";
inline constexpr const char* kFactsFile = "facts-with-old.jsonl";
inline constexpr const char* kResultsFile = "results.json";
inline constexpr const char* kCurvesFile = "curves.jsonl";
inline constexpr const char* kReportFile = "report.html";
inline constexpr const char* kRecord[] = {kConfigFile, kMetricsFile, kEventsFile, kFactsFile,
                                          kCurvesFile, kResultsFile, kReportFile};

bool holds_record(const fs::path& folder);  // any of these files

// Fields in the file's order; errors name the file and the place.
OrderedJson read_ordered_json(const fs::path& path);

struct Descriptor {  // of an open file; closes itself
  int fd = -1;
  Descriptor() = default;
  Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
};

// Until `lock` is gone the folder belongs to this process; Error, which ends with `hint`, where it does to another.
void lock_folder(const fs::path& path, Descriptor& lock, std::string_view hint);

class RunFolder {
 public:
  // Creates the folder where it is missing and locks it until destruction; Error where another run holds it. Without
  // `resume` the files above, left by an earlier run, are removed; with it they are kept, less a half-written end.
  RunFolder(fs::path path, bool resume);

  const fs::path& path() const { return path_; }
  fs::path file(std::string_view name) const { return path_ / name; }

  void write_config(std::string_view toml);
  std::optional<std::string> config() const;  // none where none was written

  void append(const StepMetrics& metrics);
  int64_t metrics_logged() const { return logged_; }  // lines now in metrics.jsonl: a checkpoint remembers it
  // Goes back to the first `lines` lines, those a checkpoint knew, so that a resumed run logs each step once.
  void truncate_metrics(int64_t lines);
  std::vector<StepMetrics> metrics() const { return read_metrics(file(kMetricsFile)); }

  void write_json(std::string_view name, const OrderedJson& json);
  OrderedJson json(std::string_view name) const { return read_ordered_json(file(name)); }

 private:
  fs::path path_;
  Descriptor lock_, metrics_, events_;
  int64_t logged_ = 0;
};

}  // namespace lethe::run
