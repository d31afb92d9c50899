// Byte pair encoding: a word begins as its characters, and the pair of neighbours whose merge was learned first becomes
// one token, again and again (Sennrich et al. 2016). Byte-level vocabularies (GPT-2) and SentencePiece's (Llama 2).
#pragma once
#include <array>

#include "lethe/text/model.h"

namespace lethe::text {

class Bpe : public Model {
 public:
  Bpe(const Json& model, const std::string& where);
  void encode(std::string_view word, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const override;

 private:
  struct Merge {
    uint64_t pair;  // left id << 32 | right id
    uint32_t rank;
    int32_t id;
  };

  void read_merges(const Json& merges, const std::string& where);
  void add_merge(std::string_view left, std::string_view right, uint32_t rank, const std::string& where);
  const Merge* find_merge(int32_t left, int32_t right) const;
  void encode_part(std::string_view part, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const;
  void begin_symbols(std::string_view word, Scratch& scratch) const;
  bool begin_byte_symbols(std::string_view bytes, Scratch& scratch) const;
  bool push_byte_fallback(std::string_view character, Scratch& scratch) const;
  void merge_all(Scratch& scratch) const;

  std::string where_, unk_token_, prefix_, suffix_;
  bool has_unk_ = false, fuse_unk_ = false, byte_fallback_ = false, ignore_merges_ = false;
  bool cut_at_metaspace_ = false;  // no merge joins a "▁" to something before it that is not one
  int32_t unk_id_ = Vocabulary::kNone;
  std::array<int32_t, 256> byte_ids_{};      // of a byte's character in GPT-2's alphabet
  std::array<int32_t, 256> fallback_ids_{};  // of "<0x00>" to "<0xFF>"
  std::array<int32_t, 128> ascii_ids_{};
  std::vector<Merge> merges_;  // by hash, linear probing, at most half full; an empty slot has no id
};

}  // namespace lethe::text
