#include "lethe/text/vocabulary.h"

#include <algorithm>
#include <bit>

#include "lethe/base/error.h"

namespace lethe::text {

Vocabulary::Vocabulary(const Json& vocab, const std::string& where) {
  check(vocab.is_object(), "{}: \"vocab\" is not an object of tokens and ids", where);
  size_t bytes = 0;
  int64_t highest = -1;
  for (const auto& [token, id] : vocab.items()) {
    if (!id.is_number_integer() || id < 0 || id > kMaxId) {
      fail("{}: the token \"{}\" has the id {}, expected 0 to {}", where, token, shown(id), kMaxId);
    }
    highest = std::max(highest, id.get<int64_t>());
    bytes += token.size();
  }
  check(bytes < UINT32_MAX, "{}: the tokens have {} bytes, more than 4 GB", where, bytes);
  arena_.reserve(bytes);
  texts_.resize(static_cast<size_t>(highest + 1));
  slots_.assign(std::bit_ceil(2 * vocab.size() + 2), kNone);
  for (const auto& [token, json_id] : vocab.items()) {
    const auto id = json_id.get<int32_t>();
    if (has(id)) fail("{}: the id {} is given twice, to \"{}\" and to \"{}\"", where, id, this->token(id), token);
    texts_[id] = {static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(token.size())};
    arena_ += token;
    size_t slot = hash_bytes(token) & (slots_.size() - 1);
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = id;
  }
  count_ = vocab.size();
}

int32_t Vocabulary::find(std::string_view token) const {
  for (size_t slot = hash_bytes(token) & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
    const int32_t id = slots_[slot];
    if (id == kNone || this->token(id) == token) return id;
  }
}

}  // namespace lethe::text
