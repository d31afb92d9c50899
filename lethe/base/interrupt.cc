#include "lethe/base/interrupt.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace lethe {
namespace {

using Clock = std::chrono::steady_clock;

// `timeout -s INT` signals a program and its group at once: what comes so soon is the same signal.
constexpr Clock::duration kSame = std::chrono::milliseconds(300);

std::atomic<Clock::rep> g_since{0};  // when it was interrupted; 0: it was not

void handle(int signal) {
  const Clock::duration now = Clock::now().time_since_epoch();
  Clock::rep since = 0;
  if (g_since.compare_exchange_strong(since, now.count()) || signal != SIGINT) return;
  if (now - Clock::duration(since) > kSame) _exit(130);
}

}  // namespace

void catch_interrupts() {
  alignas(64) static std::array<std::byte, 128 << 10> stack;  // AMX's registers alone take 11 KB of a frame
  const stack_t own = {stack.data(), 0, stack.size()};
  sigaltstack(&own, nullptr);
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_since.load(std::memory_order_relaxed) != 0; }
void raise_interrupt() { g_since = 1; }
void clear_interrupt() { g_since = 0; }

}  // namespace lethe
