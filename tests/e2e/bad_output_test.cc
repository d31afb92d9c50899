// Where the result cannot go, or the training fails: nothing half-written, nothing lost.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/e2e/bad_input.h"

namespace {

namespace fs = lethe::fs;

const std::vector<std::string> kSteps = {"--max-steps", "2"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// No file that the program starts from now on may grow beyond `bytes`, until the end of the scope.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    set({bytes, old_.rlim_max});
  }
  ~FileSizeLimit() { set(old_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  static void set(const rlimit& limit) { REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0); }
  rlimit old_;
};

// The program through a shell, for its redirections; the exit status.
int shell(const std::string& arguments) {
  const int status = std::system((std::string(LETHE_PROGRAM) + " " + arguments).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void check_no_parts(const fs::path& out) {
  for (const auto& [name, bytes] : bytes_below(out)) CHECK_FALSE(name.ends_with(".part"));
}

TEST_CASE("files that may not grow: a clear error, and no model") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  const auto before = bytes_below(model);
  const fs::path out = dir / "out";
  {
    const FileSizeLimit limit(50000);  // the weights are 101 kB
    check_fails(1, {"convert", model, "--out", out.string()}, {"cannot write", "model.safetensors", "too large"});
    CHECK_FALSE(fs::exists(out));
    check_fails(1, with({"update", model, facts, "--out", out.string()}, kSteps),
                {"cannot write", "model.safetensors", "too large"});
    CHECK_FALSE(holds_model(out));
    check_no_parts(out);
    fs::remove_all(out);
    check_fails(1, with({"update", model, facts, "--out", out.string(), "--save-steps", "1"}, kSteps),
                {"cannot write", "checkpoint.safetensors", "too large"});
    CHECK_FALSE(holds_model(out));
    check_no_parts(out);
    fs::remove_all(out);
  }
  {
    const FileSizeLimit limit(200);  // the log
    check_fails(1, with({"update", model, facts, "--out", out.string()}, kSteps), {"cannot write", "too large"});
    CHECK_FALSE(holds_model(out));
    fs::remove_all(out);
    check_fails(1, {"evaluate", model, facts, "--rows", (dir / "rows.jsonl").string()}, {"cannot write", "rows.jsonl"});
    CHECK_FALSE(fs::exists(dir / "rows.jsonl"));
    CHECK_FALSE(fs::exists(dir / "rows.jsonl.part"));
  }
  CHECK(bytes_below(model) == before);
}

TEST_CASE("a full disk: the model that was there stays, and there is room again") {
  const TempDir dir;
  const fs::path disk = dir / "disk", out = disk / "out";
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0) {
    MESSAGE("SKIPPED: a small tmpfs cannot be mounted here");
    return;
  }
  struct Unmount {
    const fs::path& disk;
    ~Unmount() { ::umount(disk.c_str()); }
  } unmount{disk};
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  const std::string other = copy_model(dir, "gpt2").string();
  check_works({"convert", model, "--out", out.string()});
  const auto before = bytes_below(out);
  check_fails(1, {"convert", other, "--out", out.string(), "--overwrite"}, {"cannot write", "No space left"});
  CHECK(bytes_below(out) == before);
  check_fails(1, with({"update", other, facts, "--out", (disk / "new").string()}, kSteps),
              {"cannot write", "No space left"});
  CHECK_FALSE(holds_model(disk / "new"));
  check_no_parts(disk);
  CHECK(bytes_below(out) == before);
}

TEST_CASE("an output directory that exists") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  lethe::write_file(dir / "data.jsonl", "{\"text\": \"a b c\"}\n");
  const std::string data = (dir / "data.jsonl").string(), out = (dir / "out").string();
  const std::vector<std::string> update = with({"update", model, facts, "--out", out}, kSteps),
                                 convert = {"convert", model, "--out", out},
                                 finetune = with({"finetune", model, data, "--out", out}, kSteps);
  const std::vector<std::string> diff = {"delta", "diff", model, model, "--out", (dir / "d").string()};
  check_works(diff);
  check_fails(1, diff, {(dir / "d").string(), "exists", "--overwrite"});
  const std::vector<std::string> apply = {"delta", "apply", model, (dir / "d").string(), "--out", out};
  fs::create_directory(out);  // an empty one too
  for (const auto& command : {update, finetune, convert, apply})
    CHECK_FALSE(contains(check_fails(1, command, {out, "exists", "--overwrite"}), "--resume"));
  CHECK(fs::is_empty(out));
  fs::remove(out);
  check_works(update);
  const auto before = bytes_below(out);
  for (const auto& command : {update, finetune, convert, apply})
    check_fails(1, command, {out, "exists", "--overwrite"});
  CHECK(bytes_below(out) == before);

  // What another run works on is not touched.
  {
    const int folder = ::open((dir / "out" / "lethe").c_str(), O_RDONLY | O_DIRECTORY);
    REQUIRE(::flock(folder, LOCK_EX | LOCK_NB) == 0);
    for (const auto& command : {update, finetune})
      check_fails(1, with(command, {"--overwrite"}), {"in use by another run", out});
    ::close(folder);
    CHECK(bytes_below(out) == before);
  }

  // Bad data costs nothing.
  lethe::write_file(dir / "bad.jsonl", "{\"prompt\": \"x\", \"new\": \"z\"}\n");
  check_fails(1, {"update", model, (dir / "bad.jsonl").string(), "--out", out, "--overwrite"}, {"no old answer"});
  CHECK(bytes_below(out) == before);

  // One kind of model replaces the other wholly.
  lethe::write_file(dir / "out" / "mine.txt", "kept");
  check_works(with(finetune, {"--overwrite"}));
  CHECK(fs::exists(dir / "out" / "adapter_config.json"));
  CHECK_FALSE(fs::exists(dir / "out" / "config.json"));
  CHECK_FALSE(fs::exists(dir / "out" / "model.safetensors"));
  check_works(with(update, {"--overwrite", "--method", "lora", "--save-adapter"}));
  CHECK(fs::exists(dir / "out" / "adapter" / "adapter_config.json"));
  check_works(with(apply, {"--overwrite"}));
  check_works(with(update, {"--overwrite"}));
  CHECK(fs::exists(dir / "out" / "config.json"));
  CHECK_FALSE(fs::exists(dir / "out" / "adapter_config.json"));
  CHECK_FALSE(fs::exists(dir / "out" / "adapter" / "adapter_config.json"));
  check_works(with(convert, {"--overwrite"}));
  CHECK(lethe::read_file(dir / "out" / "mine.txt") == "kept");
}

TEST_CASE("--overwrite: no world in the place of a model, nor the other way round") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), world = (dir / "world").string();
  check_works({"world", "make", "--people", "10", "--out", world});
  const auto models = bytes_below(model), worlds = bytes_below(world);
  check_fails(1, {"world", "make", "--people", "10", "--out", model, "--overwrite"}, {model, "holds a model"});
  check_fails(1, {"world", "change", world, "--share", "0.5", "--out", model, "--overwrite"}, {model, "holds a model"});
  check_fails(1, {"world", "rewrite", world, "--model", model, "--out", model, "--overwrite"},
              {model, "holds a model"});
  check_fails(1, {"convert", model, "--out", world, "--overwrite"}, {world, "holds a world"});
  const std::string other = (dir / "other").string();
  check_works({"world", "make", "--people", "10", "--out", other});
  check_fails(1, {"pretrain", world, "--out", other, "--overwrite", "--max-steps", "1"}, {other, "holds a world"});
  check_fails(1, {"pretrain", world, "--out", world, "--overwrite", "--max-steps", "1"}, {world});
  CHECK(bytes_below(model) == models);
  CHECK(bytes_below(world) == worlds);
}

TEST_CASE("--run-dir: another run's record is not lost") {
  const TempDir dir;
  const std::string run_dir = (dir / "run").string(), taken = (dir / "taken").string();
  const auto update = [&, model = copy_model(dir).string(), facts = write_facts(dir).string()](const fs::path& out) {
    return with({"update", model, facts, "--out", out.string(), "--run-dir", run_dir, "--no-eval"}, kSteps);
  };
  check_works(update(dir / "first"));
  const auto before = bytes_below(run_dir);
  check_fails(1, update(dir / "second"), {"--run-dir", run_dir, "holds a run", "--overwrite"});
  CHECK_FALSE(fs::exists(dir / "second"));
  lethe::write_file(taken, "a file");
  check_fails(1, with(update(fs::path(taken) / "out"), {"--overwrite"}), {"cannot make the directory", taken});
  CHECK(bytes_below(run_dir) == before);
  check_works(with(update(dir / "second"), {"--overwrite"}));
  CHECK(holds_model(dir / "second"));
}

TEST_CASE("--run-dir: files of a run's names are not replaced without --overwrite") {
  const TempDir dir;
  fs::create_directory(dir / "mine");
  const auto update = with({"update", copy_model(dir).string(), write_facts(dir).string(), "--out",
                            (dir / "out").string(), "--run-dir", (dir / "mine").string(), "--no-eval"},
                           kSteps);
  for (const char* name : {"results.json", "metrics.jsonl", "report.html", "config.toml"}) {
    CAPTURE(name);
    lethe::write_file(dir / "mine" / name, "mine");
    check_fails(1, update, {"--run-dir", "mine", "--overwrite"});
    CHECK(lethe::read_file(dir / "mine" / name) == "mine");
    fs::remove(dir / "mine" / name);
  }
  check_works(update);
}

TEST_CASE("an output that is the model, a file, or below a file") {
  const TempDir dir;
  const fs::path model = copy_model(dir);
  const std::string facts = write_facts(dir).string();
  const auto before = bytes_below(model);
  lethe::write_file(dir / "file", "mine");
  fs::create_directory_symlink(model, dir / "link");
  for (const std::string& out : {model.string(), (dir / "link").string(), (model / "..").string() + "/llama/"}) {
    CAPTURE(out);
    check_fails(1, with({"update", model.string(), facts, "--out", out, "--overwrite"}, kSteps),
                {out, "which is read"});
    check_fails(1, {"convert", model.string(), "--out", out, "--overwrite"}, {out, "which is read"});
  }
  const std::string below = (dir / "file" / "out").string();
  for (const std::string& out : {(dir / "file").string(), below}) {
    check_fails(1, with({"update", model.string(), facts, "--out", out, "--overwrite"}, kSteps), {out, "directory"});
    check_fails(1, {"convert", model.string(), "--out", out, "--overwrite"}, {out, "directory"});
  }
  check_fails(1, {"evaluate", model.string(), facts, "--rows", below}, {below});
  check_fails(1, {"evaluate", model.string(), facts, "--rows", dir.path().string()}, {dir.path().string()});
  const fs::path gguf = copy_gguf(dir);
  check_fails(1, with({"update", gguf.string(), facts, "--out", gguf.string(), "--overwrite"}, kSteps),
              {"which is read"});
  if (::geteuid() != 0) {  // root may write anywhere
    fs::create_directory(dir / "locked");
    fs::permissions(dir / "locked", fs::perms::owner_read | fs::perms::owner_exec);
    check_fails(1, {"convert", model.string(), "--out", (dir / "locked" / "out").string()}, {"Permission denied"});
  }
  CHECK(bytes_below(model) == before);
  CHECK(lethe::read_file(dir / "file") == "mine");
}

TEST_CASE("a training that diverges stops, names the step and keeps the last good checkpoint") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  lethe::write_file(dir / "data.jsonl", "{\"text\": \"a b c d\"}\n");
  const std::string data = (dir / "data.jsonl").string();
  const fs::path out = dir / "out", checkpoint = out / "lethe" / "checkpoint.safetensors";
  const auto diverges = [&](std::vector<std::string> arguments, std::vector<std::string> parts, bool keeps) {
    fs::remove_all(out);
    parts.insert(parts.end(), {"diverged", "learning rate"});
    if (keeps) parts.push_back((out / "lethe").string());
    check_fails(1, with(std::move(arguments), {"--out", out.string(), "--max-grad-norm", "0", "--save-steps", "1"}),
                parts);
    CHECK_FALSE(holds_model(out));
    CHECK(fs::exists(checkpoint) == keeps);
  };
  // The state after step 1 is the one whose loss is NaN: what is kept is the one before it, or none.
  diverges({"update", model, facts, "--method", "ft", "--learning-rate", "1e30"}, {"learn", "step 2", "1e+30"}, false);
  diverges({"update", model, facts, "--learning-rate", "1e30"}, {"learn", "step 2", "1e+30"}, true);
  const std::string kept = lethe::read_file(checkpoint);
  CHECK(contains(kept.substr(0, 1000), "\"stage\":\"forget\""));
  CHECK(contains(kept.substr(0, 1000), "\"step\":\"3\""));
  diverges({"finetune", model, data, "--learning-rate", "1e30", "--method", "full"}, {"train", "step 2 of 3", "e+29"},
           false);
  // A rate that grows: step 1 of the warm-up has none, so its state is good.
  diverges({"finetune", model, data, "--learning-rate", "1e30", "--warmup-steps", "2", "--num-train-epochs", "9"},
           {"train", "weights", "step 2 of 9"}, true);
  CHECK(contains(lethe::read_file(checkpoint).substr(0, 1000), "\"step\":\"1\""));
  // After the last step no loss is computed: the weights tell.
  diverges({"finetune", model, data, "--learning-rate", "1e30", "--method", "full", "--max-steps", "1"},
           {"train", "weights", "step 1 of 1"}, false);

  // A model that is broken already.
  const fs::path broken = dir / "broken";
  fs::copy(model, broken);
  patch_file(broken / "model.safetensors", -4, std::string("\x00\x00\xC0\x7F", 4));
  fs::remove_all(out);
  check_fails(1, {"update", broken.string(), facts, "--no-eval", "--out", out.string()}, {"nan", "not numbers"});
  CHECK_FALSE(holds_model(out));
}

TEST_CASE("standard streams that are closed, full or gone") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  const std::string out = (dir / "out").string(), err = (dir / "err").string();
  const auto check_error = [&](const char* part) {
    const std::string text = lethe::read_file(err);
    CAPTURE(text);
    CHECK(text.starts_with("lethe: "));
    CHECK(contains(text, "stdout"));
    CHECK(contains(text, part));
  };
  CHECK(shell("evaluate " + model + " " + facts + " --threads 1 >&- 2>" + err) == 1);
  check_error("Bad file descriptor");
  CHECK(shell("evaluate " + model + " " + facts + " --threads 1 --json >/dev/full 2>" + err) == 1);
  check_error("No space left");
  // The work is done, and no output went into one of its files.
  CHECK(shell("update " + model + " " + facts + " --max-steps 1 --threads 1 --out " + out + " <&- >&- 2>&-") == 1);
  CHECK(holds_model(out));
  check_works({"evaluate", out, facts});
  for (const auto& [name, bytes] : bytes_below(out)) CHECK_FALSE(contains(bytes, "percent  "));
  // Nobody reads the message: the status still tells.
  CHECK(shell("nonsense 2>&-") == 2);
  CHECK(shell("nonsense 2>/dev/full") == 2);
  CHECK(shell("evaluate " + model + " none.json 2>&-") == 1);
  // Nobody reads the result any more.
  CHECK(std::system(("{ " + std::string(LETHE_PROGRAM) + " --help; echo $? >" + err + "; } 2>/dev/null | :").c_str()) ==
        0);
  const std::string status = lethe::read_file(err);
  CHECK((status == "1\n" || status == "0\n"));  // 0: written before the reader went
}

}  // namespace
