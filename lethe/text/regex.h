// A compiled regular expression of a tokenizer: PCRE2 with its just-in-time compiler, Oniguruma's syntax
// (regex_syntax.h).
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace lethe::text {

class Regex {
 public:
  // A pattern that does not compile is an Error that begins with `where` and quotes it.
  Regex(std::string_view pattern, const std::string& where);

  struct Match {
    size_t begin, end;
  };
  // The leftmost match at or after `from` in `text` (valid UTF-8); false where there is none. Thread-safe.
  bool find(std::string_view text, size_t from, Match& match) const;

  // Calls on_match(Match) for each match from left to right; an empty match right behind the last one is passed over.
  template <typename F>
  void for_each_match(std::string_view text, F&& on_match) const {
    size_t from = 0, last_end = std::string_view::npos;
    for (Match m; from <= text.size() && find(text, from, m);) {
      if (m.begin == m.end && m.end == last_end) {
        do ++from;
        while (from < text.size() && (text[from] & 0xC0) == 0x80);
        continue;
      }
      from = last_end = m.end;
      on_match(m);
    }
  }

 private:
  struct Code;
  struct Free {
    void operator()(Code* code) const;
  };
  std::unique_ptr<Code, Free> code_;
  std::string where_;
};

}  // namespace lethe::text
