#include "lethe/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace lethe {
namespace {

// The length of the valid character at `at`, or 0 and in `invalid` the length of the maximal invalid part.
size_t valid_length(std::string_view text, size_t at, size_t& invalid) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char b = byte(0);
  if (b < 0x80) return 1;
  invalid = 1;
  if (b < 0xC2 || b > 0xF4) return 0;
  const size_t size = b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
  // The second byte's bounds exclude overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned char low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < size; ++i, ++invalid) {
    if (at + i >= text.size()) return 0;
    const unsigned char c = byte(i);
    if (i == 1 ? c < low || c > high : c < 0x80 || c > 0xBF) return 0;
  }
  return size;
}

// The number of leading bytes that are ASCII, counted in words of eight.
size_t ascii_prefix(std::string_view text) {
  size_t at = 0;
  for (uint64_t word; at + 8 <= text.size(); at += 8) {
    std::memcpy(&word, text.data() + at, 8);
    if (word & 0x8080808080808080) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

bool is_ascii(std::string_view text) { return ascii_prefix(text) == text.size(); }

bool is_valid_utf8(std::string_view text) {
  size_t invalid = 0;
  for (size_t at = ascii_prefix(text); at < text.size();) {
    const size_t size = valid_length(text, at, invalid);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t invalid = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t size = valid_length(text, at, invalid);
    if (size > 0) {
      out.append(text, at, size);
      at += size;
    } else {
      out.append("\uFFFD");
      at += invalid;
    }
  }
  return out;
}

std::string shortened(std::string_view text, size_t bytes) {
  constexpr std::string_view kMark = "...";
  if (text.size() <= bytes) return std::string(text);
  return std::string(text.substr(0, char_begin(text, bytes - kMark.size()))).append(kMark);
}

}  // namespace lethe
