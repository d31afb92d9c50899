// UTF-8 and the few properties of characters that tokenizers ask for, as Hugging Face's libraries know them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "lethe/base/utf8.h"

namespace lethe::text {

struct Char {
  char32_t value;
  size_t size;  // bytes
};

// The character at `at`; `text` must be valid UTF-8 and `at` the start of a character.
inline Char char_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t b = byte(0);
  if (b < 0x80) return {b, 1};
  if (b < 0xE0) return {(b & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (b < 0xF0) return {(b & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(b & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

void append_utf8(std::string& text, char32_t c);
std::string to_utf8(char32_t c);

bool is_whitespace(char32_t c);   // White_Space
bool is_numeric(char32_t c);      // Nd, Nl, No
bool is_punctuation(char32_t c);  // ASCII punctuation and P as of Unicode 8
bool is_mark(char32_t c);         // M as of Unicode 9

// Whether normalization knows the character (Unicode 9); others stay as they are, and what is around them does not see
// them.
bool has_normal_forms(char32_t c);
char32_t lowercase(char32_t c);  // but for U+0130, whose small letter is two characters

}  // namespace lethe::text
