#include "lethe/base/interrupt.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>

namespace lethe {
namespace {

std::atomic<bool> g_interrupted{false};

void handle(int signal) {
  if (g_interrupted.exchange(true) && signal == SIGINT) _exit(130);
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

bool interrupted() { return g_interrupted.load(std::memory_order_relaxed); }
void raise_interrupt() { g_interrupted = true; }
void clear_interrupt() { g_interrupted = false; }

}  // namespace lethe
