#include "lethe/study/inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/base/hash.h"
#include "lethe/run/progress.h"
#include "lethe/run/report.h"
#include "lethe/study/prepare.h"

namespace lethe::study {
namespace {

constexpr const char* kInputsFile = "inputs.json";

// Numbers and texts one after the other, each text with its length, so that no two lists look alike.
class Fingerprint {
 public:
  void add(std::string_view bytes) {
    add(static_cast<int64_t>(bytes.size()));
    hash_ = fnv1a(bytes, hash_);
  }
  void add(int64_t number) { hash_ = fnv1a({reinterpret_cast<const char*>(&number), sizeof number}, hash_); }
  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  uint64_t hash_ = fnv1a("");
};

// Its beginning, middle and end.
void add_samples(std::span<const std::byte> bytes, Fingerprint& fingerprint) {
  constexpr size_t kSize = 16 << 10;
  fingerprint.add(static_cast<int64_t>(bytes.size()));
  const size_t size = std::min(kSize, bytes.size());
  for (const size_t at : {size_t{0}, (bytes.size() - size) / 2, bytes.size() - size})
    fingerprint.add(std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, size));
}

void check_same(const run::RunFolder& folder, const Inputs& inputs) {
  const std::string where = folder.file(kInputsFile).string();
  const Json then = read_json(where);
  const auto check_one = [&](const char* field, const std::string& path, const std::string& now) {
    check(json_string(then, field, where) == now,
          "--resume: {} is not what it was when the run in {} began; give it back, or begin anew with --overwrite",
          path, folder.path().string());
  };
  check_one("model", inputs.model, inputs.model_fingerprint);
  check_one("data", inputs.data, inputs.data_fingerprint);
}

}  // namespace

std::string fingerprint(const model::ModelFiles& files) {
  Fingerprint fingerprint;
  fingerprint.add(json_text(files.config_json()));
  if (!files.is_gguf()) {
    for (const char* name :
         {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"})
      if (const fs::path file = files.path() / name; fs::exists(file)) fingerprint.add(read_file(file));
  }
  for (const model::StoredTensor& tensor : files.tensors()) {
    fingerprint.add(tensor.name);
    fingerprint.add(tensor.dtype);
    add_samples(files.bytes(tensor), fingerprint);
  }
  return fingerprint.text();
}

std::string fingerprint(const std::vector<facts::Fact>& facts) {
  Fingerprint fingerprint;
  const auto add_questions = [&](const std::vector<facts::Question>& questions) {
    fingerprint.add(std::ssize(questions));
    for (const facts::Question& question : questions) {
      fingerprint.add(question.prompt);
      fingerprint.add(question.answer);
    }
  };
  for (const facts::Fact& fact : facts) {
    for (const std::string& text : {fact.prompt, fact.old_answer, fact.new_answer}) fingerprint.add(text);
    fingerprint.add(std::ssize(fact.rephrasings));
    for (const std::string& text : fact.rephrasings) fingerprint.add(text);
    add_questions(fact.locality);
    add_questions(fact.portability);
  }
  return fingerprint.text();
}

std::string fingerprint(const std::vector<text::Example>& examples) {
  Fingerprint fingerprint;
  for (const text::Example& example : examples) {
    for (const std::vector<int32_t>& ids : {example.ids, example.labels})
      fingerprint.add(std::string_view(reinterpret_cast<const char*>(ids.data()), 4 * ids.size()));
  }
  return fingerprint.text();
}

std::string fingerprint(const std::vector<std::vector<int32_t>>& entries) {
  Fingerprint fingerprint;
  for (const std::vector<int32_t>& ids : entries)
    fingerprint.add(std::string_view(reinterpret_cast<const char*>(ids.data()), 4 * ids.size()));
  return fingerprint.text();
}

std::string fingerprint(const Json& json) {
  Fingerprint fingerprint;
  fingerprint.add(json_text(json));
  return fingerprint.text();
}

train::Session open_session(run::RunFolder& folder, bool resume, const RunInfo& run, const Inputs& inputs) {
  if (resume) {
    train::Session::check_settings(folder, run.config_toml);
    check_same(folder, inputs);
  } else {  // before config.toml, which says that there is a run
    folder.write_json(kInputsFile, {{"model", inputs.model_fingerprint}, {"data", inputs.data_fingerprint}});
  }
  return train::Session::open(folder, resume, run.config_toml, run.seed);
}

void close_run(run::RunFolder& folder, const RunInfo& run, const Inputs& inputs, const OrderedJson& result,
               const OrderedJson& fields) {
  OrderedJson page = result;
  page["lethe"] = run.version;
  page["command"] = run.command;
  page["data"] = inputs.data;
  page["settings"] = run.settings;
  page["result"] = result;
  page.update(fields);
  OrderedJson shown = page;
  shown["learning_curves"] = run::read_curves(folder.path());
  write_file(folder.file(run::kReportFile), run::training_page(shown, folder.metrics()));
  folder.write_json(run::kResultsFile, page);  // last: with it the run is complete
  remove_state(folder);
}

std::optional<OrderedJson> complete_result(run::RunFolder& folder, bool resume, const RunInfo& run,
                                           const Inputs& inputs, const fs::path& out,
                                           const std::function<OrderedJson(const OrderedJson&)>& result_of) {
  if (!resume || !fs::exists(folder.file(run::kResultsFile)) || !is_written(out)) return std::nullopt;
  train::Session::check_settings(folder, run.config_toml);
  check_same(folder, inputs);
  OrderedJson result = result_of(folder.json(run::kResultsFile));
  remove_state(folder);  // it may have been killed before it did so
  run::message("{} is complete: nothing is left to resume", out.string());
  return result;
}

const OrderedJson& recorded_result(const OrderedJson& record, std::initializer_list<const char*> numbers,
                                   const std::string& where) {
  const OrderedJson& result = json_object(record, "result", where);
  for (const char* name : numbers) json_number(result, name, where + ", \"result\"");
  return result;
}

}  // namespace lethe::study
