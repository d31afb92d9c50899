// A cache of short words and their ids, so that the merges of a frequent word are done once. Each word has one slot of
// a cache line, given by its hash; a newer word takes it over. Nothing is allocated after the first use.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace lethe::text {

class WordCache {
 public:
  static constexpr size_t kMaxBytes = 31, kMaxIds = 7;

  // Appends the ids of `word`, whose hash is `hash`, if it is here.
  bool get(std::string_view word, uint64_t hash, std::vector<int32_t>& ids) const {
    if (slots_.empty()) return false;
    const Slot& slot = slots_[index(hash)];
    if (slot.size != word.size() || std::memcmp(slot.bytes, word.data(), word.size()) != 0) return false;
    ids.insert(ids.end(), slot.ids, slot.ids + slot.count);
    return true;
  }

  // `word` must have 1 to kMaxBytes bytes; more than kMaxIds ids are not kept.
  void put(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
    if (ids.size() > kMaxIds) return;
    if (slots_.empty()) slots_.resize(size_t{1} << kBits);
    Slot& slot = slots_[index(hash)];
    slot.size = static_cast<uint8_t>(word.size());
    std::memcpy(slot.bytes, word.data(), word.size());
    slot.count = static_cast<int32_t>(ids.size());
    std::memcpy(slot.ids, ids.data(), ids.size_bytes());
  }

 private:
  static constexpr int kBits = 14;  // 1 MB: what a core's own cache holds
  struct alignas(64) Slot {
    char bytes[kMaxBytes];
    uint8_t size = 0;  // 0: empty
    int32_t count;
    int32_t ids[kMaxIds];
  };
  static size_t index(uint64_t hash) { return hash >> (64 - kBits); }
  std::vector<Slot> slots_;
};

}  // namespace lethe::text
