#include "lethe/study/commands.h"

#include "lethe/study/ask_world.h"
#include "lethe/study/finetune.h"
#include "lethe/study/pretrain.h"
#include "lethe/study/probe.h"
#include "lethe/study/rewrite.h"
#include "lethe/study/update.h"
#include "lethe/world/change.h"
#include "lethe/world/make.h"

namespace lethe::study {

std::vector<Command> study_commands() {
  using world::ChangeConfig, world::MakeConfig;
  return {
      command<MakeConfig>(
          "world make", [](const MakeConfig& config, const RunInfo& run) { return make_world(config, run.seed); },
          "world.toml"),
      command<ChangeConfig>(
          "world change", [](const ChangeConfig& config, const RunInfo& run) { return change_world(config, run.seed); },
          "world.toml"),
      command<RewriteConfig>("world rewrite", rewrite, "world.toml", "lives.jsonl"),
      command<PretrainConfig>("pretrain", pretrain),
      command<FinetuneConfig>("finetune", finetune),
      command<AskConfig>("evaluate", ask_world),
      command<ProbeConfig>("probe", probe),
      command<UpdateConfig>("update",
                            [](const UpdateConfig& config, const RunInfo& run) { return update(config, run); }),
  };
}

}  // namespace lethe::study
