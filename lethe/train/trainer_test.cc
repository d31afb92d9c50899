#include "lethe/train/trainer.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::train;

TEST_CASE("an interruption does not save a state that has diverged") {
  const TempDir dir;
  const fs::path golden = fs::path(__FILE__).parent_path().parent_path().parent_path() / "tests/golden/models/llama";
  text::Example example;
  example.append(std::vector<int32_t>{1, 5, 9, 4}, true);
  TrainingConfig config;
  config.max_grad_norm = 0;
  for (const double rate : {1e-3, 1e30}) {
    CAPTURE(rate);
    run::RunFolder folder(dir / "run", false);
    Session session = Session::open(folder, false, "seed = 1\n", 1);
    model::Transformer model = model::Transformer::load(model::ModelFiles::open(golden), tensor::DType::kF32, true);
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
