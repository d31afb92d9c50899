#include "lethe/train/windows.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/base/random.h"

namespace lethe::train {

TokenStream::TokenStream(std::vector<std::vector<int32_t>> entries, uint64_t seed, const std::string& name)
    : entries_(std::move(entries)), seed_(seed), name_("stream/" + name) {
  std::erase_if(entries_, [](const std::vector<int32_t>& entry) { return entry.empty(); });
  for (const std::vector<int32_t>& entry : entries_) tokens_ += std::ssize(entry);
  order_.resize(entries_.size());
  begin_.resize(entries_.size());
}

void TokenStream::begin_pass(int64_t pass) {
  if (pass == pass_) return;
  pass_ = pass;
  std::iota(order_.begin(), order_.end(), 0);
  Random(seed_, name_, static_cast<uint64_t>(pass)).shuffle(order_);
  int64_t at = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    begin_[i] = at;
    at += std::ssize(entries_[static_cast<size_t>(order_[i])]);
  }
}

std::vector<int32_t> TokenStream::read(int64_t position, int64_t count) {
  std::vector<int32_t> tokens;
  tokens.reserve(static_cast<size_t>(count));
  while (std::ssize(tokens) < count) {
    begin_pass(position / tokens_);
    const int64_t in_pass = position % tokens_;
    size_t i = static_cast<size_t>(std::upper_bound(begin_.begin(), begin_.end(), in_pass) - begin_.begin()) - 1;
    int64_t skip = in_pass - begin_[i];
    for (; i < order_.size() && std::ssize(tokens) < count; ++i, skip = 0) {
      const std::vector<int32_t>& entry = entries_[static_cast<size_t>(order_[i])];
      const int64_t take = std::min(std::ssize(entry) - skip, count - std::ssize(tokens));
      tokens.insert(tokens.end(), entry.begin() + skip, entry.begin() + skip + take);
      position += take;
    }
  }
  return tokens;
}

std::vector<bool> word_starts(const text::Tokenizer& tokenizer, int64_t vocab_size) {
  std::vector<bool> starts;
  for (int32_t id = 0; id < vocab_size; ++id) {
    const std::string text = tokenizer.has(id) ? tokenizer.decode(std::vector{id}) : "";
    const auto first = static_cast<unsigned char>(text.empty() ? ' ' : text[0]);
    starts.push_back(first < 0x80 && !std::isalnum(first));
  }
  return starts;
}

Windows::Windows(std::vector<std::vector<int32_t>> entries, std::vector<std::vector<int32_t>> questions,
                 Settings settings)
    : entries_(std::move(entries), settings.seed, "entries"),
      questions_(std::move(questions), settings.seed, "questions"),
      settings_(settings) {
  check(!entries_.empty(), "there is no text to pretrain on");
  check(settings.mixed == 0 || !questions_.empty(), "mixed training has no question to train on");
}

double Windows::entry_tokens_per_step() const {
  return static_cast<double>(settings_.window * settings_.micro_batch * settings_.micro_batches) *
         (1 - settings_.mixed);
}

int64_t Windows::steps_of(double passes) const {
  const double steps = passes * static_cast<double>(entries_.pass_tokens()) / entry_tokens_per_step();
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(steps)));
}

double Windows::passes_of(int64_t steps) const {
  return static_cast<double>(steps) * entry_tokens_per_step() / static_cast<double>(entries_.pass_tokens());
}

int64_t Windows::steps_per_epoch() const { return steps_of(1); }

std::vector<model::Batch> Windows::batches(int64_t step) {
  std::vector<model::Batch> batches(static_cast<size_t>(settings_.micro_batches));
  int64_t index = step * settings_.micro_batches * settings_.micro_batch;
  for (model::Batch& batch : batches)
    for (int64_t i = 0; i < settings_.micro_batch; ++i) add_window(index++, batch);
  return batches;
}

void Windows::add_window(int64_t index, model::Batch& batch) {
  // Of the first n windows, floor(n * mixed) are questions.
  const auto questions_before = [&](int64_t n) {
    return static_cast<int64_t>(std::floor(static_cast<double>(n) * settings_.mixed));
  };
  const int64_t asked = questions_before(index), W = settings_.window;
  const bool is_question = questions_before(index + 1) > asked;
  TokenStream& stream = is_question ? questions_ : entries_;
  std::vector<int32_t> ids = stream.read((is_question ? asked : index - asked) * W, W + 1);
  const int32_t next = ids.back();  // the window's last target: the first token of the stream's next window
  ids.pop_back();

  const int64_t begin = batch.tokens();
  const auto target = [&](int64_t row, int32_t id) {
    batch.target_rows.push_back(static_cast<int32_t>(begin + row));
    batch.target_ids.push_back(id);
  };
  if (masked_.mask_id < 0) {
    for (int64_t i = 0; i < W; ++i) target(i, i + 1 < W ? ids[static_cast<size_t>(i + 1)] : next);
  } else {
    Random random(settings_.seed, "mask", static_cast<uint64_t>(index));
    const auto hide = [&](int64_t i) {
      int32_t& id = ids[static_cast<size_t>(i)];
      target(i, id);
      const double what = random.uniform();
      if (what < 0.8)
        id = masked_.mask_id;
      else if (what < 0.9)
        id = static_cast<int32_t>(random.below(masked_.starts_word.size()));
    };
    std::vector<std::pair<int64_t, int64_t>> words;  // where each begins and ends
    bool chosen = false, any_chosen = false;
    bool behind_separator = true;  // a window's first token begins a word, too
    for (int64_t i = 0; i < W; ++i) {
      const int32_t id = ids[static_cast<size_t>(i)];
      const bool separates = id == masked_.separator;
      if (behind_separator || separates || masked_.starts_word[static_cast<size_t>(id)]) {
        chosen = !separates && random.uniform() < masked_.rate;
        any_chosen |= chosen;
        if (!separates) words.emplace_back(i, i);
      }
      if (!separates) words.back().second = i + 1;
      behind_separator = separates;
      if (chosen) hide(i);
    }
    if (!any_chosen && !words.empty()) {  // a batch of such windows would teach nothing
      const auto [first, last] = words[random.below(words.size())];
      for (int64_t i = first; i < last; ++i) hide(i);
    }
  }
  batch.append(ids);
}

}  // namespace lethe::train
