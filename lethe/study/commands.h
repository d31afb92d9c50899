// Lethe's commands as a study calls them: each is a config that lists its options, and a function of it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/study/run_info.h"

namespace lethe::study {

// One call of a command: options().parse(), resolve(), run(). Before run() nothing looks at files that other stages
// write, but whether their marks are there.
class Call {
 public:
  explicit Call(const std::string& command) : options_(command, "") {}
  virtual ~Call() = default;
  Options& options() { return options_; }
  virtual void resolve() = 0;
  virtual OrderedJson run(const RunInfo& run) = 0;

  int64_t seed = 0;  // where the recipe gives none

 protected:
  Options options_;
};

struct Command {
  std::string name;  // "world make"
  std::function<std::unique_ptr<Call>()> call;
  std::string mark = "";                    // a file in what it writes, by which other commands know it: world.toml
  std::string state = "lethe/config.toml";  // one that is there from when --resume can go on
};

// The command of a Config with add_to(Options&) and, where it has one, resolve(Options&).
template <typename Config>
Command command(const std::string& name, std::function<OrderedJson(const Config&, const RunInfo&)> work,
                const std::string& mark = "", const std::string& state = "lethe/config.toml") {
  class ConfigCall : public Call {
   public:
    ConfigCall(const std::string& name, std::function<OrderedJson(const Config&, const RunInfo&)> work)
        : Call(name), work_(std::move(work)) {
      config_.add_to(options_);
      if (!options_.has("seed")) options_.add("seed", seed, "names the stream of random numbers").at_least(0);
    }
    void resolve() override {
      if constexpr (requires { config_.resolve(options_); }) config_.resolve(options_);
    }
    OrderedJson run(const RunInfo& run) override { return work_(config_, run); }

   private:
    Config config_;
    std::function<OrderedJson(const Config&, const RunInfo&)> work_;
  };
  return {name, [=]() -> std::unique_ptr<Call> { return std::make_unique<ConfigCall>(name, work); }, mark, state};
}

// What a stage of a recipe may call.
std::vector<Command> study_commands();

}  // namespace lethe::study
