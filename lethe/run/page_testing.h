// What the tests of pages share: what stands in a text, and how often.
#pragma once
#include <string>

namespace lethe::run {

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace lethe::run
