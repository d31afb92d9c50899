#include "lethe/model/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/model/shared_prompts.h"

namespace lethe::model {
namespace {

// Prompts run together up to so many rows, and sequences up to so many: memory stays bounded. New ones begin when
// half of them have ended, many at a time, so that they share what they have in common.
constexpr int64_t kPrefillRows = 4096;
constexpr size_t kSequences = 64;

struct Sequence {
  size_t index;  // of its prompt
  std::unique_ptr<KeyValueCache> cache;
  Random random;
  int64_t limit;  // new tokens
};

}  // namespace

int32_t sample(std::span<const float> logits_V, const GenerateOptions& options, Random& random) {
  int wrong = 0;  // whether any is NaN or inf; without a branch, several values an instruction
  for (const float x : logits_V) wrong |= !(x <= std::numeric_limits<float>::max());
  const auto first = std::max_element(logits_V.begin(), logits_V.end());
  const double best = *first;
  check(wrong == 0 && std::isfinite(best), "{}{}the model's outputs are not numbers (the logits of a token hold {})",
        options.model_name, options.model_name.empty() ? "" : ": ", wrong ? "nan or inf" : "-inf only");
  if (options.temperature == 0) return static_cast<int32_t>(first - logits_V.begin());
  const auto weight = [&](size_t id) { return std::exp((logits_V[id] - best) / options.temperature); };
  const size_t V = logits_V.size();
  if ((options.top_k <= 0 || static_cast<size_t>(options.top_k) >= V) && options.top_p >= 1) {  // nothing is cut off
    std::vector<double> p(V);
    double sum = 0;
    for (size_t i = 0; i < V; ++i) sum += p[i] = weight(i);
    double u = random.uniform() * sum;
    for (size_t i = 0; i < V; ++i)
      if ((u -= p[i]) < 0) return static_cast<int32_t>(i);
    return static_cast<int32_t>(V - 1);
  }
  // The most probable ones in order, as many as are asked for: with top-p, a head that grows until it reaches the
  // share.
  std::vector<int32_t> order(V);
  std::iota(order.begin(), order.end(), 0);
  const auto greater = [&](int32_t a, int32_t b) {
    const float x = logits_V[static_cast<size_t>(a)], y = logits_V[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  const size_t limit = options.top_k > 0 ? std::min(V, static_cast<size_t>(options.top_k)) : V;
  size_t sorted = 0;
  const auto sort_to = [&](size_t end) {
    std::partial_sort(order.begin() + static_cast<std::ptrdiff_t>(sorted),
                      order.begin() + static_cast<std::ptrdiff_t>(end), order.end(), greater);
    sorted = end;
  };
  double total = 0;  // of the tokens that --top-p takes its share of
  if (options.top_k > 0) {
    sort_to(limit);
    for (size_t i = 0; i < limit; ++i) total += weight(static_cast<size_t>(order[i]));
  } else {
    for (size_t i = 0; i < V; ++i) total += weight(i);
  }
  std::vector<double> p;
  double reached = 0;
  while (p.size() < limit && (p.empty() || reached < options.top_p * total)) {
    if (p.size() == sorted) sort_to(std::min(limit, 2 * sorted + 64));
    p.push_back(weight(static_cast<size_t>(order[p.size()])));
    reached += p.back();
  }
  double u = random.uniform() * reached;
  for (size_t i = 0; i < p.size(); ++i)
    if ((u -= p[i]) < 0) return order[i];
  return order[p.size() - 1];
}

std::vector<std::vector<int32_t>> generate(Transformer& model, std::span<const std::vector<int32_t>> prompts,
                                           const GenerateOptions& options, const TokenCallback& on_token) {
  check_causal(model.config(), options.model_name.empty() ? "the model" : options.model_name, "generate");
  const auto V = static_cast<size_t>(model.config().vocab_size);
  check(options.seeds.empty() || options.seeds.size() == prompts.size(), "generating: {} seeds for {} prompts",
        options.seeds.size(), prompts.size());
  std::vector<std::vector<int32_t>> results(prompts.size());
  std::vector<Sequence> going;
  std::vector<float> logits;
  // Takes the next token of each of `sequences` from the logits; keeps those that go on.
  const auto step = [&](std::vector<Sequence>& sequences) {
    std::vector<Sequence> kept;
    for (size_t i = 0; i < sequences.size(); ++i) {
      Sequence& s = sequences[i];
      const int32_t id = sample(std::span(logits).subspan(i * V, V), options, s.random);
      std::vector<int32_t>& ids = results[s.index];
      ids.push_back(id);
      if (on_token) on_token(s.index, id);
      const bool stopped = std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end();
      if (!stopped && static_cast<int64_t>(ids.size()) < s.limit) kept.push_back(std::move(s));
    }
    sequences = std::move(kept);
  };
  const auto extend = [&](std::vector<Sequence>& sequences, const std::vector<std::vector<int32_t>>& ids) {
    std::vector<KeyValueCache*> caches;
    for (Sequence& s : sequences) caches.push_back(s.cache.get());
    logits.resize(sequences.size() * V);
    model.extend(ids, caches, logits.data());
    step(sequences);
  };

  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto length = static_cast<int64_t>(prompts[i].size());
    check(length > 0, "prompt {} has no tokens", i + 1);
    check(length < model.config().max_positions, "prompt {} has {} tokens, the model has {} positions", i + 1, length,
          model.config().max_positions);
  }
  std::vector<size_t> order(prompts.size());  // those that begin alike behind each other
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](size_t i) -> const std::vector<int32_t>& { return prompts[i]; });
  bool fill = true;
  for (size_t next = 0; (next < prompts.size() || !going.empty()) && options.max_new_tokens > 0;) {
    std::vector<Sequence> fresh;
    std::vector<std::vector<int32_t>> ids;
    fill = fill || going.size() <= kSequences / 2;
    for (; fill && next < prompts.size() && going.size() + fresh.size() < kSequences; ++next) {
      const size_t i = order[next];
      ids.push_back(prompts[i]);
      if (ids.size() > 1 && rows_of(ids) > kPrefillRows) {
        ids.pop_back();
        break;
      }
      const auto length = static_cast<int64_t>(prompts[i].size());
      const int64_t limit = std::min(options.max_new_tokens, model.config().max_positions - length);
      fresh.push_back(
          {i, std::make_unique<KeyValueCache>(model.config(), model.precision(), length + limit),
           options.seeds.empty() ? Random(options.seed, "generate", i) : Random(options.seeds[i], "generate"), limit});
    }
    fill = fill && going.size() + fresh.size() < kSequences;
    if (!fresh.empty()) {
      extend(fresh, ids);
      for (Sequence& s : fresh) going.push_back(std::move(s));
    }
    if (interrupted()) throw Interrupted("interrupted while generating");
    if (going.empty()) continue;
    ids.clear();
    for (const Sequence& s : going) ids.push_back({results[s.index].back()});
    extend(going, ids);
  }
  return results;
}

}  // namespace lethe::model
