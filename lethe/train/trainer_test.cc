#include "lethe/train/trainer.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::train;

namespace {

model::Transformer small_llama() {
  const fs::path golden = fs::path(__FILE__).parent_path().parent_path().parent_path() / "tests/golden/models/llama";
  return model::Transformer::load(model::ModelFiles::open(golden), tensor::DType::kF32, true);
}

text::Example four_tokens() {
  text::Example example;
  example.append(std::vector<int32_t>{1, 5, 9, 4}, true);
  return example;
}

}  // namespace

TEST_CASE("an interruption does not save a state that has diverged") {
  const TempDir dir;
  const text::Example example = four_tokens();
  TrainingConfig config;
  config.max_grad_norm = 0;
  for (const double rate : {1e-3, 1e30}) {
    CAPTURE(rate);
    run::RunFolder folder(dir / "run", false);
    Session session = Session::open(folder, false, "seed = 1\n", 1);
    model::Transformer model = small_llama();
    raise_interrupt();  // seen after the first step
    if (rate < 1) {
      CHECK_THROWS_AS(train::train(model, {example}, config, {"train", rate, 5.0, 5}, session), Interrupted);
      CHECK(fs::exists(folder.file(kCheckpointFile)));
    } else {
      CHECK_THROWS_WITH_AS(train::train(model, {example}, config, {"train", rate, 5.0, 5}, session),
                           doctest::Contains("training diverged"), Error);
      CHECK_FALSE(fs::exists(folder.file(kCheckpointFile)));
    }
    clear_interrupt();
  }
}

TEST_CASE("the time of the watch is not training's, after a resumption neither") {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kWatched(200);
  const TempDir dir;
  TrainingConfig config;
  config.max_steps = 4;
  double trained = 0, all = 0;
  for (const bool resume : {false, true}) {
    run::RunFolder folder(dir / "run", resume);
    Session session = Session::open(folder, resume, "seed = 1\n", 1);
    model::Transformer model = small_llama();
    Stage stage{"train", 1e-3};
    stage.watch_steps = 1;
    stage.watch = [&](int64_t step, int64_t) {
      std::this_thread::sleep_for(kWatched);
      if (step == 2) raise_interrupt();
    };
    const Clock::time_point begin = Clock::now();
    if (resume)
      trained = train::train(model, {four_tokens()}, config, stage, session).seconds;
    else
      CHECK_THROWS_AS(train::train(model, {four_tokens()}, config, stage, session), Interrupted);
    all += std::chrono::duration<double>(Clock::now() - begin).count();
    clear_interrupt();
  }
  CHECK(trained > 0);
  CHECK(trained <= all - 4 * 0.2);
}
