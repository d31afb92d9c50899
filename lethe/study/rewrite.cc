#include "lethe/study/rewrite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/hash.h"
#include "lethe/measure/answers.h"
#include "lethe/model/generate.h"
#include "lethe/run/progress.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/any_model.h"
#include "lethe/study/inputs.h"
#include "lethe/text/template.h"
#include "lethe/world/retell.h"
#include "lethe/world/world_files.h"

namespace lethe::study {
namespace {

// Settings on which the answer to one try of one life does not depend.
constexpr const char* kNotOfAnswers[] = {"lives", "versions", "fullname", "tokenizer"};

constexpr size_t kWave = 256;  // answers that are asked for, and kept, together
constexpr size_t kBusy = 64;   // sequences that keep the processor busy: where fewer lives are left, each is tried so
                               // much more often at a time

// One biography to be told.
struct Life {
  const world::Person* person;
  int64_t version, tries;
  std::optional<world::Biography> told;
};

struct Try {
  size_t life;
  int64_t number;
};

// All answers of lives.jsonl so far, or some of them.
struct Tally {
  int64_t answers = 0, taken = 0, tokens = 0;
  double seconds = 0;
  std::map<std::string, int64_t> wrong;

  double rate() const { return answers > 0 ? 100.0 * static_cast<double>(taken) / static_cast<double>(answers) : 0.0; }
};

// A stream for each try of a life, whatever is told beside it.
uint64_t stream(const Life& life, int64_t number) {
  return (static_cast<uint64_t>(life.person->id) * 8 + static_cast<uint64_t>(life.version)) * 65536 +
         static_cast<uint64_t>(number);
}

// Everything that was told so far: a function of the waves of answers, in their order.
class Lives {
 public:
  Lives(const RewriteConfig& config, const world::World& world) : config_(config) {
    for (const world::Person& person : world.people) {
      const int64_t versions = world.spec.entries(person.split == world::Split::kCelebrity);
      for (int64_t version = 0; version < versions; ++version) {
        index_[{person.id, version}] = lives_.size();
        lives_.push_back({&person, version, 0, {}});
      }
    }
  }

  const Life& operator[](size_t i) const { return lives_[i]; }
  size_t size() const { return lives_.size(); }
  int64_t told() const {
    return std::ranges::count_if(lives_, [](const Life& life) { return life.told.has_value(); });
  }
  const Tally& tally() const { return tally_; }

  std::vector<Try> next_wave() const {
    std::vector<size_t> open;
    for (size_t i = 0; i < lives_.size() && open.size() < kWave; ++i)
      if (!lives_[i].told && lives_[i].tries < config_.max_tries) open.push_back(i);
    std::vector<Try> wave;
    const size_t at_once = open.empty() ? 0 : std::max<size_t>(1, kBusy / open.size());
    for (const size_t i : open) {
      const int64_t end = std::min(config_.max_tries, lives_[i].tries + static_cast<int64_t>(at_once));
      for (int64_t number = lives_[i].tries; number < end; ++number) wave.push_back({i, number});
    }
    return wave;
  }

  // Which life an answer tells; nullptr: none of these.
  Life* life_of(const Json& entry, const std::string& where) {
    const auto it = index_.find({json_int(entry, "person", where), json_int(entry, "version", where)});
    return it == index_.end() ? nullptr : &lives_[it->second];
  }

  // Takes a line of lives.jsonl. Of several good answers for one life the first counts.
  void take(const Json& wave, const std::string& where) {
    for (const Json& entry : json_field(wave, "answers", where)) {
      Life* found = life_of(entry, where);
      check(found, "{}: there is no version {} of person {}", where, entry["version"].dump(), entry["person"].dump());
      Life& life = *found;
      life.tries = std::max(life.tries, json_int(entry, "try", where) + 1);
      world::Retold answer = world::retold(*life.person, json_string(entry, "text", where), config_.full_name);
      if (!json_bool(entry, "ended", where)) answer.wrong = "unfinished";
      ++tally_.answers;
      if (answer.wrong.empty()) {
        ++tally_.taken;
        if (!life.told) life.told = std::move(answer.biography);
      } else {
        ++tally_.wrong[answer.wrong];
      }
    }
    tally_.tokens += json_int(wave, "tokens", where);
    tally_.seconds += json_number(wave, "seconds", where);
  }

 private:
  const RewriteConfig& config_;
  std::vector<Life> lives_;
  std::map<std::pair<int64_t, int64_t>, size_t> index_;  // by person and version
  Tally tally_;
};

void check_settings(const char* option, const Json& then, const OrderedJson& now, const fs::path& where) {
  if (then == Json(now)) return;
  fail_usage("{}: {} was begun with other settings, another model or another world: {}, now {}", option, where.string(),
             then.dump(), now.dump());
}

// lives.jsonl: the settings that answers depend on, then a line a wave. Takes a half-written end off `text`.
void for_each_record(std::string& text, const fs::path& path,
                     const std::function<void(int64_t line, const Json&, const std::string& where)>& record) {
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  std::string_view rest = text;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    const std::string where = fmt::format("{}, line {}", path.string(), line);
    record(line, parse_json(rest.substr(0, end), where), where);
    rest.remove_prefix(end + 1);
  }
}

class Log {
 public:
  Log(const fs::path& path, const OrderedJson& settings, bool resume, Lives& lives) : path_(path) {
    std::string text = resume && fs::exists(path) ? read_file(path) : "";
    for_each_record(text, path, [&](int64_t line, const Json& json, const std::string& where) {
      if (line > 1)
        lives.take(json, where);
      else
        check_settings("--resume", json, settings, path);
      lines_ = line;
    });
    file_.fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    check(file_.fd >= 0 && ::ftruncate(file_.fd, static_cast<off_t>(text.size())) == 0, "cannot write {}",
          path.string());
    if (text.empty()) append(settings);
  }

  bool has_answers() const { return lines_ > 1; }

  void append(const OrderedJson& line) {
    write_all(file_.fd, line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n", path_.string());
    ++lines_;
  }

 private:
  fs::path path_;
  run::Descriptor file_;
  int64_t lines_ = 0;
};

// The answers of an earlier rewrite that tell these lives, as a line of lives.jsonl. `settings`: what answers depend
// on.
OrderedJson earlier_answers(const fs::path& earlier, OrderedJson settings, Lives& lives) {
  const fs::path path = earlier / world::kLivesFile;
  check(fs::exists(path), "--answers {}: no {} there, expected what `world rewrite` wrote", earlier.string(),
        world::kLivesFile);
  for (const char* name : kNotOfAnswers) settings.erase(name);
  OrderedJson answers = OrderedJson::array();
  std::string text = read_file(path);
  for_each_record(text, path, [&](int64_t line, const Json& json, const std::string& where) {
    if (line == 1) {
      Json then = json;
      for (const char* name : kNotOfAnswers) then.erase(name);
      check_settings("--answers", then, settings, earlier);
      return;
    }
    for (const Json& entry : json_field(json, "answers", where))
      if (lives.life_of(entry, where)) answers.push_back(OrderedJson(entry));
  });
  return {{"answers", std::move(answers)}, {"tokens", 0}, {"seconds", 0}};
}

std::string fingerprint_of(const std::vector<world::Person>& people) {
  uint64_t hash = fnv1a("");
  for (const world::Person& person : people) {
    hash = fnv1a(person.full_name(), hash);
    for (const std::string& value : person.values) hash = fnv1a("\n" + value, hash);
    hash = fnv1a(fmt::format("\n{} {}\n", world::kPronouns[person.pronoun].they, split_name(person.split)), hash);
  }
  return fmt::format("{:016x}", hash);
}

// Of the model and, where it is an adapter, of what lies on it.
std::string fingerprint_of(const AnyModel& model, const fs::path& path) {
  if (!model.adapter()) return fingerprint(model.files());
  uint64_t hash = fnv1a(fingerprint(model.files()));
  for (const char* name :
       {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json"})
    if (fs::exists(path / name)) hash = fnv1a(read_file(path / name), fnv1a(name, hash));
  return fmt::format("{:016x}", hash);
}

OrderedJson ask(model::Transformer& transformer, const text::Tokenizer& tokenizer, const text::Template& chat,
                const Lives& lives, const std::vector<Try>& wave, model::GenerateOptions options, uint64_t seed) {
  std::vector<std::vector<int32_t>> prompts;
  options.seeds.clear();
  for (const Try& t : wave) {
    const uint64_t index = stream(lives[t.life], t.number);
    Random random(seed, "rewrite/request", index);
    const world::RetellRequest request = world::retell_request(*lives[t.life].person, random);
    std::vector<text::Message> messages;
    for (const auto& [question, answer] : request.examples)
      messages.insert(messages.end(), {{"user", question}, {"assistant", answer}});
    messages.push_back({"user", request.question});
    prompts.push_back(text::encode_prompt(tokenizer, chat, messages));
    options.seeds.push_back(Random(seed, "rewrite/answer", index).next());
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto ids = model::generate(transformer, prompts, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  int64_t tokens = 0;
  OrderedJson answers = OrderedJson::array();
  for (size_t i = 0; i < wave.size(); ++i) {
    tokens += std::ssize(ids[i]);
    const Life& life = lives[wave[i].life];
    const bool ended = std::ranges::find(options.stop_ids, ids[i].back()) != options.stop_ids.end();
    answers.push_back({{"person", life.person->id},
                       {"version", life.version},
                       {"try", wave[i].number},
                       {"ended", ended},
                       {"text", tokenizer.decode(ids[i], true)}});
  }
  return {{"answers", std::move(answers)}, {"tokens", tokens}, {"seconds", seconds}};
}

// The biographies, or an Error that says what may be done about the lives that were not told.
std::vector<world::Biography> finish(const RewriteConfig& config, const Lives& lives, uint64_t seed) {
  std::vector<world::Biography> biographies;
  const int64_t open = std::ssize(lives) - lives.told();
  check(open == 0 || config.incomplete == "complete",
        "{} of {} lives are not told after {} tries each ({:.1f} % of the answers were good); go on with --resume and "
        "more --max-tries, or --resume --incomplete complete tells them in plain sentences",
        open, lives.size(), config.max_tries, lives.tally().rate());
  for (size_t i = 0; i < lives.size(); ++i) {
    Random random(seed, "rewrite/complete", stream(lives[i], 0));
    biographies.push_back(lives[i].told ? *lives[i].told : plain_biography(*lives[i].person, config.full_name, random));
  }
  return biographies;
}

// The people whose lives are told, and the spec of the world to come.
world::World people_of(const RewriteConfig& config, uint64_t seed) {
  world::World world = world::World::load(config.world);
  check(config.limit <= world.spec.people, "--limit {}: {} has {} people", config.limit, config.world.string(),
        world.spec.people);
  world::check_not_edited(world);
  if (config.limit > 0) {
    world.spec.people = config.limit;
    world.spec.celebrities = 0;
    world.people = make_people(world.spec);
  }
  world.spec.rewrite =
      world::Rewrite{name_of(config.model), config.versions, config.celebrity_versions, config.full_name, seed};
  world.biographies.clear();
  return world;
}

}  // namespace

void RewriteConfig::add_to(Options& options) {
  options.add("world", world, "the WORLD whose people are told of").positional().required().placeholder("WORLD");
  options.add("model", model, "an instruction model with a chat template").required().placeholder("MODEL");
  options.add("out", out, "the WORLD to write").required().placeholder("WORLD2");
  options.group("World");
  options.add("versions", versions, "biographies a person: the paper has 1, 3 and 5").at_least(1).at_most(8);
  options.add("celebrity-versions", celebrity_versions, "of a celebrity").at_least(1).at_most(8);
  options.add("fullname", full_name, "each sentence about the person says the full name").flag();
  options.add("limit", limit, "a world of N people, the first ones; 0: all, with the celebrities").at_least(0);
  options.add("tokenizer", tokenizer, "word: a token a word, of these texts too; or a directory with tokenizer.json")
      .placeholder("word|DIR");
  options.group("Telling");
  options.add("max-tries", max_tries, "answers that are asked for until one tells all six facts of a life")
      .at_least(1)
      .at_most(65535)
      .not_resolved();
  options
      .add("answers", answers,
           "an earlier WORLD2 of the same people by the same model, with other --versions or --fullname: its answers "
           "count first, and only what they do not tell is asked for")
      .placeholder("WORLD3");
  options
      .add("incomplete", incomplete,
           "what becomes of a life that no answer told: an error, or six of Lethe's own sentences")
      .one_of({"error", "complete"})
      .not_resolved();
  options.add("temperature", temperature, "of the answers").above(0);
  options.add("top-p", top_p, "draw from the fewest tokens whose probability reaches p").above(0).at_most(1);
  options.add("max-new-tokens", max_new_tokens, "an answer that is longer is not taken").at_least(16);
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
  options.group("Output");
  options.add("overwrite", overwrite, "replace the world in --out, where there is one").flag().not_resolved();
  options.add("resume", resume, "go on with an interrupted run").flag().not_resolved();
}

void RewriteConfig::resolve(Options& options) {
  if (limit > 0) options.no_effect("celebrity-versions", "--limit takes no celebrities", "limit");
}

OrderedJson rewrite(const RewriteConfig& config, const RunInfo& run) {
  check_out(config.out, OutKind::kDirectory, config.overwrite || config.resume);
  check_not_read(config.out, config.world);
  check_not_read(config.out, config.model);
  if (!config.answers.empty()) check_not_read(config.out, config.answers);
  const fs::path log_path = config.out / world::kLivesFile, result_path = config.out / world::kRewriteFile;
  const bool complete = config.resume && world::is_world(config.out) && fs::exists(result_path);
  check(!config.resume || complete || fs::exists(log_path),
        "--resume: {} holds no interrupted rewrite, there is no {} in it", config.out.string(), world::kLivesFile);
  world::World world = people_of(config, run.seed);
  const AnyModel model = AnyModel::open(config.model, config.base_model);
  const text::Tokenizer tokenizer = model.tokenizer();
  const text::Template chat{text::TemplateKind::kChat, model.files().config().model_type};
  text::chat_format(tokenizer, chat.model_name);  // found wanting before anything is written

  Lives lives(config, world);
  const OrderedJson settings{{"model", fingerprint_of(model, config.model)},
                             {"seed", run.seed},
                             {"lives", lives.size()},
                             {"people", fingerprint_of(world.people)},
                             {"versions", config.versions},
                             {"fullname", config.full_name},
                             {"tokenizer", world::tokenizer_name(config.tokenizer)},
                             {"temperature", config.temperature},
                             {"top-p", config.top_p},
                             {"max-new-tokens", config.max_new_tokens},
                             {"precision", run.precision == tensor::DType::kBF16 ? "bf16" : "fp32"}};
  OrderedJson earlier;
  if (!config.answers.empty()) earlier = earlier_answers(config.answers, settings, lives);
  std::error_code error;
  fs::create_directories(config.out, error);
  check(!error, "cannot make the directory {}: {}", config.out.string(), error.message());
  run::Descriptor lock;
  run::lock_folder(config.out, lock, "wait for it, or give another --out");
  if (complete) {
    const OrderedJson record = run::read_ordered_json(result_path);
    check_settings("--resume", record.value("settings", OrderedJson()), settings, config.out);
    run::message("{} is complete: nothing is left to do", config.out.string());
    return record.at("result");
  }
  Log log(log_path, settings, config.resume, lives);
  world::begin_world(config.out);
  if (!earlier.empty() && !log.has_answers()) {
    log.append(earlier);
    lives.take(earlier, config.answers.string());
    run::message("{} answers of {} tell {} of {} lives", earlier["answers"].size(), config.answers.string(),
                 lives.told(), lives.size());
  }

  model::GenerateOptions options;
  options.max_new_tokens = config.max_new_tokens;
  options.temperature = config.temperature;
  options.top_p = config.top_p;
  options.stop_ids = measure::stop_ids(model.files().config(), &tokenizer);
  options.model_name = config.model.string();
  model::Transformer transformer = model.load(run.precision);
  {
    run::Progress progress("retell", std::ssize(lives), "lives", lives.told());
    for (auto wave = lives.next_wave(); !wave.empty(); wave = lives.next_wave()) {
      const OrderedJson line = ask(transformer, tokenizer, chat, lives, wave, options, run.seed);
      log.append(line);
      lives.take(line, "an answer");
      const Tally& tally = lives.tally();
      progress.update(lives.told(), fmt::format("{:.0f} % of the answers taken, {:.0f} tokens/s", tally.rate(),
                                                static_cast<double>(tally.tokens) / std::max(tally.seconds, 1e-9)));
    }
  }
  world.biographies = finish(config, lives, run.seed);

  const Tally& tally = lives.tally();
  OrderedJson wrong = OrderedJson::object();
  for (const auto& [what, count] : tally.wrong) wrong[what] = count;
  const OrderedJson result{{"model", config.model.string()},
                           {"people", world.people.size()},
                           {"versions", config.versions},
                           {"biographies", world.biographies.size()},
                           {"told", lives.told()},
                           {"completed", std::ssize(lives) - lives.told()},
                           {"answers", tally.answers},
                           {"acceptance_rate", tally.rate()},
                           {"wrong", wrong},
                           {"tokens", tally.tokens},
                           {"tokens_per_second", static_cast<double>(tally.tokens) / std::max(tally.seconds, 1e-9)},
                           {"seconds", tally.seconds},
                           {"out", config.out.string()}};
  const OrderedJson record{{"settings", settings}, {"result", result}};
  world::write_world(config.out, world, config.tokenizer, {{world::kRewriteFile, record.dump(2) + "\n"}});
  return result;
}

}  // namespace lethe::study
