// The one exception type and how it is thrown. A message says what was being done, what is wrong (the value and what
// was expected) and, where it helps, the likely cause; main() catches once and turns the type into the exit status.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace lethe {

// The work failed: exit status 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The arguments are wrong: exit status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Ctrl-C, after the state was saved: exit status 130. The message holds what a person types to go on.
class Interrupted : public Error {
 public:
  using Error::Error;
};

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

// check(condition, "reading {}: ...", path): throws Error with that message unless `condition` holds.
template <typename... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) fail(format, std::forward<Args>(args)...);
}

}  // namespace lethe
