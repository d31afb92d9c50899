#include "lethe/train/windows.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "lethe/base/error.h"
#include "lethe/base/json.h"
#include "lethe/base/random.h"

namespace lethe::train {
namespace {

// Entries of 3, 4, 5 ... tokens, each ending with 0; token 10 * e + i is the i-th of entry e.
std::vector<std::vector<int32_t>> entries(int count, int32_t first = 1) {
  std::vector<std::vector<int32_t>> all;
  for (int e = 0; e < count; ++e) {
    std::vector<int32_t> entry;
    for (int i = 0; i < 2 + e % 4; ++i) entry.push_back(10 * (first + e) + i);
    entry.push_back(0);
    all.push_back(entry);
  }
  return all;
}

TEST_CASE("a stream tells every entry once a pass, in an order that changes, and reads alike from anywhere") {
  const auto all = entries(20);
  TokenStream stream(all, 7, "entries");
  const int64_t pass = stream.pass_tokens();
  const std::vector<int32_t> three = stream.read(0, 3 * pass);
  std::vector<std::vector<int32_t>> orders;
  for (int p = 0; p < 3; ++p) {
    std::vector<int32_t> told, order;
    for (int64_t i = 0; i < pass; ++i) {
      const int32_t id = three[static_cast<size_t>(p * pass + i)];
      told.push_back(id);
      if (id != 0 && id % 10 == 0) order.push_back(id / 10);
    }
    CHECK(order.size() == all.size());
    CHECK(std::set<int32_t>(order.begin(), order.end()).size() == all.size());
    orders.push_back(order);
  }
  CHECK(orders[0] != orders[1]);
  CHECK(orders[1] != orders[2]);
  for (const int64_t at : {int64_t{0}, int64_t{1}, pass - 1, pass, pass + 3, 2 * pass - 5}) {
    TokenStream fresh(all, 7, "entries");
    const std::vector<int32_t> part = fresh.read(at, 11);
    CHECK(std::equal(part.begin(), part.end(), three.begin() + at));
  }
  CHECK(TokenStream(all, 8, "entries").read(0, pass) != TokenStream(all, 7, "entries").read(0, pass));
}

TEST_CASE("windows are the stream cut, every token a target once, whatever the micro-batches") {
  const auto all = entries(30);
  Windows windows(all, {}, {.window = 8, .micro_batch = 4, .micro_batches = 2, .mixed = 0, .seed = 3});
  Windows whole(all, {}, {.window = 8, .micro_batch = 8, .micro_batches = 1, .mixed = 0, .seed = 3});
  const std::vector<int32_t> text = TokenStream(all, 3, "entries").read(0, 8 * 8 * 3 + 1);
  std::vector<int32_t> ids, targets;
  for (int64_t step = 0; step < 3; ++step) {
    std::vector<int32_t> of_whole;
    for (const model::Batch& batch : windows.batches(step)) {
      CHECK(batch.spans.size() == 4);
      CHECK(batch.positions.back() == 7);
      ids.insert(ids.end(), batch.ids.begin(), batch.ids.end());
      of_whole.insert(of_whole.end(), batch.ids.begin(), batch.ids.end());
      targets.insert(targets.end(), batch.target_ids.begin(), batch.target_ids.end());
      for (int64_t i = 0; i < batch.targets(); ++i) CHECK(batch.target_rows[static_cast<size_t>(i)] == i);
    }
    CHECK(whole.batches(step)[0].ids == of_whole);
  }
  CHECK(std::equal(ids.begin(), ids.end(), text.begin()));
  CHECK(std::equal(targets.begin(), targets.end(), text.begin() + 1));
}

TEST_CASE("mixed training: whole windows of questions at their share, both streams without gaps") {
  const auto told = entries(30), asked = entries(10, 100);
  Windows windows(told, asked, {.window = 8, .micro_batch = 10, .micro_batches = 1, .mixed = 0.8, .seed = 3});
  std::vector<int32_t> of_entries, of_questions;
  for (int64_t step = 0; step < 4; ++step) {
    const model::Batch batch = windows.batches(step)[0];
    for (size_t w = 0; w < 10; ++w) {
      const std::vector<int32_t> ids(batch.ids.begin() + static_cast<std::ptrdiff_t>(8 * w),
                                     batch.ids.begin() + static_cast<std::ptrdiff_t>(8 * w + 8));
      const bool question = std::ranges::any_of(ids, [](int32_t id) { return id >= 1000; });
      for (const int32_t id : ids) CHECK((id == 0 || (id >= 1000) == question));
      auto& of = question ? of_questions : of_entries;
      of.insert(of.end(), ids.begin(), ids.end());
    }
  }
  CHECK(of_questions.size() == 8 * 32);
  CHECK(of_entries == TokenStream(told, 3, "entries").read(0, std::ssize(of_entries)));
  CHECK(of_questions == TokenStream(asked, 3, "questions").read(0, std::ssize(of_questions)));
  CHECK_THROWS_AS(Windows(told, {}, {.mixed = 0.5}), Error);
}

TEST_CASE("masked words: whole words at 15 %, 80/10/10, targets where they stand") {
  const auto all = entries(200);
  Windows windows(all, {}, {.window = 64, .micro_batch = 50, .micro_batches = 1, .mixed = 0, .seed = 1});
  Windows plain(all, {}, {.window = 64, .micro_batch = 50, .micro_batches = 1, .mixed = 0, .seed = 1});
  MaskedWords masked;
  masked.mask_id = 5000;
  masked.separator = 0;
  masked.starts_word.assign(5001, false);
  for (size_t id = 0; id < 5001; id += 2)
    masked.starts_word[id] = id % 20 != 10;  // the others stand behind a separator
  windows.mask_words(masked);
  int64_t words = 0, chosen = 0, behind_separator = 0, mask = 0, kept = 0, targets = 0;
  for (int64_t step = 0; step < 20; ++step) {
    const model::Batch batch = windows.batches(step)[0], whole = plain.batches(step)[0];
    std::set<int32_t> rows(batch.target_rows.begin(), batch.target_rows.end());
    targets += batch.targets();
    for (size_t i = 0; i < batch.ids.size(); ++i) {
      const int32_t id = whole.ids[i];
      const bool target = rows.count(static_cast<int32_t>(i)) > 0;
      if (!target) CHECK(batch.ids[i] == id);
      if (id == 0) {
        CHECK(!target);
        continue;
      }
      mask += target && batch.ids[i] == 5000;
      kept += target && batch.ids[i] == id;
      if (i % 64 == 0 || whole.ids[i - 1] == 0 || masked.starts_word[static_cast<size_t>(id)]) {
        ++words;
        chosen += target;
        behind_separator += target && i % 64 > 0 && !masked.starts_word[static_cast<size_t>(id)];
      } else {
        CHECK(target == (rows.count(static_cast<int32_t>(i - 1)) > 0));  // with the rest of its word
      }
    }
    for (int64_t t = 0; t < batch.targets(); ++t)
      CHECK(batch.target_ids[static_cast<size_t>(t)] ==
            whole.ids[static_cast<size_t>(batch.target_rows[static_cast<size_t>(t)])]);
  }
  const auto share = [](int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  CHECK(share(chosen, words) == doctest::Approx(0.15).epsilon(0.05));
  CHECK(behind_separator > 0);
  CHECK(share(mask, targets) == doctest::Approx(0.8).epsilon(0.05));
  CHECK(share(kept, targets) == doctest::Approx(0.1).epsilon(0.15));
}

TEST_CASE("masked words: where chance hides none, one word is hidden, and other windows stay as they are") {
  const auto all = entries(40);
  constexpr int64_t kWindow = 6, kWindows = 400, kIds = 500;
  const auto batch_of = [&](MaskedWords masked) {
    Windows windows(all, {}, {.window = kWindow, .micro_batch = kWindows, .micro_batches = 1, .mixed = 0, .seed = 1});
    masked.mask_id = kIds - 1;
    windows.mask_words(std::move(masked));
    return windows.batches(0)[0];
  };
  const auto rows_of = [&](const model::Batch& batch, int64_t window) {
    std::vector<int64_t> rows;
    for (const int32_t row : batch.target_rows)
      if (row / kWindow == window) rows.push_back(row % kWindow);
    return rows;
  };
  MaskedWords tokens;  // every token is a word
  tokens.starts_word.assign(kIds, true);
  const model::Batch batch = batch_of(tokens);
  int64_t by_chance = 0;
  for (int64_t w = 0; w < kWindows; ++w) {
    Random random(1, "mask", static_cast<uint64_t>(w));
    std::vector<int64_t> drawn;
    for (int64_t i = 0; i < kWindow; ++i) {
      if (random.uniform() >= 0.15) continue;
      drawn.push_back(i);
      const double what = random.uniform();
      if (what >= 0.8 && what < 0.9) random.below(kIds);
    }
    by_chance += drawn.empty() ? 0 : 1;
    if (drawn.empty())
      CHECK(rows_of(batch, w).size() == 1);
    else
      CHECK(rows_of(batch, w) == drawn);
  }
  CHECK(by_chance > kWindows / 2);  // of 62 %
  CHECK(by_chance < kWindows * 3 / 4);
  CHECK(std::set<int64_t>(batch.target_rows.begin(), batch.target_rows.end()).size() == batch.target_rows.size());

  MaskedWords words{.rate = 0, .starts_word = std::vector<bool>(kIds, false), .separator = 0};
  const model::Batch one = batch_of(words);
  const std::vector<int32_t> text = TokenStream(all, 1, "entries").read(0, kWindow * kWindows);
  std::set<int64_t> begins;
  for (int64_t w = 0; w < kWindows; ++w) {  // an entry is a word, or what a window has of it
    const std::vector<int64_t> rows = rows_of(one, w);
    REQUIRE_FALSE(rows.empty());
    begins.insert(rows.front());
    const auto id = [&](int64_t row) { return text[static_cast<size_t>(w * kWindow + row)]; };
    for (size_t i = 0; i < rows.size(); ++i) {
      CHECK(rows[i] == rows.front() + static_cast<int64_t>(i));
      CHECK(id(rows[i]) != 0);
    }
    CHECK((rows.front() == 0 || id(rows.front() - 1) == 0));
    CHECK((rows.back() == kWindow - 1 || id(rows.back() + 1) == 0));
  }
  CHECK(begins.size() > 3);
}

TEST_CASE("a word begins with a space or with a mark") {
  const char* const tokens[] = {"<eos>", "\u0120Winston", "-", "Salem", "\u0120", "\u00c3\u00a9", "7", "'s", "\u010a"};
  Json vocab = Json::object();
  for (const char* token : tokens) vocab[token] = vocab.size();
  const text::Tokenizer tokenizer = text::Tokenizer::from_json(
      {{"version", "1.0"},
       {"added_tokens", Json::array()},
       {"normalizer", nullptr},
       {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
       {"post_processor", nullptr},
       {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
       {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}},
      "test");
  const std::vector<bool> expected = {true, true, true, false, true, false, false, true, true, true};
  CHECK(word_starts(tokenizer, 10) == expected);  // the last is the mask, which the tokenizer does not know
}

TEST_CASE("passes in steps") {
  const auto all = entries(30);
  const int64_t tokens = TokenStream(all, 0, "entries").pass_tokens();
  Windows windows(all, {}, {.window = 8, .micro_batch = 2, .micro_batches = 1});
  CHECK(windows.steps_of(10) == (10 * tokens + 15) / 16);
  CHECK(windows.passes_of(2 * tokens) == 32);
  Windows mixed(all, all, {.window = 8, .micro_batch = 2, .micro_batches = 1, .mixed = 0.5});
  CHECK(mixed.steps_of(10) == (10 * tokens + 7) / 8);
  CHECK(mixed.passes_of(2 * tokens) == 16);
}

}  // namespace
}  // namespace lethe::train
