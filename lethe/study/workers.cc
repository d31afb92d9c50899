#include "lethe/study/workers.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/run/progress.h"

namespace lethe::study {
namespace {

constexpr int kLookAgain = 1000;                            // milliseconds: a signal may come right before we wait
constexpr int kFailed = 1, kUsage = 2, kInterrupted = 130;  // as the program itself ends

void open_pipe(run::Descriptor& read, run::Descriptor& write) {
  int ends[2];
  check(::pipe(ends) == 0, "cannot open a pipe: {}", std::strerror(errno));
  read.fd = ends[0];
  write.fd = ends[1];
}

// In the new process; does not return.
[[noreturn]] void work_and_exit(const std::function<void()>& work, int messages, int failure) {
  ::setpgid(0, 0);                    // Ctrl-C on a terminal reaches the study, which passes it on once
  ::prctl(PR_SET_PDEATHSIG, SIGINT);  // one that was interrupted already ends at once, as the study did
  ::dup2(messages, STDERR_FILENO);
  std::string text;
  int status = 0;
  try {
    work();
  } catch (const Interrupted& e) {
    status = kInterrupted, text = e.what();
  } catch (const UsageError& e) {
    status = kUsage, text = e.what();
  } catch (const std::exception& e) {
    status = kFailed, text = e.what();
  }
  ::close(messages);
  ::close(STDERR_FILENO);  // the last one open: the study now reads what follows
  for (std::string_view left = text; !left.empty();) {
    const ssize_t n = ::write(failure, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    left.remove_prefix(static_cast<size_t>(n));
  }
  ::_exit(status);
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(n));
  }
}

}  // namespace

Workers::~Workers() {
  interrupt();
  for (Worker& worker : workers_) {
    read_to_end(worker.messages.fd);
    // Else one with a long text would wait for a reader, and we for its end.
    const std::string text = read_to_end(worker.failure.fd);
    int status = 0;
    while (::waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
    }
    // Whoever gave up waits for no result, but would go on from a state that was not saved: an error, --quiet or not.
    if (WIFSIGNALED(status))
      std::fprintf(stderr, "%s: its process was ended by signal %d\n", worker.name.c_str(), WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != kInterrupted)
      std::fprintf(stderr, "%s%s\n", worker.prefix.c_str(), text.c_str());
  }
}

void Workers::start(size_t id, const std::string& prefix, const std::string& name, const std::function<void()>& work) {
  Worker worker{.id = id, .prefix = prefix, .name = name, .process = 0, .messages = {}, .failure = {}, .line = {}};
  run::Descriptor messages, failure;
  open_pipe(worker.messages, messages);
  open_pipe(worker.failure, failure);
  worker.process = ::fork();
  check(worker.process >= 0, "cannot start a process: {}", std::strerror(errno));
  if (worker.process == 0) work_and_exit(work, messages.fd, failure.fd);
  workers_.push_back(std::move(worker));
}

void Workers::interrupt() {
  if (std::exchange(interrupted_, true)) return;
  for (const Worker& worker : workers_) ::kill(worker.process, SIGTERM);
}

void Workers::relay(Worker& worker, const char* text, size_t size) {
  worker.line.append(text, size);
  for (size_t end; (end = worker.line.find('\n')) != std::string::npos; worker.line.erase(0, end + 1))
    run::write_message(fmt::format("{}{}", worker.prefix, std::string_view(worker.line).substr(0, end)));
}

size_t Workers::wait() {
  check(!workers_.empty(), "nobody works");
  for (;;) {
    if (interrupted()) interrupt();
    std::vector<pollfd> polled;
    for (const Worker& worker : workers_) polled.push_back({worker.messages.fd, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), kLookAgain) < 0) {
      check(errno == EINTR, "cannot wait for a stage: {}", std::strerror(errno));
      continue;
    }
    auto worker = workers_.begin();
    for (size_t i = 0; i < polled.size(); ++i, ++worker) {
      if (polled[i].revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t n = ::read(polled[i].fd, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return ended(worker);
      relay(*worker, buffer.data(), static_cast<size_t>(n));
    }
  }
}

size_t Workers::ended(std::list<Worker>::iterator at) {
  Worker worker = std::move(*at);
  workers_.erase(at);
  if (!worker.line.empty()) relay(worker, "\n", 1);
  const std::string text = read_to_end(worker.failure.fd);
  int status = 0;
  while (::waitpid(worker.process, &status, 0) < 0)
    check(errno == EINTR, "cannot wait for a stage: {}", std::strerror(errno));
  check(WIFEXITED(status), "{}: its process was ended by signal {}", worker.name, WTERMSIG(status));
  switch (WEXITSTATUS(status)) {
    case 0:
      return worker.id;
    case kInterrupted:
      throw Interrupted(text.empty() ? "interrupted" : text);
    case kUsage:
      throw UsageError(text);
    default:
      throw Error(text);
  }
}

}  // namespace lethe::study
