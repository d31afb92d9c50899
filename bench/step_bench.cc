// Tokens a second of training a small net from nothing, the laboratory's: gpt2-rotary of 4 layers of 256, 4 heads,
// 16 windows of 256 tokens, AdamW. step_bench [bf16|fp32] [steps] [threads] [vocabulary]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/model/new_model.h"
#include "lethe/tensor/parallel.h"
#include "lethe/train/optimizer.h"

using namespace lethe;
using Clock = std::chrono::steady_clock;

int main(int argc, char** argv) {
  const bool fp32 = argc > 1 && std::string_view(argv[1]) == "fp32";
  const int steps = argc > 2 ? std::atoi(argv[2]) : 20;
  const int vocabulary = argc > 4 ? std::atoi(argv[4]) : 2847;
  if (argc > 3) tensor::set_num_threads(std::atoi(argv[3]));
  const model::NewModel net{
      .layers = 4, .heads = 4, .hidden_size = 256, .vocab_size = vocabulary, .max_positions = 256};
  const model::ModelConfig config = model::read_config(model::new_config(net), "the net");
  model::Transformer model = model::new_transformer(config, fp32 ? tensor::DType::kF32 : tensor::DType::kBF16, 1);
  train::TrainingConfig training;
  training.max_grad_norm = 1;
  training.weight_decay = 0.1;
  train::Optimizer optimizer(model.trained(), training);

  constexpr int64_t kWindows = 16, kWindow = 256, kTokens = kWindows * kWindow;
  Random random(1, "bench");
  model::Batch batch;
  for (int64_t i = 0; i < kTokens; ++i) {
    batch.ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(config.vocab_size))));
    batch.positions.push_back(static_cast<int32_t>(i % kWindow));
    if (i % kWindow == 0) batch.spans.push_back({i, kWindow, 0, 0});
  }
  for (int64_t i = 0; i + 1 < kTokens; ++i) {
    if (i % kWindow == kWindow - 1) continue;
    batch.target_rows.push_back(static_cast<int32_t>(i));
    batch.target_ids.push_back(batch.ids[static_cast<size_t>(i + 1)]);
  }

  model::TargetScores scores;
  std::vector<double> passes, updates;
  for (int step = 1; step <= steps + 2; ++step) {
    const auto begin = Clock::now();
    model.forward_backward(batch, 1.0f / static_cast<float>(batch.targets()), false, 0, scores);
    const auto middle = Clock::now();
    optimizer.step(step, 1e-3, optimizer.gradient_norm());
    const auto end = Clock::now();
    if (step <= 2) continue;  // the first ones plan and compile the products
    passes.push_back(std::chrono::duration<double>(middle - begin).count());
    updates.push_back(std::chrono::duration<double>(end - middle).count());
  }
  const auto median = [](std::vector<double> x) {
    std::ranges::sort(x);
    return x[x.size() / 2];
  };
  const double pass = median(passes), update = median(updates);
  fmt::print("{:.1f} M parameters, forward and backward {:.1f} ms, update {:.1f} ms: {:.0f} tokens/s\n",
             static_cast<double>(model.parameters().size()) / 1e6, 1e3 * pass, 1e3 * update,
             static_cast<double>(kTokens) / (pass + update));
}
