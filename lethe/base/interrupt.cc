#include "lethe/base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace lethe {
namespace {

std::atomic<bool> g_interrupted{false};

void handle(int) {
  if (g_interrupted.exchange(true)) _exit(130);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = handle;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupted.load(std::memory_order_relaxed); }
void raise_interrupt() { g_interrupted = true; }
void clear_interrupt() { g_interrupted = false; }

}  // namespace lethe
