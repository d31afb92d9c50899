#include "lethe/study/prepare.h"

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/edit/f_learning.h"
#include "lethe/model/adapter.h"
#include "lethe/train/checkpoint.h"

namespace lethe::study {

model::ModelFiles open_whole_model(const fs::path& model) {
  check(!model::is_adapter(model), "{} is an adapter; merge it into its base first: lethe convert {} --out DIR",
        model.string(), model.string());
  return model::ModelFiles::open(model);
}

text::Tokenizer tokenizer_of(const model::ModelFiles& files) {
  const std::string where = files.path().string();
  check(files.has_tokenizer(), "{} has no tokenizer{}", where, files.is_gguf() ? "" : ".json");
  text::Tokenizer tokenizer = files.is_gguf()
                                  ? text::Tokenizer::from_json(files.tokenizer_json(), where, files.tokenizer_config())
                                  : text::Tokenizer::load(files.path());
  check(tokenizer.size() <= files.config().vocab_size,
        "{}: the tokenizer knows ids up to {}, the model only up to {} (vocab_size - 1)", where, tokenizer.size() - 1,
        files.config().vocab_size - 1);
  return tokenizer;
}

void check_same_tokenizer(const std::string& model, const text::Tokenizer& tokenizer, const world::World& world) {
  static constexpr size_t kTexts = 1000;  // they hold most words of a world
  const text::Tokenizer expected = text::Tokenizer::load(world.path);
  const auto compare = [&](const std::string& text) {
    check(tokenizer.encode(text, false) == expected.encode(text, false),
          "{}: its tokenizer is not that of the world {}: it makes other tokens of \"{}\"", model, world.path.string(),
          text);
  };
  for (size_t i = 0; i < std::min(kTexts, world.biographies.size()); ++i) compare(world.biographies[i].text);
  for (size_t i = 0; i < std::min(kTexts, world.questions.size()); ++i)
    compare(world.questions[i].prompt + world.questions[i].completion);
}

std::unique_ptr<AtomicFile> open_rows(const fs::path& rows, bool overwrite, const std::vector<fs::path>& inputs) {
  if (rows.empty()) return nullptr;
  check_out(rows, OutKind::kFile, overwrite, "", "--rows");
  check(!fs::exists(rows) || !model::has_model_name(rows), "--rows {} has the name of a model's file; give another",
        rows.string());
  std::error_code none;
  for (const fs::path& input : inputs) {
    check_not_read(rows, input, "--rows");
    check(!fs::equivalent(fs::absolute(rows).parent_path(), input, none),
          "--rows {} lies in {}, which is read; give another place", rows.string(), input.string());
  }
  return std::make_unique<AtomicFile>(rows);
}

bool is_written(const fs::path& out) { return fs::exists(out / "config.json") || model::is_adapter(out); }

void check_run(const RunPlace& place) {
  const auto& [out, run_dir, overwrite, resume, inputs] = place;
  for (const fs::path& input : inputs) {
    check_not_read(out, input);
    for (const char* name : run::kRecord) check_not_read(run_dir / name, input, "--run-dir");
  }
  check_out(out, OutKind::kModel, overwrite || resume,
            is_written(out) || !fs::exists(run_dir) ? "" : ", --resume goes on with an interrupted run");
  if (resume) {  // before the folder is opened, which mends the end of a log
    check(fs::exists(run_dir), "--resume: there is no run folder {}", run_dir.string());
    check(fs::exists(run_dir / run::kConfigFile), "--resume: {} holds no run to resume ({} is missing)",
          run_dir.string(), run::kConfigFile);
  }
  check(overwrite || resume || !run::holds_record(run_dir),
        "--run-dir {} holds a run or files of its names; --overwrite replaces them, --resume goes on with a run",
        run_dir.string());
}

run::RunFolder open_run(const RunPlace& place) {
  const fs::path& out = place.out;  // no structured binding: clang 14 captures none
  std::error_code error;
  const bool made = fs::create_directories(out, error);  // before the run folder's old record goes
  check(!error, "cannot make the directory {}: {}", out.string(), error.message());
  run::RunFolder folder = [&] {
    try {
      return run::RunFolder(place.run_dir, place.resume);
    } catch (const Error&) {
      if (made) fs::remove(out, error);
      throw;
    }
  }();
  if (place.overwrite && !place.resume) {  // from here on it holds no model
    model::remove_model(out);
    if (model::is_adapter(out / "adapter")) model::remove_model(out / "adapter");
  }
  return folder;
}

void remove_state(const run::RunFolder& folder) {
  fs::remove_all(folder.file(edit::kForgetAdapter));
  for (const std::string name : {train::kCheckpointFile, kForgottenFile}) {
    fs::remove(folder.file(name));
    fs::remove(folder.file(name + ".part"));  // of a process that was killed while it wrote
  }
}

}  // namespace lethe::study
