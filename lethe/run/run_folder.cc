#include "lethe/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "lethe/base/error.h"
#include "lethe/run/tensorboard.h"

namespace lethe::run {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

void open_append(const fs::path& path, Descriptor& file) {
  file.fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  check(file.fd >= 0, "cannot write {}: {}", path.string(), std::strerror(errno));
}

void cut(const Descriptor& file, size_t bytes, const fs::path& path) {
  const int failed = ::ftruncate(file.fd, static_cast<off_t>(bytes));
  check(failed == 0, "cannot shorten {}: {}", path.string(), std::strerror(errno));
}

std::string event_of(const StepMetrics& m) {
  return scalars_event(now(), m.step,
                       {{m.stage + "/loss", m.loss},
                        {m.stage + "/learning_rate", m.learning_rate},
                        {m.stage + "/grad_norm", m.grad_norm},
                        {m.stage + "/tokens_per_second", m.tokens_per_second}});
}

}  // namespace

// The lock is on the folder itself and the kernel lets go of it with the process: nothing is left behind to clean up. A
// file system without locks (some network mounts) is used without one.
void lock_folder(const fs::path& path, Descriptor& lock, std::string_view hint) {
  lock.fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(lock.fd >= 0, "cannot open the folder {}: {}", path.string(), std::strerror(errno));
  const bool taken = ::flock(lock.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  check(!taken, "the folder {} is in use by another run: {}", path.string(), hint);
}

OrderedJson read_ordered_json(const fs::path& path) {
  const std::string text = read_file(path);
  parse_json(text, path.string());  // for its messages, and its limit of depth
  return OrderedJson::parse(text);
}

bool holds_record(const fs::path& folder) {
  return std::ranges::any_of(kRecord, [&](const char* name) { return fs::exists(folder / name); });
}

RunFolder::RunFolder(fs::path path, bool resume) : path_(std::move(path)) {
  std::error_code error;
  fs::create_directories(path_, error);
  check(!error, "cannot create the run folder {}: {}", path_.string(), error.message());
  lock_folder(path_, lock_, "wait for it, or give another --run-dir");
  if (!resume)
    for (const char* name : kRecord) fs::remove(file(name), error);
  open_append(file(kMetricsFile), metrics_);
  open_append(file(kEventsFile), events_);
  truncate_metrics(INT64_MAX);
}

Descriptor::~Descriptor() {
  if (fd >= 0) ::close(fd);
}

void RunFolder::write_config(std::string_view toml) { write_file(file(kConfigFile), toml); }

std::optional<std::string> RunFolder::config() const {
  if (!fs::exists(file(kConfigFile))) return std::nullopt;
  return read_file(file(kConfigFile));
}

// One write a record: a killed process leaves whole records and at most one torn end.
void RunFolder::append(const StepMetrics& metrics) {
  write_all(metrics_.fd, to_json_line(metrics), file(kMetricsFile).string());
  write_all(events_.fd, tfrecord(event_of(metrics)), file(kEventsFile).string());
  ++logged_;
}

void RunFolder::truncate_metrics(int64_t lines) {
  const std::string text = read_file(file(kMetricsFile));
  size_t bytes = 0;
  std::vector<StepMetrics> kept = parse_metrics(text, file(kMetricsFile).string(), &bytes);
  if (static_cast<int64_t>(kept.size()) > lines) {
    kept.resize(static_cast<size_t>(lines));
    bytes = 0;
    for (int64_t line = 0; line < lines; ++line) bytes = text.find('\n', bytes) + 1;
  }
  cut(metrics_, bytes, file(kMetricsFile));
  logged_ = static_cast<int64_t>(kept.size());

  // The events follow: the record of the version, then one for each line.
  const std::string events = read_file(file(kEventsFile));
  int64_t found = 0;
  cut(events_, tfrecord_prefix(events, logged_ + 1, &found), file(kEventsFile));
  if (found == 0) write_all(events_.fd, tfrecord(version_event(now())), file(kEventsFile).string());
  for (size_t i = found == 0 ? 0 : static_cast<size_t>(found - 1); i < kept.size(); ++i) {
    write_all(events_.fd, tfrecord(event_of(kept[i])), file(kEventsFile).string());
  }
}

void RunFolder::write_json(std::string_view name, const OrderedJson& json) {
  write_file(file(name), json_text(json, 2) + "\n");
}

}  // namespace lethe::run
