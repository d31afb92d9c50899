#include "lethe/study/lives.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "lethe/base/error.h"
#include "lethe/world/retell.h"

namespace lethe::study {
namespace {

constexpr size_t kWave = 256;  // answers that are asked for, and kept, together
constexpr size_t kBusy = 64;   // sequences that keep the processor busy: where fewer lives are left, each is tried so
                               // much more often at a time
constexpr uint32_t kTries = 65536;  // of a life: so many random streams it has
// Settings on which the answer to one try of one life does not depend.
constexpr const char* kNotOfAnswers[] = {"lives", "versions", "fullname", "tokenizer"};

// Takes a half-written end off `text`. A record is an object.
void for_each_record(std::string& text, const fs::path& path,
                     const std::function<void(int64_t line, const Json&, const std::string& where)>& record) {
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  std::string_view rest = text;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    const std::string where = fmt::format("{}, line {}", path.string(), line);
    const Json json = parse_json(rest.substr(0, end), where);
    if (!json.is_object()) fail("{}: found {}, expected an object", where, shown(json));
    record(line, json, where);
    rest.remove_prefix(end + 1);
  }
}

struct Answer {
  int64_t person, version, number;
  bool ended;
  std::string text;
};
// A number from 0 on: one more, or a sum of them, is a number too.
int64_t small_int(const Json& json, const char* key, const std::string& where, int64_t below) {
  const int64_t value = json_int(json, key, where);
  check(value >= 0 && value < below, "{}: \"{}\" is {}, expected 0 to {}", where, key, value, below - 1);
  return value;
}
Answer read_answer(const Json& json, const std::string& where) {
  return {json_int(json, "person", where), json_int(json, "version", where), small_int(json, "try", where, kTries),
          json_bool(json, "ended", where), json_string(json, "text", where)};
}

}  // namespace

uint64_t Life::stream(int64_t number) const {
  return (static_cast<uint64_t>(person->id) * 8 + static_cast<uint64_t>(version)) * kTries +
         static_cast<uint64_t>(number);
}

Lives::Lives(const world::World& world, bool full_name, int64_t max_tries)
    : full_name_(full_name), max_tries_(max_tries) {
  for (const world::Person& person : world.people) {
    const int64_t versions = world.spec.entries(person.split == world::Split::kCelebrity);
    for (int64_t version = 0; version < versions; ++version) {
      index_[{person.id, version}] = lives_.size();
      lives_.push_back({&person, version, 0, {}});
    }
  }
}

int64_t Lives::told() const {
  return std::ranges::count_if(lives_, [](const Life& life) { return life.told.has_value(); });
}

std::vector<Try> Lives::next_wave() const {
  std::vector<size_t> open;
  for (size_t i = 0; i < lives_.size() && open.size() < kWave; ++i)
    if (!lives_[i].told && lives_[i].tries < max_tries_) open.push_back(i);
  std::vector<Try> wave;
  const size_t at_once = open.empty() ? 0 : std::max<size_t>(1, kBusy / open.size());
  for (const size_t i : open) {
    const int64_t end = std::min(max_tries_, lives_[i].tries + static_cast<int64_t>(at_once));
    for (int64_t number = lives_[i].tries; number < end; ++number) wave.push_back({i, number});
  }
  return wave;
}

void Lives::take(const Json& wave, const std::string& where) {
  const bool earlier = json_bool(wave, "earlier", where, false);
  for (const Json& entry : json_field(wave, "answers", where)) {
    const Answer answer = read_answer(entry, where);
    const auto it = index_.find({answer.person, answer.version});
    check(it != index_.end(), "{}: there is no version {} of person {}", where, answer.version, answer.person);
    Life& life = lives_[it->second];
    life.tries = std::max(life.tries, answer.number + 1);
    world::Retold retold = world::retold(*life.person, answer.text, full_name_);
    if (!answer.ended) retold.wrong = "unfinished";
    ++tally_.answers;
    if (earlier) ++tally_.earlier;
    if (retold.wrong.empty()) {
      ++tally_.taken;
      if (!life.told) life.told = std::move(retold.biography);
    } else {
      ++tally_.wrong[retold.wrong];
    }
  }
  tally_.tokens += small_int(wave, "tokens", where, int64_t{1} << 40);
  tally_.seconds += json_number(wave, "seconds", where);
}

void check_settings(const char* option, const Json& then, const OrderedJson& now, const fs::path& where) {
  if (then == Json(now)) return;
  fail_usage("{}: {} was begun with other settings, another model or another world: {}, now {}", option, where.string(),
             json_text(then), json_text(now));
}

bool has_answers(const fs::path& path) { return fs::exists(path) && std::ranges::count(read_file(path), '\n') > 1; }

OrderedJson earlier_answers(const fs::path& path, OrderedJson settings, const Lives& lives) {
  std::string text = read_file(path);
  for (const char* name : kNotOfAnswers) settings.erase(name);
  OrderedJson answers = OrderedJson::array();
  for_each_record(text, path, [&](int64_t line, const Json& json, const std::string& where) {
    if (line == 1) {
      Json then = json;
      for (const char* name : kNotOfAnswers) then.erase(name);
      return check_settings("--answers", then, settings, path);
    }
    for (const Json& entry : json_field(json, "answers", where))
      if (const Answer answer = read_answer(entry, where); lives.has(answer.person, answer.version))
        answers.push_back(OrderedJson(entry));
  });
  check(!text.empty(), "{} is empty, expected what `world rewrite` wrote", path.string());
  return {{"answers", std::move(answers)}, {"tokens", 0}, {"seconds", 0}, {"earlier", true}};
}

LivesFile::LivesFile(const fs::path& path, const OrderedJson& settings, bool resume, Lives& lives) : path_(path) {
  std::string text = resume && fs::exists(path) ? read_file(path) : "";
  for_each_record(text, path, [&](int64_t line, const Json& json, const std::string& where) {
    if (line > 1)
      lives.take(json, where);
    else
      check_settings("--resume", json, settings, path);
  });
  file_.fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  check(file_.fd >= 0 && ::ftruncate(file_.fd, static_cast<off_t>(text.size())) == 0, "cannot write {}", path.string());
  if (text.empty()) append(settings);
}

void LivesFile::append(const OrderedJson& line) { write_all(file_.fd, json_text(line) + "\n", path_.string()); }

}  // namespace lethe::study
