#include "lethe/base/interrupt.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

using namespace lethe;

TEST_CASE("the first signal raises the flag, which stays until it is cleared") {
  struct sigaction on_int, on_term;
  sigaction(SIGINT, nullptr, &on_int);
  sigaction(SIGTERM, nullptr, &on_term);
  catch_interrupts();
  stack_t stack;
  CHECK(sigaltstack(nullptr, &stack) == 0);
  CHECK(stack.ss_size >= 64 << 10);  // where a frame with AMX's registers has room
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action;
    sigaction(signal, nullptr, &action);
    CHECK((action.sa_flags & SA_ONSTACK) != 0);
    CHECK_FALSE(interrupted());
    std::raise(signal);
    CHECK(interrupted());
    CHECK(interrupted());
    clear_interrupt();
  }
  raise_interrupt();
  CHECK(interrupted());
  clear_interrupt();
  sigaction(SIGINT, &on_int, nullptr);
  sigaction(SIGTERM, &on_term, nullptr);
}

TEST_CASE("a second Ctrl-C ends the program, status 130; SIGTERM may come again, and a signal twice at once") {
  constexpr useconds_t kLater = 500'000;
  const auto status_after = [](int first, int second, useconds_t pause) {
    const pid_t child = ::fork();
    if (child == 0) {
      catch_interrupts();
      std::raise(first);
      ::usleep(pause);
      std::raise(second);
      ::_exit(interrupted() ? 7 : 0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  };
  CHECK(status_after(SIGTERM, SIGTERM, kLater) == 7);
  CHECK(status_after(SIGINT, SIGTERM, kLater) == 7);
  CHECK(status_after(SIGTERM, SIGINT, kLater) == 130);
  CHECK(status_after(SIGINT, SIGINT, kLater) == 130);
  CHECK(status_after(SIGINT, SIGINT, 0) == 7);
}
