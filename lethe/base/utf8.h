// UTF-8: what is valid, and cutting a text without breaking a character.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace lethe {

bool is_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);
// Each maximal invalid part as one U+FFFD (Unicode 16, section 3.9; what Python's errors="replace" does).
std::string replace_invalid_utf8(std::string_view text);

// The start of the character that the byte at `at` is part of.
inline size_t char_begin(std::string_view text, size_t at) {
  while (at > 0 && (text[at] & 0xC0) == 0x80) --at;
  return at;
}

// `text` for a message: at most `bytes` long, cut before a character with "..." behind it.
std::string shortened(std::string_view text, size_t bytes = 60);

}  // namespace lethe
