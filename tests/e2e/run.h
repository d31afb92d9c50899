// The built program, run as a person runs it: arguments in; exit status, stdout and stderr out.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lethe/base/json.h"

struct Run {
  int status = -1;  // of a signal: 128 + its number
  std::string out, err;
  lethe::Json json() const { return lethe::parse_json(out, "stdout"); }
};

// `stdout_path`: where stdout goes instead, "/dev/full" say.
Run run_lethe(const std::vector<std::string>& arguments, const std::string& stdout_path = "");

// The same, but sends `signal` as soon as `when()` is true. A program that ends before that has its own status.
Run run_lethe_until(const std::vector<std::string>& arguments, const std::function<bool()>& when, int signal,
                    const std::string& stdout_path = "");

bool contains(const std::string& text, const std::string& part);

// A file under tests/golden/ (tests run in the root of the checkout).
std::string golden(const std::string& path);
