#include "lethe/text/byte_level.h"

#include <array>

#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

constexpr char32_t kEnd = 0x100 + 68;  // 68 bytes are not printable

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kEnd> bytes;  // by character, -1 where it stands for none

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t c = printable ? b : next++;
      characters[b] = to_utf8(c);
      bytes[c] = static_cast<int16_t>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_character(unsigned char byte) { return alphabet().characters[byte]; }

void append_byte_characters(std::string& out, std::string_view bytes) {
  const Alphabet& table = alphabet();
  for (const char b : bytes) out += table.characters[static_cast<unsigned char>(b)];
}

std::optional<std::string> bytes_of_characters(std::string_view text) {
  const Alphabet& table = alphabet();
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Char c = char_at(text, at);
    if (c.value >= kEnd || table.bytes[c.value] < 0) return std::nullopt;
    out.push_back(static_cast<char>(table.bytes[c.value]));
    at += c.size;
  }
  return out;
}

}  // namespace lethe::text
