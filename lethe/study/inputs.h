// Fingerprints of what a run reads, kept in its folder: --resume goes on with the same model and data, or not at all.
// They are of content, so a copy under the same name is the same.
#pragma once
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "lethe/facts/facts.h"
#include "lethe/model/model_files.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/run_info.h"
#include "lethe/text/example.h"
#include "lethe/train/trainer.h"

namespace lethe::study {

// config.json, the tokenizer, and of every tensor the name, the type, the size and up to 48 KB: cheap for any size.
// Training moves every number of what it trains.
std::string fingerprint(const model::ModelFiles& files);
std::string fingerprint(const std::vector<facts::Fact>& facts);
std::string fingerprint(const std::vector<text::Example>& examples);
std::string fingerprint(const std::vector<std::vector<int32_t>>& entries);
std::string fingerprint(const Json& json);

struct Inputs {
  std::string model, model_fingerprint;  // as it was given
  std::string data, data_fingerprint;
};

// Begins a run in the folder, or opens an earlier one; Error where that had other settings or other inputs.
train::Session open_session(run::RunFolder& folder, bool resume, const RunInfo& run, const Inputs& inputs);

// The end of a training whose model is written: results.json of `result`, of what the page adds to it (`fields`) and of
// what is known of the run; report.html; and what was there to resume from goes.
void close_run(run::RunFolder& folder, const RunInfo& run, const Inputs& inputs, const OrderedJson& result,
               const OrderedJson& fields);

// What `result_of` makes of results.json, with a message, where a run that is to be resumed has left nothing to do; the
// same errors, and those of `result_of`, before anything is removed.
std::optional<OrderedJson> complete_result(run::RunFolder& folder, bool resume, const RunInfo& run,
                                           const Inputs& inputs, const fs::path& out,
                                           const std::function<OrderedJson(const OrderedJson&)>& result_of);

// The "result" of a record that `where` holds, which has these numbers.
const OrderedJson& recorded_result(const OrderedJson& record, std::initializer_list<const char*> numbers,
                                   const std::string& where);

}  // namespace lethe::study
