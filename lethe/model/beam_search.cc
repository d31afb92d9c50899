#include "lethe/model/beam_search.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"

namespace lethe::model {
namespace {

constexpr size_t kBeamsAtOnce = 64;  // beams of several prompts in one pass

struct Beam {
  std::vector<int32_t> ids;  // new ones
  double log_probability = 0;
  std::unique_ptr<KeyValueCache> cache;
};

struct Search {
  size_t index;  // of its prompt
  std::vector<Beam> beams;
  struct Finished {
    std::vector<int32_t> ids;
    double score;  // mean log-probability
  };
  std::vector<Finished> finished;  // at most num_beams, the best
  bool done = false;

  void finish(std::vector<int32_t> ids, double log_probability, size_t num_beams) {
    const double score = log_probability / static_cast<double>(ids.size());
    const auto at = std::ranges::find_if(finished, [&](const Finished& other) { return other.score < score; });
    finished.insert(at, {std::move(ids), score});
    if (finished.size() > num_beams) finished.pop_back();
  }
};

struct Candidate {
  size_t beam;
  int32_t id;
  double log_probability;
};

// The 2 * num_beams most probable continuations of all beams, the best first. logits: one row of V a beam.
std::vector<Candidate> best_candidates(const Search& search, std::span<const float> logits, size_t V, size_t count) {
  std::vector<Candidate> all;
  for (size_t b = 0; b < search.beams.size(); ++b) {
    const auto row = logits.subspan(b * V, V);
    const float top = *std::ranges::max_element(row);
    double sum = 0;
    for (const float x : row) sum += std::exp(static_cast<double>(x - top));
    const double base = search.beams[b].log_probability - static_cast<double>(top) - std::log(sum);
    std::vector<int32_t> order(V);
    for (size_t i = 0; i < V; ++i) order[i] = static_cast<int32_t>(i);
    const size_t kept = std::min(count, V);
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(kept), [&](int32_t x, int32_t y) {
      const float a = row[static_cast<size_t>(x)], c = row[static_cast<size_t>(y)];
      return a > c || (a == c && x < y);
    });
    for (size_t i = 0; i < kept; ++i)
      all.push_back({b, order[i], base + static_cast<double>(row[static_cast<size_t>(order[i])])});
  }
  std::ranges::stable_sort(all, std::ranges::greater{}, &Candidate::log_probability);
  if (all.size() > count) all.resize(count);
  return all;
}

}  // namespace

std::vector<std::vector<int32_t>> beam_search(Transformer& model, std::span<const std::vector<int32_t>> prompts,
                                              int64_t num_beams, const GenerateOptions& options) {
  check_causal(model.config(), options.model_name.empty() ? "the model" : options.model_name, "generate");
  check(num_beams >= 1, "the number of beams is {}, expected at least 1", num_beams);
  const auto V = static_cast<size_t>(model.config().vocab_size), B = static_cast<size_t>(num_beams);
  std::vector<std::vector<int32_t>> results(prompts.size());
  const auto stops = [&](int32_t id) { return std::ranges::find(options.stop_ids, id) != options.stop_ids.end(); };
  std::vector<float> logits;

  // Takes one step of a search from the logits of its beams.
  const auto advance = [&](Search& search, std::span<const float> of_beams) {
    for (const float x : of_beams)
      check(std::isfinite(x), "{}{}the model's outputs are not numbers (a logit is {})", options.model_name,
            options.model_name.empty() ? "" : ": ", x);
    std::vector<Beam> next;
    size_t rank = 0;
    const std::vector<Candidate> candidates = best_candidates(search, of_beams, V, 2 * B);
    for (const Candidate& c : candidates) {
      const Beam& from = search.beams[c.beam];
      std::vector<int32_t> ids = from.ids;
      ids.push_back(c.id);
      if (stops(c.id)) {
        if (rank < B) search.finish(std::move(ids), c.log_probability, B);
      } else if (next.size() < B) {
        next.push_back({std::move(ids), c.log_probability, std::make_unique<KeyValueCache>(from.cache->copy())});
      }
      ++rank;
    }
    search.beams = std::move(next);
    const auto length = static_cast<double>(search.beams.empty() ? 1 : search.beams[0].ids.size());
    const double attainable = search.beams.empty() ? 0 : search.beams[0].log_probability / length;
    search.done = search.beams.empty() || length >= static_cast<double>(options.max_new_tokens) ||
                  (search.finished.size() == B && search.finished.back().score >= attainable);
    if (!search.done) return;
    if (search.finished.size() < B || length >= static_cast<double>(options.max_new_tokens))
      for (Beam& beam : search.beams) search.finish(std::move(beam.ids), beam.log_probability, B);
    results[search.index] = std::move(search.finished.front().ids);
  };

  for (size_t first = 0; first < prompts.size() && options.max_new_tokens > 0;) {
    std::vector<Search> searches;
    std::vector<std::vector<int32_t>> ids;
    std::vector<KeyValueCache*> caches;
    for (; first < prompts.size() && (searches.size() + 1) * B <= std::max(kBeamsAtOnce, B); ++first) {
      const int64_t length = std::ssize(prompts[first]) + options.max_new_tokens;
      check(!prompts[first].empty(), "prompt {} has no tokens", first + 1);
      check(length <= model.config().max_positions, "prompt {} and {} new tokens are {}, the model has {} positions",
            first + 1, options.max_new_tokens, length, model.config().max_positions);
      Search search{first, {}, {}};
      search.beams.push_back({{}, 0, std::make_unique<KeyValueCache>(model.config(), model.precision(), length)});
      caches.push_back(search.beams[0].cache.get());
      ids.push_back(prompts[first]);
      searches.push_back(std::move(search));
    }
    while (!searches.empty()) {
      if (interrupted()) throw Interrupted("interrupted while generating");
      logits.resize(caches.size() * V);
      model.extend(ids, caches, logits.data());
      size_t row = 0;
      for (Search& search : searches) {
        const size_t beams = search.beams.size();
        advance(search, std::span(logits).subspan(row * V, beams * V));
        row += beams;
      }
      std::erase_if(searches, [](const Search& search) { return search.done; });
      ids.clear();
      caches.clear();
      for (Search& search : searches)
        for (Beam& beam : search.beams) {
          ids.push_back({beam.ids.back()});
          caches.push_back(beam.cache.get());
        }
    }
  }
  return results;
}

}  // namespace lethe::model
