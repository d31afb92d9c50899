#include "lethe/measure/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <unordered_map>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/base/random.h"
#include "lethe/run/progress.h"

namespace lethe::measure {
namespace {

// Copies of a batch run as one up to so many tokens: more keep the products no busier, and memory is bounded.
constexpr int64_t kTokensAtOnce = 4096;

using Inputs = std::vector<const ProbeInput*>;

int64_t tokens_of(const Inputs& inputs) {
  int64_t tokens = 0;
  for (const ProbeInput* input : inputs) tokens += std::ssize(input->ids);
  return tokens;
}

struct Packed {
  model::Batch batch;
  std::vector<int32_t> rows;
};

Packed pack(const Inputs& inputs, int64_t copies) {
  Packed packed;
  model::Batch& batch = packed.batch;
  for (int64_t copy = 0; copy < copies; ++copy)
    for (const ProbeInput* input : inputs) {
      const int64_t begin = batch.append(input->ids);
      for (const int32_t row : input->rows) packed.rows.push_back(static_cast<int32_t>(begin + row));
    }
  return packed;
}

// An update of a token that fewer training subjects have would be learnt by heart. In the paper's world there is none.
constexpr size_t kFewestSubjects = 10;

// The tokens whose embedding is updated, numbered from 0. Another has the number behind the last: its row of A stays
// zero.
class Numbering {
 public:
  Numbering() = default;  // of a probe that updates none
  explicit Numbering(const std::vector<ProbeInput>& train) {
    std::unordered_map<int32_t, std::set<int64_t>> subjects;  // of each token, up to kFewestSubjects
    for (const ProbeInput& input : train)
      for (const int32_t id : input.ids)
        if (std::set<int64_t>& some = subjects[id]; some.size() < kFewestSubjects) some.insert(input.subject);
    for (const ProbeInput& input : train)
      for (const int32_t id : input.ids)
        if (subjects[id].size() >= kFewestSubjects) numbers_.try_emplace(id, static_cast<int32_t>(numbers_.size()));
  }
  int64_t size() const { return std::ssize(numbers_) + 1; }
  std::vector<int32_t> of(const Inputs& inputs) const {
    std::vector<int32_t> numbers;
    for (const ProbeInput* input : inputs)
      for (const int32_t id : input->ids) {
        const auto at = numbers_.find(id);
        numbers.push_back(at == numbers_.end() ? static_cast<int32_t>(numbers_.size()) : at->second);
      }
    return numbers;
  }

 private:
  std::unordered_map<int32_t, int32_t> numbers_;
};

// Batches of a fixed size out of one endless stream: every pass over the inputs in a new order.
class Order {
 public:
  Order(int64_t inputs, uint64_t seed) : order_(static_cast<size_t>(inputs)), seed_(seed) {
    std::iota(order_.begin(), order_.end(), 0);
  }
  std::vector<int32_t> take(int64_t count) {
    std::vector<int32_t> taken;
    while (std::ssize(taken) < count) {
      if (next_ == 0) Random(seed_, "probe order", pass_++).shuffle(order_);
      taken.push_back(order_[next_]);
      next_ = (next_ + 1) % order_.size();
    }
    return taken;
  }

 private:
  std::vector<int32_t> order_;
  uint64_t seed_, pass_ = 0;
  size_t next_ = 0;
};

class Prober {
 public:
  Prober(const NamedModel& model, const std::vector<ProbeInput>& train, const std::vector<ProbeInput>& test,
         const std::vector<ProbeTarget>& targets, const ProbeOptions& options)
      : model_(model),
        train_(train),
        test_(test),
        targets_(targets),
        options_(options),
        D_(model.transformer.config().hidden_size),
        positions_(std::ssize(train.at(0).rows)),
        numbering_(shifts() ? Numbering(train) : Numbering()) {
    const bool own = options.classifier == ProbeClassifier::kUnembedding;
    if (!shifts() || (own && options.norm == ProbeNorm::kBatch)) features_ = read_all(train_);
    for (size_t k = 0; k < targets.size(); ++k) {
      heads_.emplace_back(
          ProbeShape{shifts() ? numbering_.size() : 0, options.embedding_rank, D_, targets[k].classes, options.norm},
          options.seed, k);
      if (!own) continue;
      std::vector<float> rows(static_cast<size_t>(targets[k].classes * D_));
      const Tensor w_CD(rows.data(), targets[k].classes, D_);
      tensor::gather_rows(model.transformer.output_embedding(), targets[k].tokens, w_CD);
      heads_.back().freeze_classifier(w_CD, Tensor(features_.data(), std::ssize(features_) / D_, D_));
    }
  }

  std::vector<ProbeScores> run() {
    const auto K = std::ssize(targets_);
    const int64_t count = std::min<int64_t>(options_.batch_size, std::ssize(train_));
    Order order(std::ssize(train_), options_.seed);
    run::Progress progress("probe", options_.max_steps, "steps");
    for (int64_t step = 0; step < options_.max_steps; ++step) {
      if (interrupted()) throw Interrupted("interrupted while probing");
      const std::vector<int32_t> taken = order.take(count);
      Inputs inputs;
      for (const int32_t i : taken) inputs.push_back(&train_[static_cast<size_t>(i)]);
      double nll = 0;
      if (shifts()) {
        const int64_t group = std::max<int64_t>(1, kTokensAtOnce / tokens_of(inputs));
        for (int64_t first = 0; first < K; first += group)
          nll += train_shifted(inputs, first, std::min(group, K - first));
      } else {
        std::vector<float> hidden(static_cast<size_t>(count * positions_ * D_));
        const int64_t width = positions_ * D_;
        tensor::gather_rows(Tensor(features_.data(), std::ssize(train_), width), taken,
                            Tensor(hidden.data(), count, width));
        for (int64_t k = 0; k < K; ++k) nll += train_head(k, inputs, Tensor(hidden.data(), count * positions_, D_), {});
      }
      check(std::isfinite(nll), "{}: a probe's loss is {} at step {}: the model's outputs are not numbers", model_.name,
            nll, step + 1);
      const double rate =
          options_.learning_rate * (1 - static_cast<double>(step) / static_cast<double>(options_.max_steps));
      for (ProbeHead& head : heads_)
        head.step({.learning_rate = static_cast<float>(rate),
                   .beta1 = 0.9f,
                   .beta2 = 0.999f,
                   .epsilon = 1e-6f,
                   .weight_decay = static_cast<float>(options_.weight_decay),
                   .step = step + 1,
                   .gradient_scale = 1});
      progress.update(step + 1, fmt::format("loss {:.3f}", nll / static_cast<double>(count * positions_ * K)));
    }
    progress.finish();
    return score();
  }

 private:
  bool shifts() const { return options_.embedding_rank > 0; }

  std::vector<int32_t> labels(int64_t target, const Inputs& inputs) const {
    std::vector<int32_t> labels;
    for (const ProbeInput* input : inputs)
      labels.insert(labels.end(), static_cast<size_t>(positions_),
                    targets_[static_cast<size_t>(target)].labels[static_cast<size_t>(input->label)]);
    return labels;
  }

  // The loss of the paper: the sum over the positions, the mean over the inputs.
  double train_head(int64_t target, const Inputs& inputs, const Tensor& hidden_ND, const Tensor& dhidden_ND) {
    return heads_[static_cast<size_t>(target)].forward_backward(hidden_ND, labels(target, inputs),
                                                                1.0f / static_cast<float>(inputs.size()), dhidden_ND);
  }

  // The gradients of `count` targets from `first` on; returns the sum of their nll.
  double train_shifted(const Inputs& inputs, int64_t first, int64_t count) {
    const Packed packed = pack(inputs, count);
    const std::vector<int32_t> numbers = numbering_.of(inputs);
    const int64_t T = std::ssize(numbers), N = std::ssize(inputs) * positions_;
    shift_.resize(static_cast<size_t>(count * T * D_));
    dshift_.resize(shift_.size());
    const Tensor shift_TD(shift_.data(), count * T, D_), dshift_TD(dshift_.data(), count * T, D_);
    for (int64_t k = 0; k < count; ++k)
      heads_[static_cast<size_t>(first + k)].shift(numbers, shift_TD.row_range(k * T, T));
    double nll = 0;
    model_.transformer.probe(
        packed.batch, packed.rows, shift_TD, dshift_TD, [&](const Tensor& hidden_ND, const Tensor& dhidden_ND) {
          for (int64_t k = 0; k < count; ++k)
            nll += train_head(first + k, inputs, hidden_ND.row_range(k * N, N), dhidden_ND.row_range(k * N, N));
        });
    for (int64_t k = 0; k < count; ++k)
      heads_[static_cast<size_t>(first + k)].shift_backward(numbers, dshift_TD.row_range(k * T, T));
    return nll;
  }

  // Calls read(index of the first input, hidden states) for runs of inputs, forward only, shifted by `head`'s update.
  template <typename Read>
  void read_shifted(const std::vector<ProbeInput>& all, const ProbeHead* head, const Read& read) {
    for (size_t i = 0; i < all.size();) {
      if (interrupted()) throw Interrupted("interrupted while probing");
      Inputs inputs;
      const size_t first = i;
      for (int64_t tokens = 0; i < all.size() && (inputs.empty() || tokens + std::ssize(all[i].ids) <= kTokensAtOnce);
           ++i) {
        tokens += std::ssize(all[i].ids);
        inputs.push_back(&all[i]);
      }
      const Packed packed = pack(inputs, 1);
      Tensor shift_TD;
      if (head != nullptr) {
        shift_.resize(static_cast<size_t>(packed.batch.tokens() * D_));
        shift_TD = Tensor(shift_.data(), packed.batch.tokens(), D_);
        head->shift(numbering_.of(inputs), shift_TD);
      }
      model_.transformer.probe(packed.batch, packed.rows, shift_TD, {}, [&](const Tensor& hidden_ND, const Tensor&) {
        read(static_cast<int64_t>(first), hidden_ND);
      });
    }
  }

  // [inputs, positions * D]
  std::vector<float> read_all(const std::vector<ProbeInput>& all) {
    std::vector<float> features(all.size() * static_cast<size_t>(positions_ * D_));
    read_shifted(all, nullptr, [&](int64_t first, const Tensor& hidden_ND) {
      std::copy_n(hidden_ND.f32(), hidden_ND.size(), features.data() + first * positions_ * D_);
    });
    return features;
  }

  std::vector<ProbeScores> score() {
    std::vector<ProbeScores> scores;
    std::vector<float> features;
    if (!shifts()) features = read_all(test_);
    run::Progress progress("probe: score", std::ssize(targets_), "targets");
    for (size_t k = 0; k < targets_.size(); ++k) {
      ProbeScores s = guesses(targets_[k]);
      s.predicted.resize(test_.size() * static_cast<size_t>(positions_));
      const auto predict = [&](int64_t row, const Tensor& hidden_ND) {
        heads_[k].predict(
            hidden_ND, std::span(s.predicted).subspan(static_cast<size_t>(row), static_cast<size_t>(hidden_ND.rows)));
      };
      if (shifts()) {
        read_shifted(test_, &heads_[k],
                     [&](int64_t first, const Tensor& hidden_ND) { predict(first * positions_, hidden_ND); });
      } else {
        const Tensor all_ND(features.data(), std::ssize(test_) * positions_, D_);
        for (int64_t row = 0; row < all_ND.rows; row += kTokensAtOnce)  // the heads' memory is bounded, too
          predict(row, all_ND.row_range(row, std::min(kTokensAtOnce, all_ND.rows - row)));
      }
      s.accuracy.assign(static_cast<size_t>(positions_), 0.0);
      for (size_t i = 0; i < s.predicted.size(); ++i) {
        const size_t at = i % static_cast<size_t>(positions_), input = i / static_cast<size_t>(positions_);
        s.accuracy[at] += s.predicted[i] == targets_[k].labels[static_cast<size_t>(test_[input].label)];
      }
      for (double& a : s.accuracy) a /= static_cast<double>(test_.size());
      scores.push_back(std::move(s));
      progress.update(static_cast<int64_t>(k + 1));
    }
    return scores;
  }

  ProbeScores guesses(const ProbeTarget& target) const {
    const auto count = [&](const std::vector<ProbeInput>& inputs) {
      std::vector<int64_t> counts(static_cast<size_t>(target.classes));
      for (const ProbeInput& input : inputs)
        ++counts[static_cast<size_t>(target.labels[static_cast<size_t>(input.label)])];
      return counts;
    };
    const std::vector<int64_t> in_train = count(train_), in_test = count(test_);
    const auto all = static_cast<double>(test_.size());
    ProbeScores s;
    const auto most = std::max_element(in_train.begin(), in_train.end()) - in_train.begin();
    s.baseline = static_cast<double>(in_test[static_cast<size_t>(most)]) / all;
    int64_t known = 0;
    for (size_t c = 0; c < in_test.size(); ++c)
      if (in_train[c] > 0) known += in_test[c];
    s.ceiling = static_cast<double>(known) / all;
    return s;
  }

  const NamedModel& model_;
  const std::vector<ProbeInput>&train_, &test_;
  const std::vector<ProbeTarget>& targets_;
  const ProbeOptions& options_;
  int64_t D_, positions_;
  Numbering numbering_;
  std::vector<ProbeHead> heads_;
  std::vector<float> features_;  // of the training inputs, without a shift
  std::vector<float> shift_, dshift_;
};

}  // namespace

std::vector<ProbeScores> probe(const NamedModel& model, const std::vector<ProbeInput>& train,
                               const std::vector<ProbeInput>& test, const std::vector<ProbeTarget>& targets,
                               const ProbeOptions& options) {
  check(!train.empty() && !test.empty(), "a probe trains on {} inputs and is scored on {}: both must be some",
        train.size(), test.size());
  for (const ProbeTarget& target : targets)
    check(options.classifier == ProbeClassifier::kTrained || std::ssize(target.tokens) == target.classes,
          "{}: {} tokens of {} classes", target.name, target.tokens.size(), target.classes);
  check(options.max_steps > 0 && options.batch_size > 0, "a probe of {} steps with batches of {}", options.max_steps,
        options.batch_size);
  const int64_t positions = model.transformer.config().max_positions;
  for (const auto* inputs : {&train, &test})
    for (const ProbeInput& input : *inputs) {
      check(std::ssize(input.ids) <= positions, "an input of {} tokens: {} has {} positions", input.ids.size(),
            model.name, positions);
      check(input.rows.size() == train[0].rows.size(), "inputs are read at {} and at {} positions",
            train[0].rows.size(), input.rows.size());
    }
  for (const ProbeTarget& target : targets)
    for (const int32_t label : target.labels)
      check(0 <= label && label < target.classes, "{}: class {} of {}", target.name, label, target.classes);
  return Prober(model, train, test, targets, options).run();
}

}  // namespace lethe::measure
