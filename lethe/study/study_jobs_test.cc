// Stages of a study side by side, in processes of their own.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <new>

#include "lethe/base/interrupt.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/study_testing.h"
#include "lethe/tensor/parallel.h"

using namespace lethe;
using study::testing::Fixture;
using study::testing::log;

namespace {

// Threads of this many for the length of a test.
struct Threads {
  explicit Threads(int threads) { tensor::set_num_threads(threads); }
  ~Threads() { tensor::set_num_threads(0); }
};

}  // namespace

TEST_CASE("two stages at a time give the same results, and what goes wrong in one is told") {
  const Threads two(2);
  catch_interrupts();  // as the program does: a worker that is interrupted with the other saves and ends
  Fixture study;
  const OrderedJson alone = study.run();
  study.config.out = study.temp / "two";
  study.config.jobs = 2;
  OrderedJson both = study.run();
  CHECK(both["variants"] == alone["variants"]);
  const auto times = [&] {
    std::vector<fs::file_time_type> times;
    for (const char* name : {"world", "model", "ask"})
      for (const fs::path& folder : study.stages(name)) times.push_back(fs::last_write_time(folder / "stage.json"));
    return times;
  };
  const auto before = times();
  CHECK(before.size() == 9);
  CHECK(study.run()["variants"] == alone["variants"]);
  CHECK(times() == before);  // all was done

  study.config.out = study.temp / "interrupted";
  log() = {.calls = {}, .interrupt_at = 0, .training = [] {}};
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("interrupted at step 3"), Interrupted);
  log() = {};
  CHECK(study.run()["variants"] == alone["variants"]);

  study.config.out = study.temp / "failed";
  study.replace("rate = 0.5", "rate = 666");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("stage 'model' of augment="), Error);  // whichever comes first
}

TEST_CASE("what goes wrong in a stage is told with its name, whatever it is") {
  const Threads two(2);
  Fixture study;
  const auto fails = [&](const std::function<void()>& training, const std::string& says) {
    for (const int64_t jobs : {1, 2}) {
      log() = {.calls = {}, .interrupt_at = -1, .training = training};
      study.config.jobs = jobs;
      study.config.out = study.temp / says / std::to_string(jobs);
      CHECK_THROWS_WITH_AS(study.run(),
                           doctest::Contains(("stage 'model' of augment=single rank=none: " + says).c_str()), Error);
    }
  };
  study.config.only = {"augment=single", "rank=none"};
  fails([] { fail("the loss is infinite"); }, "the loss is infinite");
  fails([] { throw std::bad_alloc(); }, "out of memory");
  fails([] { fs::create_directory("/proc/nowhere/x"); }, "filesystem error");
  fails([] { json_int(parse_json(R"({"step": "x"})", "f.jsonl"), "step", "f.jsonl"); }, "f.jsonl: \"step\" is \"x\"");
  log().training = [] { ::raise(SIGKILL); };
  study.config.out = study.temp / "killed";
  CHECK_THROWS_WITH_AS(study.run(), "stage 'model' of augment=single rank=none: its process was ended by signal 9",
                       Error);
  log() = {};
}

TEST_CASE("a stage has all threads where the plan has nothing to run beside it") {
  const Threads four(4);
  Fixture study;
  fs::create_directory(study.temp / "threads");
  log().training = [&] {
    write_file(study.temp / "threads" / std::to_string(::getpid()), std::to_string(tensor::num_threads()));
  };
  const auto seen = [&] {  // the threads of each training
    std::vector<std::string> threads;
    for (const auto& entry : fs::directory_iterator(study.temp / "threads")) {
      threads.push_back(read_file(entry.path()));
      fs::remove(entry.path());
    }
    return threads;
  };
  study.config.jobs = 2;
  study.config.only = {"augment=single", "rank=none"};
  study.run();
  CHECK(seen() == std::vector<std::string>{"4"});
  study.config.only = {"augment=single"};
  study.config.out = study.temp / "two models";
  study.run();
  CHECK(seen() == std::vector<std::string>{"2", "2"});
  log() = {};
}

TEST_CASE("an interrupted stage goes on with the threads that it began with") {
  const Threads two(2);
  Fixture study;
  study.config.only = {"augment=single"};
  study.config.jobs = 1;
  log() = {.calls = {}, .interrupt_at = 1, .training = [] { CHECK(tensor::num_threads() == 2); }};
  CHECK_THROWS_AS(study.run(), Interrupted);
  const fs::path config = study.stages("model")[0] / "out/lethe/config.toml";
  CHECK(read_file(config).ends_with("threads = 2\nprecision = \"fp32\"\n"));
  log() = {};
  study.config.jobs = 2;
  study.run();
  CHECK(run::read_ordered_json(study.stages("model")[0] / "stage.json")["threads"].get<int>() +
            run::read_ordered_json(study.stages("model")[1] / "stage.json")["threads"].get<int>() ==
        3);  // the other one began with one of two
  CHECK(tensor::num_threads() == 2);
}
