#include "lethe/study/rewrite.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/hash.h"
#include "lethe/measure/answers.h"
#include "lethe/model/generate.h"
#include "lethe/run/progress.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/any_model.h"
#include "lethe/study/inputs.h"
#include "lethe/study/lives.h"
#include "lethe/text/template.h"
#include "lethe/world/retell.h"
#include "lethe/world/world_files.h"

namespace lethe::study {
namespace {

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
                const Lives& lives, const std::vector<Try>& wave, model::GenerateOptions options, uint64_t seed,
                const model::TokenCallback& on_token) {
  std::vector<std::vector<int32_t>> prompts;
  options.seeds.clear();
  for (const Try& t : wave) {
    const uint64_t index = lives[t.life].stream(t.number);
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
  const auto ids = model::generate(transformer, prompts, options, on_token);
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
    Random random(seed, "rewrite/complete", lives[i].stream(0));
    biographies.push_back(lives[i].told ? *lives[i].told : plain_biography(*lives[i].person, config.full_name, random));
  }
  return biographies;
}

// The people whose lives are told, and the spec of the world to come.
world::World people_of(const RewriteConfig& config, uint64_t seed) {
  world::World world = world::World::load(config.world);
  check(config.limit <= world.spec.people, "--limit {}: {} has {} people", config.limit, config.world.string(),
        world.spec.people);
  // The options are read before the world may be there; a number that is the default was not asked for.
  if (world.spec.celebrities == 0 && config.celebrity_versions != RewriteConfig().celebrity_versions)
    fail_usage("--celebrity-versions has no effect: {} has no celebrities", config.world.string());
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

// On what an answer depends: what --resume and --answers compare.
OrderedJson settings_of(const RewriteConfig& config, const RunInfo& run, const AnyModel& model,
                        const world::World& world, const Lives& lives) {
  return {{"model", fingerprint_of(model, config.model)},
          {"seed", run.seed},
          {"lives", lives.size()},
          {"people", fingerprint_of(world.people)},
          {"examples", world::kRetellExamples},
          {"versions", config.versions},
          {"fullname", config.full_name},
          {"tokenizer", world::tokenizer_name(config.tokenizer)},
          {"temperature", config.temperature},
          {"top-p", config.top_p},
          {"max-new-tokens", config.max_new_tokens},
          {"precision", tensor::name_of(run.precision)}};
}

// Of a world that is complete.
OrderedJson earlier_result(const RewriteConfig& config, const OrderedJson& settings, const fs::path& path) {
  const std::string where = path.string();
  const OrderedJson record = run::read_ordered_json(where);
  check_settings("--resume", json_object(record, "settings", where), settings, config.out);
  OrderedJson result = recorded_result(
      record, {"people", "biographies", "completed", "answers", "acceptance_rate", "tokens_per_second"}, where);
  run::message("{} is complete: nothing is left to do", config.out.string());
  return result;
}

// Asks until every life is told or has no tries left.
void tell_all(const RewriteConfig& config, const RunInfo& run, const AnyModel& model, const text::Tokenizer& tokenizer,
              const text::Template& chat, Lives& lives, LivesFile& log) {
  model::GenerateOptions options;
  options.max_new_tokens = config.max_new_tokens;
  options.temperature = config.temperature;
  options.top_p = config.top_p;
  options.stop_ids = measure::stop_ids(model.files().config(), &tokenizer);
  options.model_name = config.model.string();
  model::Transformer transformer = model.load(run.precision);
  run::Progress progress("retell", std::ssize(lives), "lives", lives.told());
  std::string so_far;
  for (auto wave = lives.next_wave(); !wave.empty(); wave = lives.next_wave()) {
    int64_t tokens = 0;
    const auto on_token = [&](size_t, int32_t) {  // a wave may take minutes
      progress.update(lives.told(), fmt::format("{}{} answers under way, {} tokens", so_far, wave.size(), ++tokens));
    };
    const OrderedJson line = ask(transformer, tokenizer, chat, lives, wave, options, run.seed, on_token);
    log.append(line);
    lives.take(line, "an answer");
    const Tally& tally = lives.tally();
    so_far = fmt::format("{:.0f} % of the answers taken, {:.0f} tokens/s", tally.rate(), tally.tokens_per_second());
    progress.update(lives.told(), so_far);
    so_far += ", ";
  }
}

OrderedJson result_of(const RewriteConfig& config, const world::World& world, const Lives& lives) {
  const Tally& tally = lives.tally();
  OrderedJson wrong = OrderedJson::object();
  for (const auto& [what, count] : tally.wrong) wrong[what] = count;
  return {{"model", config.model.string()},
          {"people", world.people.size()},
          {"versions", config.versions},
          {"biographies", world.biographies.size()},
          {"told", lives.told()},
          {"completed", std::ssize(lives) - lives.told()},
          {"answers", tally.answers},
          {"earlier", tally.earlier},
          {"acceptance_rate", tally.rate()},
          {"wrong", std::move(wrong)},
          {"tokens", tally.tokens},
          {"tokens_per_second", tally.tokens_per_second()},
          {"seconds", tally.seconds},
          {"out", config.out.string()}};
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
           "an earlier world of the same people by the same model, with other --versions or --fullname: its answers "
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
  check_out(config.out, OutKind::kWorld, config.overwrite || config.resume);
  check_not_read(config.out, config.world);
  check_not_read(config.out, config.model);
  check_not_read(config.out, config.base_model);
  check_not_read(config.out, config.answers);
  const fs::path log_path = config.out / world::kLivesFile, result_path = config.out / world::kRewriteFile;
  const bool complete = config.resume && world::is_world(config.out) && fs::exists(result_path);
  check(!config.resume || complete || fs::exists(log_path),
        "--resume: {} holds no interrupted rewrite, there is no {} in it", config.out.string(), world::kLivesFile);
  world::World world = people_of(config, run.seed);
  const AnyModel model = AnyModel::open(config.model, config.base_model);
  const text::Tokenizer tokenizer = model.tokenizer();
  const text::Template chat{text::TemplateKind::kChat, model.files().config().model_type};
  text::chat_format(tokenizer, chat.model_name);  // found wanting before anything is written

  Lives lives(world, config.full_name, config.max_tries);
  const OrderedJson settings = settings_of(config, run, model, world, lives);
  OrderedJson earlier;
  if (!config.answers.empty() && !complete && !(config.resume && has_answers(log_path))) {
    const fs::path path = config.answers / world::kLivesFile;
    check(fs::exists(path), "--answers {}: no {} there, expected what `world rewrite` wrote", config.answers.string(),
          world::kLivesFile);
    earlier = earlier_answers(path, settings, lives);
  }
  std::error_code error;
  fs::create_directories(config.out, error);
  check(!error, "cannot make the directory {}: {}", config.out.string(), error.message());
  run::Descriptor lock;
  run::lock_folder(config.out, lock, "wait for it, or give another --out");
  if (complete) return earlier_result(config, settings, result_path);
  LivesFile log(log_path, settings, config.resume, lives);
  world::begin_world(config.out);
  if (!earlier.is_null()) {
    lives.take(earlier, config.answers.string());
    log.append(earlier);
    run::message("{} answers of {} tell {} of {} lives", lives.tally().earlier, config.answers.string(), lives.told(),
                 lives.size());
  }

  tell_all(config, run, model, tokenizer, chat, lives, log);
  world.biographies = finish(config, lives, run.seed);

  const OrderedJson result = result_of(config, world, lives);
  const OrderedJson record{{"settings", settings}, {"result", result}};
  world::write_world(config.out, world, config.tokenizer, {{world::kRewriteFile, json_text(record, 2) + "\n"}});
  return result;
}

}  // namespace lethe::study
