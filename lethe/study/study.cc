#include "lethe/study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <new>
#include <optional>
#include <system_error>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/run/progress.h"
#include "lethe/run/report.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/plan.h"
#include "lethe/study/study_results.h"
#include "lethe/study/workers.h"
#include "lethe/tensor/parallel.h"
#include "lethe/world/world_files.h"

namespace lethe::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kRecipeFile = "recipe.toml";
constexpr const char* kStudyFile = "study.json";
constexpr const char* kStageFile = "stage.json";
constexpr const char* kBegunFile = "begun.json";  // of a stage that is not done: its threads, the seconds so far

std::pair<std::string, std::string> name_and_value(const std::string& option, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) fail_usage("{}: '{}' is not NAME=VALUE", option, text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string with_space(const std::string& label) { return label.empty() ? "" : " " + label; }

class Study {
 public:
  Study(const StudyConfig& config, const RunInfo& run, const std::vector<Command>& commands)
      : config_(config), run_(run), commands_(commands), recipe_(load_recipe(config.recipe)) {
    PlanOptions options{config.scale, {}, {}, tensor::name_of(run.precision)};
    for (const std::string& text : config.set) {
      const auto set = name_and_value("--set", text);
      const auto same = [&](const auto& other) { return other.first == set.first; };
      if (std::ranges::any_of(options.set, same)) fail_usage("--set {} is given twice", set.first);
      options.set.push_back(set);
    }
    for (const std::string& text : config.only) options.only.push_back(name_and_value("--only", text));
    options.seed = static_cast<int64_t>(run.seed);
    plan_ = make_plan(recipe_, commands, options);
    out_ = config.out;
    if (const std::string scale = recipe_.scale(config.scale).name; out_.empty())
      out_ = fs::path("out") / (scale == recipe_.scale("").name ? recipe_.name : recipe_.name + "-" + scale);
    stages_ = config.stages.empty() ? out_ / "stages" : config.stages;
    if (const std::string whole = fs::absolute(stages_).string(); whole.find(',') != std::string::npos)
      fail_usage("{}: expected a path without a comma, which would end a file's name in lists", whole);
    // With a slash at its end, so that it does not matter who typed one or whether the folder is there.
    const auto place = [](const fs::path& path) { return fs::weakly_canonical(fs::absolute(path) / ""); };
    if (place(stages_) == place(out_)) fail_usage("--stages {} is --out; expected another folder", stages_.string());
    check_selection();
    check(!config.resume || is_study(out_), "--resume: {} holds no study", out_.string());
    check(!fs::exists(out_) || is_study(out_) || (fs::is_directory(out_) && fs::is_empty(out_)),
          "--out {} exists and holds no study; give another", out_.string());
    const int64_t jobs = config.jobs > 0 ? config.jobs : recipe_.scale(config.scale).jobs;
    jobs_ = std::min<int64_t>(jobs, threads_);
  }

  OrderedJson dry_run(std::string* text) {
    find_done();
    OrderedJson stages = OrderedJson::array();
    for (size_t i = 0; i < plan_.work.size(); ++i) {
      const Work& work = plan_.work[i];
      stages.push_back({{"stage", work.stage},
                        {"label", work.label},
                        {"folder", (stages_ / work.folder()).string()},
                        {"done", !to_do_[i]}});
      if (text) *text += fmt::format("{} {}{}\n", to_do_[i] ? "to do" : "done ", work.stage, with_space(work.label));
    }
    if (text) *text += fmt::format("into  {}\n", out_.string());
    return {{"recipe", recipe_.name},
            {"scale", recipe_.scale(config_.scale).name},
            {"out", out_.string()},
            {"stages", std::move(stages)}};
  }

  OrderedJson run(std::string* text) {
    std::error_code error;
    fs::create_directories(out_, error);
    check(!error, "cannot make the directory {}: {}", out_.string(), error.message());
    run::Descriptor lock, stages_lock;
    run::lock_folder(out_, lock, "wait for it, or give another --out");
    check_selection();  // again: another run may have ended since
    write_file(out_ / kStudyFile, json_text(selection(), 1) + "\n");
    fs::create_directories(stages_, error);
    check(!error, "cannot make the directory {}: {}", stages_.string(), error.message());
    run::lock_folder(stages_, stages_lock, "wait for it, or give another --stages");
    stages_ = fs::canonical(stages_);  // a stage goes on, however OUT is written the next time
    find_done();
    const auto count = std::ranges::count(to_do_, true);
    if (count < std::ssize(to_do_)) run::message("{} of {} stages are done", std::ssize(to_do_) - count, to_do_.size());
    do_all();
    const OrderedJson results = study_results(recipe_, plan_, records_, selection(), run_);
    // The three belong together: nothing new stands beside something old, wherever this ends.
    for (const char* name : {run::kReportFile, run::kResultsFile}) fs::remove(out_ / name);
    write_file(out_ / kRecipeFile, recipe_.text);
    write_file(out_ / run::kResultsFile, results_text(results));
    write_file(out_ / run::kReportFile, run::page_html(run::page_of_study(recipe_.page, results)));
    if (const auto missing = run::not_measured(recipe_.page, results); !missing.empty())
      run::message("no numbers for {}", fmt::join(missing, "; "));
    if (text)
      *text = run::study_text(recipe_.page, results) + fmt::format("page: {}\n", (out_ / run::kReportFile).string());
    return results;
  }

 private:
  fs::path folder(size_t i) const { return stages_ / plan_.work[i].folder(); }

  // What the results are of.
  OrderedJson selection() const {
    std::vector<std::string> only = config_.only;
    std::ranges::sort(only);
    OrderedJson selection{{"recipe", recipe_.name}, {"scale", recipe_.scale(config_.scale).name}};
    selection["seed"] = run_.seed;
    selection["precision"] = tensor::name_of(run_.precision);
    selection["set"] = OrderedJson::object();
    for (const std::string& text : config_.set)
      selection["set"][name_and_value("--set", text).first] = name_and_value("--set", text).second;
    selection["only"] = std::move(only);
    return selection;
  }

  // Results are not replaced by others, but by those of the whole, which hold them. Older studies tell less of
  // themselves.
  void check_selection() const {
    if (!is_study(out_)) return;
    const bool has_results = fs::exists(out_ / run::kResultsFile);
    const OrderedJson then = run::read_ordered_json(out_ / (has_results ? run::kResultsFile : kStudyFile)),
                      now = selection();
    for (const auto& [key, value] : now.items()) {
      if (!then.contains(key) || Json(then[key]) == Json(value)) continue;
      if (key == "recipe" || key == "scale")
        fail_usage("--out {} holds a study of {} {}, not {}; give another", out_.string(), key, json_text(then[key]),
                   json_text(value));
      if (has_results && !(key == "only" && value.empty()))
        fail_usage("--out {} holds results with --{} {}, not {}; give another (with --stages {} it uses these stages)",
                   out_.string(), key, json_text(then[key]), json_text(value), stages_.string());
    }
  }

  // What another stage would read of it is not there.
  bool is_gone(size_t i) const {
    return records_[i]->value("removed", false) || (plan_.work[i].writes && !fs::exists(folder(i) / "out"));
  }

  // A stage is to do where it has no stage.json, or where what it wrote is gone and a stage to do reads it.
  void find_done() {
    const size_t n = plan_.work.size();
    records_.resize(n);
    to_do_.assign(n, true);
    for (size_t i = 0; i < n; ++i)
      if (fs::exists(folder(i) / kStageFile)) {
        records_[i] = read_record(i);
        to_do_[i] = false;
      }
    for (size_t i = n; i-- > 0;) {
      if (!to_do_[i]) continue;
      for (const size_t read : plan_.work[i].reads)
        if (!to_do_[read] && is_gone(read)) to_do_[read] = true;
    }
  }

  // Stages begin in the plan's order, each as soon as what it reads is there and fewer than jobs_ are at work.
  void do_all() {
    for (size_t i = 0; i < plan_.work.size(); ++i)
      if (!to_do_[i]) remove_unneeded(i);
    std::vector<bool> waits = to_do_;
    Workers workers;
    for (;;) {
      for (size_t i = 0; i < plan_.work.size() && static_cast<int64_t>(workers.running()) < jobs_; ++i) {
        if (!waits[i] || std::ranges::any_of(plan_.work[i].reads, [&](size_t read) { return to_do_[read]; })) continue;
        const Work& work = plan_.work[i];
        run::message("[{}/{}] {}{}{}", i + 1, plan_.work.size(), work.stage, with_space(work.label), time_left());
        if (interrupted()) throw Interrupted(fmt::format("interrupted before stage '{}'", work.stage));
        waits[i] = false;
        if (jobs_ > 1) {
          workers.start(i, work.label.empty() ? "" : work.label + ": ", work.name(), [&, i] { do_work(i); });
        } else {
          do_work(i);
          tensor::set_num_threads(threads_);
          done(i);
        }
      }
      if (workers.running() == 0) return;
      done(workers.wait());
    }
  }

  void done(size_t i) {
    records_[i] = read_record(i);
    to_do_[i] = false;
    remove_unneeded(i);
  }

  // The threads of a stage: its share of them, where others may be at work at the same time. What the plan allows
  // counts, not what happens to run: the last bits of a product depend on its threads.
  int threads(size_t i) const {
    return std::max(1, threads_ / static_cast<int>(std::min(jobs_, plan_.side_by_side(i))));
  }

  void do_work(size_t i) {
    const std::string name = plan_.work[i].name();
    try {
      run_stage(i);
    } catch (const Interrupted& interruption) {
      throw Interrupted(fmt::format("{}: {}", name, interruption.what()));
    } catch (const UsageError& problem) {
      throw UsageError(fmt::format("{}: {}", name, problem.what()));
    } catch (const std::bad_alloc&) {
      fail("{}: out of memory", name);
    } catch (const std::exception& problem) {
      fail("{}: {}", name, problem.what());
    }
  }

  void run_stage(size_t i) {
    const Work& work = plan_.work[i];
    const fs::path run_dir = folder(i) / "out" / "lethe";
    const Command& command = command_named(commands_, work.command, work.where);
    const bool resume = fs::exists(folder(i) / "out" / command.state) && !fs::exists(folder(i) / kStageFile);
    if (!resume) fs::remove_all(folder(i));
    std::error_code error;
    fs::create_directories(folder(i), error);
    check(!error, "cannot make the directory {}: {}", folder(i).string(), error.message());

    const std::unique_ptr<Call> call = command.call();
    call->seed = static_cast<int64_t>(run_.seed);
    Options& options = call->options();
    std::vector<std::string> arguments = work.arguments(stages_);
    std::vector<std::string> again = arguments;  // by hand
    if (resume && options.has("resume")) arguments.emplace_back("--resume");
    const Clock::time_point begin = Clock::now();
    const fs::path begun_file = folder(i) / kBegunFile;
    double spent = 0;
    int64_t threads = this->threads(i);
    if (fs::exists(begun_file)) {  // it goes on as it began, to the same bits
      const Json begun = read_json(begun_file);
      spent = json_number(begun, "seconds", begun_file.string());
      threads = json_int(begun, "threads", begun_file.string());
      check(threads >= 1 && threads <= 1024, "{}: \"threads\" is {}, expected 1 to 1024", begun_file.string(), threads);
    }
    tensor::set_num_threads(static_cast<int>(threads));
    const auto seconds = [&] { return spent + std::chrono::duration<double>(Clock::now() - begin).count(); };
    const auto write_begun = [&] {
      write_file(begun_file, OrderedJson{{"threads", threads}, {"seconds", seconds()}}.dump());
    };
    write_begun();
    const OrderedJson everywhere{{"threads", threads}, {"precision", tensor::name_of(run_.precision)}};
    OrderedJson result;
    try {
      options.parse(arguments);
      call->resolve();
      if (!options.was_typed("seed")) again.push_back(fmt::format("--seed={}", call->seed));
      again.push_back(fmt::format("--threads={}", threads));
      again.push_back(fmt::format("--precision={}", tensor::name_of(run_.precision)));
      RunInfo info = {.precision = run_.precision,
                      .seed = static_cast<uint64_t>(call->seed),
                      .version = run_.version,
                      .command = fmt::format("lethe {} {}", work.command, shell_text(again)),
                      .config_toml = options.toml(),
                      .settings = options.json()};
      for (const auto& [name, value] : everywhere.items())
        info.config_toml += fmt::format("{} = {}\n", name, json_text(value));
      info.settings.update(everywhere);
      result = call->run(info);
    } catch (const Interrupted&) {
      write_begun();
      throw;
    } catch (const Error& problem) {
      try {
        write_begun();
      } catch (const Error&) {  // no room, say, which is what `problem` tells
      }
      if (resume && std::string_view(problem.what()).starts_with("--resume"))
        fail("{}\nto begin the stage anew, delete {}", problem.what(), folder(i).string());
      if (const fs::path told = folder(i) / "out"; fs::exists(told / world::kLivesFile))
        fail("{}\nwith other options the stage takes these answers from answers = \"{}\"", problem.what(),
             told.string());
      throw;
    }
    result.update(of_run_folder(run_dir));
    records_[i] = {{"stage", work.stage},     {"command", work.command},         {"options", options.json()},
                   {"version", run_.version}, {"computed_on", processor_name()}, {"of_threads", threads_},
                   {"seconds", seconds()},    {"result", std::move(result)}};
    records_[i]->update(everywhere);
    write_record(i);
    fs::remove(begun_file);
  }

  // A stage.json whose fields are what all who use it expect.
  OrderedJson read_record(size_t i) const {
    const std::string where = (folder(i) / kStageFile).string();
    OrderedJson record = run::read_ordered_json(where);
    json_object(record, "result", where);
    json_number(record, "seconds", where);
    // Older stages do not say where they ran.
    record["computed_on"] = json_string(record, "computed_on", where, processor_name());
    record["of_threads"] = json_int(record, "of_threads", where, threads_);
    record["removed"] = json_bool(record, "removed", where, false);
    return record;
  }

  void write_record(size_t i) const { write_file(folder(i) / kStageFile, json_text(*records_[i], 1) + "\n"); }

  // What was written and is read no more, of stages with keep = false: all but the run folder and the result.
  void remove_unneeded(size_t done) {
    std::vector<size_t> candidates = plan_.work[done].reads;
    candidates.push_back(done);
    for (const size_t i : candidates) {
      if (to_do_[i] || plan_.work[i].keep || !plan_.work[i].writes || records_[i]->value("removed", false)) continue;
      bool read_later = false;
      for (size_t later = i + 1; later < plan_.work.size(); ++later)
        read_later |= to_do_[later] && std::ranges::find(plan_.work[later].reads, i) != plan_.work[later].reads.end();
      if (read_later) continue;
      (*records_[i])["removed"] = true;  // first: what is half removed is no output
      write_record(i);
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(folder(i) / "out", error))
        if (entry.path().filename() != "lethe") fs::remove_all(entry.path(), error);
    }
  }

  // By the seconds that stages of the same name took; where some never ran, by what the recipe says.
  std::string time_left() const {
    std::map<std::string, std::pair<double, int>> took;
    double spent = 0, left = 0;
    for (size_t i = 0; i < plan_.work.size(); ++i)
      if (records_[i] && !to_do_[i]) {
        const double seconds = records_[i]->value("seconds", 0.0);
        took[plan_.work[i].stage].first += seconds;
        ++took[plan_.work[i].stage].second;
        spent += seconds;
      }
    bool guess = false;
    for (size_t i = 0; i < plan_.work.size(); ++i) {
      if (!to_do_[i]) continue;
      const auto it = took.find(plan_.work[i].stage);
      if (it == took.end())
        guess = true;
      else
        left += it->second.first / it->second.second;
    }
    const bool whole = config_.set.empty() && config_.only.empty();
    if (guess && !whole) return "";
    left /= static_cast<double>(jobs_);
    if (guess) left = std::max(left, 60 * recipe_.scale(config_.scale).minutes - spent / static_cast<double>(jobs_));
    if (left < 1) return "";
    return fmt::format(", about {} left", run::duration_text(left));
  }

  const StudyConfig& config_;
  const RunInfo& run_;
  const std::vector<Command>& commands_;
  Recipe recipe_;
  Plan plan_;
  fs::path out_, stages_;
  const int threads_ = tensor::num_threads();
  int64_t jobs_ = 1;
  std::vector<std::optional<OrderedJson>> records_;  // stage.json of each work that has one
  std::vector<bool> to_do_;
};

}  // namespace

OrderedJson study(const StudyConfig& config, const RunInfo& run, const std::vector<Command>& commands,
                  std::string* text) {
  Study study(config, run, commands);
  return config.dry_run ? study.dry_run(text) : study.run(text);
}

// The studies of an older Lethe have no mark, but results beside their recipe.
bool is_study(const fs::path& folder) {
  return fs::exists(folder / kStudyFile) ||
         (fs::exists(folder / kRecipeFile) && fs::exists(folder / run::kResultsFile));
}

run::Page study_page_of(const fs::path& folder) {
  check(fs::exists(folder / run::kResultsFile), "{} holds no results yet: the study is not done", folder.string());
  const OrderedJson results = run::read_ordered_json(folder / run::kResultsFile);
  Recipe recipe = parse_recipe(read_file(folder / kRecipeFile), (folder / kRecipeFile).string());
  recipe.page.name = json_string(results, "recipe", (folder / run::kResultsFile).string());
  return run::page_of_study(recipe.page, results);
}

}  // namespace lethe::study
