// What commands that read and write models do first: open a whole model with its tokenizer, and make room for the
// output.
#pragma once
#include <memory>

#include "lethe/model/model_files.h"
#include "lethe/run/run_folder.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/world_files.h"

namespace lethe::study {

// A model to train or edit. An adapter directory is an error that says how to merge it.
model::ModelFiles open_whole_model(const fs::path& model);

// Its tokenizer, checked: one that knows more ids than the model has is an error.
text::Tokenizer tokenizer_of(const model::ModelFiles& files);

// Error where a world's tokenizer makes other tokens of its texts than the model's.
void check_same_tokenizer(const std::string& model, const text::Tokenizer& tokenizer, const world::World& world);

// The file --rows, or null where the path is empty. Opened before the work: a path that cannot be written is no
// surprise at the end. Errors: it exists and is not to be overwritten; it is one of `inputs`, or in one, or called as a
// model's.
std::unique_ptr<AtomicFile> open_rows(const fs::path& rows, bool overwrite, const std::vector<fs::path>& inputs);

// True where `out` holds a model or an adapter.
bool is_written(const fs::path& out);

struct RunPlace {
  fs::path out, run_dir;
  bool overwrite = false, resume = false;
  std::vector<fs::path> inputs;  // what is read: the model and the data
};

// Checks that the output may be written (it is new, or --overwrite or --resume was given), that the run folder follows
// the same rule, and that neither holds what is read.
void check_run(const RunPlace& place);
// Makes the output's directory and opens the run folder. Only when that is this run's own, what --overwrite replaces is
// removed.
run::RunFolder open_run(const RunPlace& place);

// Once all is written: removes from the run folder what was only there to resume from.
inline constexpr const char* kForgottenFile = "forgotten.json";  // of `update`: what was measured between the stages
void remove_state(const run::RunFolder& folder);

}  // namespace lethe::study
