#include "lethe/text/bpe.h"

#include <algorithm>
#include <bit>

#include "lethe/base/error.h"
#include "lethe/text/byte_level.h"
#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

constexpr int32_t kNone = Vocabulary::kNone;
constexpr std::string_view kMetaspace = "\u2581";

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

size_t pair_hash(uint64_t pair) {
  const uint64_t h = pair * 0x9E3779B97F4A7C15;
  return static_cast<size_t>(h ^ h >> 32);
}

// Whether in `token` a "▁" follows something that is not one.
bool has_inner_metaspace(std::string_view token) {
  size_t start = 0;
  while (token.substr(start).starts_with(kMetaspace)) start += kMetaspace.size();
  return token.find(kMetaspace, start) != std::string_view::npos;
}

// The next place at or after `from` where a "▁" follows something that is not one; the end if there is none.
size_t next_cut(std::string_view word, size_t from) {
  for (size_t at = from; (at = word.find(kMetaspace, at)) != std::string_view::npos; at += kMetaspace.size()) {
    if (at > from && !word.substr(0, at).ends_with(kMetaspace)) return at;
  }
  return word.size();
}

// The candidate to merge first stands on top of the heap: the lowest rank, then the leftmost.
constexpr auto kLater = [](const Scratch::Candidate& a, const Scratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
};

void push_symbol(Scratch& scratch, int32_t id) {
  const auto at = static_cast<int32_t>(scratch.symbols.size());
  scratch.symbols.push_back({id, at - 1, at + 1});
}

}  // namespace

Bpe::Bpe(const Json& model, const std::string& where)
    : Model(Vocabulary(json_field(model, "vocab", where), where)),
      where_(where),
      unk_token_(json_string(model, "unk_token", where, "")),
      prefix_(json_string(model, "continuing_subword_prefix", where, "")),
      suffix_(json_string(model, "end_of_word_suffix", where, "")),
      has_unk_(!unk_token_.empty()),
      fuse_unk_(json_bool(model, "fuse_unk", where, false)),
      byte_fallback_(json_bool(model, "byte_fallback", where, false)),
      ignore_merges_(json_bool(model, "ignore_merges", where, false)),
      unk_id_(vocabulary_.find(unk_token_)) {
  check(json_number(model, "dropout", where, 0) == 0, "{}: \"dropout\" is {}, expected null: ids must not be random",
        where, shown(model.value("dropout", Json())));
  for (int b = 0; b < 256; ++b) {
    byte_ids_[b] = vocabulary_.find(byte_character(static_cast<unsigned char>(b)));
    fallback_ids_[b] = vocabulary_.find(fmt::format("<0x{:02X}>", b));
    if (b < 128) ascii_ids_[b] = vocabulary_.find(std::string(1, static_cast<char>(b)));
  }
  cut_at_metaspace_ = !ignore_merges_ && prefix_.empty() && suffix_.empty() && vocabulary_.find(kMetaspace) != kNone;
  read_merges(json_field(model, "merges", where), where);
}

void Bpe::read_merges(const Json& merges, const std::string& where) {
  check(merges.is_array(), "{}: \"merges\" is not a list", where);
  merges_.assign(std::bit_ceil(2 * merges.size() + 2), {0, 0, kNone});
  uint32_t rank = 0;
  for (const Json& merge : merges) {
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      const bool two = space != std::string::npos && text.find(' ', space + 1) == std::string::npos;
      check(two, "{}: merge {} is \"{}\", expected two tokens with one space between them", where, rank,
            shortened(text));
      add_merge(std::string_view(text).substr(0, space), std::string_view(text).substr(space + 1), rank, where);
    } else {
      if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
        fail("{}: merge {} is {}, expected two tokens", where, rank, shown(merge));
      }
      add_merge(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), rank, where);
    }
    ++rank;
  }
}

void Bpe::add_merge(std::string_view left, std::string_view right, uint32_t rank, const std::string& where) {
  const auto known = [&](std::string_view token) {
    const int32_t id = vocabulary_.find(token);
    check(id != kNone, "{}: merge {} (\"{}\" and \"{}\") needs the token \"{}\", which is not in the vocabulary", where,
          rank, left, right, token);
    return id;
  };
  check(right.size() >= prefix_.size(), "{}: merge {}: \"{}\" lacks the prefix \"{}\"", where, rank, right, prefix_);
  const uint64_t pair = pair_key(known(left), known(right));
  std::string joined(left);
  joined += right.substr(prefix_.size());
  const int32_t id = known(joined);
  if (cut_at_metaspace_ && has_inner_metaspace(joined)) cut_at_metaspace_ = false;
  size_t slot = pair_hash(pair) & (merges_.size() - 1);
  while (merges_[slot].id != kNone && merges_[slot].pair != pair) slot = (slot + 1) & (merges_.size() - 1);
  merges_[slot] = {pair, rank, id};  // of two merges of one pair the later counts
}

const Bpe::Merge* Bpe::find_merge(int32_t left, int32_t right) const {
  const uint64_t pair = pair_key(left, right);
  for (size_t slot = pair_hash(pair) & (merges_.size() - 1);; slot = (slot + 1) & (merges_.size() - 1)) {
    const Merge& merge = merges_[slot];
    if (merge.id == kNone) return nullptr;
    if (merge.pair == pair) return &merge;
  }
}

void Bpe::encode(std::string_view word, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const {
  if (!cut_at_metaspace_ || raw_bytes) return encode_part(word, raw_bytes, scratch, ids);
  for (size_t at = 0; at < word.size();) {
    stop_if_interrupted();
    const size_t end = next_cut(word, at);
    encode_part(word.substr(at, end - at), raw_bytes, scratch, ids);
    at = end;
  }
}

void Bpe::encode_part(std::string_view part, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const {
  const bool cached = part.size() <= WordCache::kMaxBytes;
  const uint64_t hash = cached ? hash_bytes(part) : 0;
  if (cached && scratch.cache.get(part, hash, ids)) return;
  const size_t first = ids.size();
  scratch.symbols.clear();
  std::string_view word = part;
  if (raw_bytes && (ignore_merges_ || !begin_byte_symbols(part, scratch))) {
    scratch.word.clear();
    append_byte_characters(scratch.word, part);
    word = scratch.word;
  }
  const int32_t whole = ignore_merges_ ? vocabulary_.find(word) : kNone;
  if (whole != kNone) {
    ids.push_back(whole);
  } else {
    if (scratch.symbols.empty()) begin_symbols(word, scratch);
    merge_all(scratch);
    for (const Scratch::Symbol& symbol : scratch.symbols) {
      if (symbol.id != kNone) ids.push_back(symbol.id);
    }
  }
  if (cached) scratch.cache.put(part, hash, std::span(ids).subspan(first));
}

// The usual case of a byte-level vocabulary: every byte is a token. False (and no symbols) where one is not.
bool Bpe::begin_byte_symbols(std::string_view bytes, Scratch& scratch) const {
  if (!prefix_.empty() || !suffix_.empty()) return false;
  for (const char b : bytes) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(b)];
    if (id == kNone) {
      scratch.symbols.clear();
      return false;
    }
    push_symbol(scratch, id);
  }
  return true;
}

bool Bpe::push_byte_fallback(std::string_view character, Scratch& scratch) const {
  const auto id = [&](char b) { return fallback_ids_[static_cast<unsigned char>(b)]; };
  if (std::any_of(character.begin(), character.end(), [&](char b) { return id(b) == kNone; })) return false;
  for (const char b : character) push_symbol(scratch, id(b));
  return true;
}

// The characters of `word`, the unknown ones as bytes or as the unknown token or, where there is none, left out. An
// unknown token is held back until a known character comes (bytes may overtake it), as in Hugging Face's code.
void Bpe::begin_symbols(std::string_view word, Scratch& scratch) const {
  const bool plain = prefix_.empty() && suffix_.empty();
  bool unk_pending = false;
  std::string piece;
  for (size_t at = 0, size = 0; at < word.size(); at += size) {
    size = char_at(word, at).size;
    std::string_view character = word.substr(at, size);
    if (!plain) {
      piece.assign(at > 0 ? prefix_ : "").append(character).append(at + size == word.size() ? suffix_ : "");
      character = piece;
    }
    const int32_t id = plain && size == 1 ? ascii_ids_[static_cast<size_t>(word[at])] : vocabulary_.find(character);
    if (id != kNone) {
      if (unk_pending) push_symbol(scratch, unk_id_);
      unk_pending = false;
      push_symbol(scratch, id);
    } else if (byte_fallback_ && push_byte_fallback(character, scratch)) {
      continue;
    } else if (has_unk_) {
      check(unk_id_ != kNone, "{}: neither \"{}\" nor the unknown token \"{}\" is in the vocabulary", where_, character,
            unk_token_);
      if (unk_pending && !fuse_unk_) push_symbol(scratch, unk_id_);
      unk_pending = true;
    }
  }
  if (unk_pending) push_symbol(scratch, unk_id_);
}

void Bpe::merge_all(Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.candidates;
  if (symbols.size() < 2) return;
  symbols.back().next = -1;
  heap.clear();
  const auto candidate = [&](int32_t left) {
    const Merge* merge = find_merge(symbols[left].id, symbols[symbols[left].next].id);
    if (merge) heap.push_back({merge->rank, left, merge->id});
    return merge != nullptr;
  };
  for (size_t i = 0; i + 1 < symbols.size(); ++i) candidate(static_cast<int32_t>(i));
  std::make_heap(heap.begin(), heap.end(), kLater);
  while (!heap.empty()) {
    const Scratch::Candidate top = heap.front();
    std::pop_heap(heap.begin(), heap.end(), kLater);
    heap.pop_back();
    // A candidate whose symbols were merged into others since is passed over.
    Scratch::Symbol& left = symbols[top.position];
    if (left.id == kNone || left.next < 0) continue;
    Scratch::Symbol& right = symbols[left.next];
    const Merge* merge = find_merge(left.id, right.id);
    if (!merge || merge->id != top.id) continue;
    left.id = top.id;
    left.next = right.next;
    right.id = kNone;
    if (left.next >= 0) symbols[left.next].prev = top.position;
    if (left.prev >= 0 && candidate(left.prev)) std::push_heap(heap.begin(), heap.end(), kLater);
    if (left.next >= 0 && candidate(top.position)) std::push_heap(heap.begin(), heap.end(), kLater);
  }
}

}  // namespace lethe::text
