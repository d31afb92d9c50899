// What a person sees on stderr while work goes on: notes, and one progress line with share, rate and time left. On a
// terminal the line redraws; elsewhere plain lines come after 2 s and then every 10 s. Work that takes less than 2 s
// shows nothing.
#pragma once
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace lethe::run {

void set_quiet(bool quiet);  // --quiet: for the whole process, neither progress nor notes
bool quiet();

// A note on stderr, one line; a progress line that is being drawn steps aside for it.
void write_message(std::string_view text);
template <typename... Args>
void message(fmt::format_string<Args...> format, Args&&... args) {
  if (!quiet()) write_message(fmt::format(format, std::forward<Args>(args)...));
}

// How long, with the two units that matter: "0.4 s", "42 s", "3 min 05 s", "2 h 07 min", "4 d 03 h".
std::string duration_text(double seconds);

// What a progress line tells; the line is a pure function of it.
struct ProgressState {
  std::string label;  // "forget"
  std::string unit;   // plural, "steps"; "B" counts bytes and is written as kB, MB, GB
  int64_t start = 0;  // done before this process began (resumed work): not part of the rate
  int64_t done = 0;
  int64_t total = 0;  // 0: unknown, then neither share nor time left
  double seconds = 0;
  std::string extra;  // "loss 0.42"
};
std::string progress_line(
    const ProgressState& state);  // "forget: 30 %, 120/400 steps, 3.2 steps/s, 1 min 27 s left, loss 0.42"
std::string summary_line(const ProgressState& state);  // "forget: 400 steps in 2 min 05 s, 3.2 steps/s"

// Reports the progress of one piece of work, from its construction to finish() or its destruction. One writer at a
// time.
class Progress {
 public:
  Progress(std::string label, int64_t total, std::string unit, int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, std::string_view extra = {});  // cheap: reads the clock, draws when it is time
  void finish();  // the work is complete, perhaps before `total`; the destructor does it where done has reached total

 private:
  double elapsed() const;

  ProgressState state_;
  std::chrono::steady_clock::time_point begin_;
  double next_draw_;
  bool finished_ = false;
};

// A Progress in bytes that begins with its first call, for work that says (done, total) itself.
std::function<void(int64_t done, int64_t total)> byte_progress(std::string label);

}  // namespace lethe::run
