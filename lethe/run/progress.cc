#include "lethe/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

namespace lethe::run {
namespace {

constexpr double kSilent = 2;            // seconds: shorter work shows nothing
constexpr double kPlainInterval = 10;    // between plain lines
constexpr double kRedrawInterval = 0.1;  // on a terminal

std::atomic<bool> is_quiet = false;
std::mutex stderr_mutex;
bool line_is_open = false;  // a line without its end stands on the terminal; guarded by stderr_mutex

bool on_terminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) && !(term && std::string_view(term) == "dumb");
}

// Cuts to the terminal's width, so that the line never wraps, and never inside a UTF-8 character.
std::string_view fit_terminal(std::string_view line) {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  size_t end = std::min<size_t>(line.size(), size.ws_col - 1);
  while (end > 0 && end < line.size() && (line[end] & 0xC0) == 0x80) --end;
  return line.substr(0, end);
}

// That nobody reads stderr any more is no reason to stop.
void put(const std::string& text) { std::fputs(text.c_str(), stderr); }

void put_line(std::string_view line) {
  std::lock_guard lock(stderr_mutex);
  put(fmt::format("{}{}\n", line_is_open ? "\r\x1b[K" : "", line));
  line_is_open = false;
}

void redraw_line(std::string_view line) {
  std::lock_guard lock(stderr_mutex);
  put(fmt::format("\r\x1b[K{}", fit_terminal(line)));
  std::fflush(stderr);
  line_is_open = true;
}

void end_open_line() {
  std::lock_guard lock(stderr_mutex);
  if (line_is_open) put("\n");
  line_is_open = false;
}

// Three digits that matter: "1234", "56.7", "0.083".
std::string short_number(double x) {
  if (x >= 99.95) return fmt::format("{:.0f}", x);
  if (x >= 9.995) return fmt::format("{:.1f}", x);
  if (x >= 0.9995) return fmt::format("{:.2f}", x);
  return fmt::format("{:.2g}", x);
}

struct Scale {
  double factor;
  std::string unit;
};

// The unit in which to write counts up to `largest`.
Scale scale_of(const std::string& unit, int64_t largest) {
  if (unit != "B") return {1, unit};
  if (largest >= 1'000'000'000) return {1e-9, "GB"};
  if (largest >= 1'000'000) return {1e-6, "MB"};
  return {1e-3, "kB"};
}

std::string count_text(int64_t count, const Scale& scale) {
  return scale.factor == 1 ? fmt::format("{}", count) : short_number(static_cast<double>(count) * scale.factor);
}

double rate_of(const ProgressState& s) { return s.seconds > 0 ? static_cast<double>(s.done - s.start) / s.seconds : 0; }

std::string rate_text(const ProgressState& s) {
  const double rate = rate_of(s);
  const Scale scale = scale_of(s.unit, static_cast<int64_t>(rate));
  if (scale.factor == 1 && rate < 0.1) return fmt::format("{} {}/min", short_number(60 * rate), scale.unit);
  return fmt::format("{} {}/s", short_number(scale.factor * rate), scale.unit);
}

}  // namespace

void set_quiet(bool quiet) { is_quiet = quiet; }
bool quiet() { return is_quiet; }

void write_message(std::string_view text) {
  if (!quiet()) put_line(text);
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const int64_t s = std::llround(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  const int64_t m = std::llround(seconds / 60);
  if (m < 24 * 60) return fmt::format("{} h {:02} min", m / 60, m % 60);
  const int64_t h = std::llround(seconds / 3600);
  return fmt::format("{} d {:02} h", h / 24, h % 24);
}

std::string progress_line(const ProgressState& s) {
  const Scale scale = scale_of(s.unit, std::max(s.done, s.total));
  std::string line = s.label + ": ";
  if (s.total > 0)
    line += fmt::format("{} %, {}/", 100 * std::min(s.done, s.total) / s.total, count_text(s.done, scale));
  line += fmt::format("{} {}", count_text(s.total > 0 ? s.total : s.done, scale), scale.unit);
  if (s.done > s.start && s.seconds > 0) {
    line += ", " + rate_text(s);
    if (s.total > s.done)
      line += fmt::format(", {} left", duration_text(static_cast<double>(s.total - s.done) / rate_of(s)));
  }
  return s.extra.empty() ? line : line + ", " + s.extra;
}

std::string summary_line(const ProgressState& s) {
  const int64_t count = s.done - s.start;
  const Scale scale = scale_of(s.unit, count);
  std::string line = fmt::format("{}: {} {} in {}, {}", s.label, count_text(count, scale), scale.unit,
                                 duration_text(s.seconds), rate_text(s));
  return s.extra.empty() ? line : line + ", " + s.extra;
}

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t start)
    : state_{std::move(label), std::move(unit), start, start, total, 0, {}},
      begin_(std::chrono::steady_clock::now()),
      next_draw_(kSilent) {}

Progress::~Progress() {
  if (state_.total > 0 && state_.done >= state_.total) finish();
  if (!finished_) end_open_line();  // stopped by an error or Ctrl-C: how far it came stays readable
}

double Progress::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Progress::update(int64_t done, std::string_view extra) {
  state_.done = done;
  state_.extra = extra;
  state_.seconds = elapsed();
  if (state_.seconds < next_draw_ || quiet()) return;
  const bool terminal = on_terminal();
  next_draw_ = state_.seconds + (terminal ? kRedrawInterval : kPlainInterval);
  const std::string line = progress_line(state_);
  terminal ? redraw_line(line) : put_line(line);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  state_.seconds = elapsed();
  if (state_.seconds >= kSilent && state_.done > state_.start && !quiet()) put_line(summary_line(state_));
}

std::function<void(int64_t, int64_t)> byte_progress(std::string label) {
  return [label = std::move(label), progress = std::shared_ptr<Progress>()](int64_t done, int64_t total) mutable {
    if (!progress) progress = std::make_shared<Progress>(label, total, "B");
    progress->update(done);
  };
}

}  // namespace lethe::run
