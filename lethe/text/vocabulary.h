// The tokens of a model and their ids, both ways: a flat hash table from text to id over one string of all texts.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/json.h"

namespace lethe::text {

// A 64-bit hash of bytes, good enough for tables whose size is a power of two; it differs between machines of other
// byte order.
inline uint64_t hash_bytes(std::string_view bytes) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;  // 2^64 / the golden ratio
  const auto mix = [](uint64_t h, uint64_t word) {
    h = (h ^ word) * kMultiplier;
    return h ^ h >> 32;
  };
  uint64_t h = bytes.size() * kMultiplier, word = 0;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::memcpy(&word, at, 8);
    h = mix(h, word);
  }
  word = 0;
  if (left > 0) std::memcpy(&word, at, left);
  return mix(h, word);
}

class Vocabulary {
 public:
  static constexpr int32_t kNone = -1;
  static constexpr int64_t kMaxId = (1 << 24) - 1;  // a damaged file must not ask for a table of 2^31 entries

  // From an object token -> id; ids that are negative, too high or given twice are Errors that begin with `where`.
  Vocabulary(const Json& vocab, const std::string& where);

  int32_t find(std::string_view token) const;  // kNone where it is unknown
  bool has(int32_t id) const { return id >= 0 && id < end_id() && texts_[id].size != kHole; }
  std::string_view token(int32_t id) const { return {arena_.data() + texts_[id].offset, texts_[id].size}; }  // has(id)
  int32_t end_id() const { return static_cast<int32_t>(texts_.size()); }  // the highest id + 1
  size_t count() const { return count_; }

 private:
  static constexpr uint32_t kHole = UINT32_MAX;
  struct Text {
    uint32_t offset = 0, size = kHole;
  };
  std::string arena_;
  std::vector<Text> texts_;     // by id
  std::vector<int32_t> slots_;  // ids by hash, linear probing, at most half full
  size_t count_ = 0;
};

}  // namespace lethe::text
