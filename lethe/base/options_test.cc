#include "lethe/base/options.h"

#include <doctest/doctest.h>

#include "tests/temp_dir.h"

namespace {

using lethe::Options;
using lethe::UsageError;
using Arguments = std::vector<std::string>;

struct Config {
  lethe::fs::path model, log;
  std::string text;
  double rate = 0.3;
  int64_t steps = 10;
  std::optional<int64_t> epochs;
  bool shuffle = true, quiet = false;
  std::string method = "f-ft";
  std::vector<std::string> targets = {"q_proj", "v_proj"};
  std::vector<int64_t> ids;

  void add_to(Options& options) {
    options.add("model", model, "the model").positional().required();
    options.add("text", text, "a text").positional();
    options.add("log", log, "a file");
    options.group("Training");
    options.add("rate", rate, "share of the movement").at_least(0).below(10);
    options.add("max-steps", steps, "steps").above(0);
    options.add("num-train-epochs", epochs, "passes over the data").at_least(1);
    options.add("shuffle", shuffle, "a new order every epoch");
    options.add("method", method, "how to update").one_of({"f-ft", "ft"});
    options.add("lora-target", targets, "which matrices");
    options.group("Everywhere");
    options.add("quiet", quiet, "errors only").flag().not_resolved();
    options.add("ids", ids, "token ids").at_least(0);
    options.example("update model facts.json", "updates");
  }
};

struct Parsed {
  Config config;
  Options options{"update", "forgets, then learns"};
  explicit Parsed(const Arguments& arguments) {
    config.add_to(options);
    CHECK(options.parse(arguments));
  }
};

std::string usage_error(const Arguments& arguments) {
  Config config;
  Options options("update", "forgets, then learns");
  config.add_to(options);
  try {
    options.parse(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST_CASE("values by name, by place, with '-' or '_', with '=' or a space") {
  const Parsed p({"m", "--rate=0.5", "--max_steps", "7", "a text", "--lora-target", "k_proj, o_proj", "--ids", "1,2"});
  CHECK(p.config.model == "m");
  CHECK(p.config.text == "a text");
  CHECK(p.config.rate == 0.5);
  CHECK(p.config.steps == 7);
  CHECK(p.config.targets == Arguments{"k_proj", "o_proj"});
  CHECK(p.config.ids == std::vector<int64_t>{1, 2});
  CHECK(p.options.was_set("rate"));
  CHECK(p.options.was_set("max_steps"));
  CHECK_FALSE(p.options.was_set("num-train-epochs"));
  CHECK_FALSE(p.config.epochs.has_value());
}

TEST_CASE("a negative number is a value, and '--' ends the options") {
  CHECK(Parsed({"m", "--", "--rate"}).config.text == "--rate");
  CHECK(Parsed({"m", "-1 degree"}).config.text == "-1 degree");
  CHECK(usage_error({"m", "--rate", "-0.3"}) == "--rate: '-0.3' is not a number of at least 0 and below 10");
}

TEST_CASE("help and version are asked for where an option may stand, not in a value") {
  const auto asks = [](const Arguments& arguments) -> std::string {
    Config config;
    Options options("update", "forgets, then learns");
    config.add_to(options);
    return options.parse(arguments) ? "nothing" : options.asks_version() ? "version" : "help";
  };
  CHECK(asks({"--version"}) == "version");
  CHECK(asks({"m", "--rate", "x", "--version"}) == "version");
  CHECK(asks({"--no-such", "-h"}) == "help");
  CHECK(asks({"m", "--shuffle", "-h"}) == "help");
  CHECK(asks({"m", "--rate=1", "-h"}) == "help");
  CHECK(asks({"m", "--log", "--help"}) == "help");  // a word that names an option is no value
  CHECK(asks({"m", "--log", "-h"}) == "nothing");
  CHECK(asks({"m", "--log=-h"}) == "nothing");
  CHECK(asks({"m", "--", "--help"}) == "nothing");
  CHECK(Parsed({"m", "--log", "-h"}).config.log == "-h");
  CHECK(Parsed({"m", "--log=--version"}).config.log == "--version");
}

TEST_CASE("switches and flags") {
  CHECK(Parsed({"m", "--shuffle"}).config.shuffle);
  CHECK_FALSE(Parsed({"m", "--shuffle", "off"}).config.shuffle);
  CHECK_FALSE(Parsed({"m", "--shuffle=false"}).config.shuffle);
  const Parsed flag({"m", "--quiet", "on"});
  CHECK(flag.config.quiet);
  CHECK(flag.config.text == "on");
  CHECK(usage_error({"m", "--shuffle=maybe"}) == "--shuffle: 'maybe' is not on or off");
}

TEST_CASE("what is wrong is named with option, value and expectation") {
  CHECK(usage_error({"m", "--rate", "10"}).find("below 10") != std::string::npos);
  CHECK(usage_error({"m", "--rate", "nan"}).find("'nan' is not a number") != std::string::npos);
  CHECK(usage_error({"m", "--rate", "1x"}).find("'1x' is not a number") != std::string::npos);
  CHECK(usage_error({"m", "--rate", ""}).find("'' is not a number") != std::string::npos);
  CHECK(usage_error({"m", "--max-steps", "0"}) == "--max-steps: '0' is not a whole number above 0");
  CHECK(usage_error({"m", "--max-steps", "1.5"}) == "--max-steps: '1.5' is not a whole number above 0");
  CHECK(usage_error({"m", "--max-steps", "99999999999999999999"}).find("is not a whole number") != std::string::npos);
  CHECK(usage_error({"m", "--method", "rome"}) == "--method: 'rome' is not one of f-ft, ft");
  CHECK(usage_error({"m", "--ids", "1,x"}) == "--ids: '1,x' is not whole numbers with commas between of at least 0");
  CHECK(usage_error({"m", "--ids", "1,-2"}).find("'1,-2' is not") != std::string::npos);
  CHECK(usage_error({"m", "--rate"}).starts_with("--rate needs a value"));
  CHECK(usage_error({"m", "--method", "--rate", "1"}).starts_with("--method needs a value"));
  CHECK(usage_error({"m", "--rate", "1", "--rate", "2"}) == "--rate is given twice");
  CHECK(usage_error({}) == "MODEL is missing; usage: lethe update MODEL [TEXT] [OPTIONS]");
  CHECK(usage_error({"m", "t", "more"}).starts_with("unexpected argument 'more'"));
}

TEST_CASE("an unknown option names the nearest one") {
  CHECK(usage_error({"m", "--max_stps=3"}).starts_with("unknown option --max_stps (did you mean --max-steps?)"));
  CHECK(usage_error({"m", "--epochs=3"}).starts_with("unknown option --epochs (here it is --num-train-epochs)"));
  CHECK(usage_error({"m", "--target_modules", "q"})
            .starts_with("unknown option --target_modules (here it is --lora-target)"));
  CHECK(usage_error({"m", "--zzzzzzzz"}).starts_with("unknown option --zzzzzzzz; `lethe update --help`"));
}

TEST_CASE("an option without effect is an error only where it was set") {
  Parsed set({"m", "--rate", "1"});
  CHECK_THROWS_WITH_AS(set.options.no_effect("rate", "ft forgets nothing"), "--rate has no effect: ft forgets nothing",
                       UsageError);
  Parsed unset({"m"});
  unset.options.no_effect("rate", "ft forgets nothing");
  CHECK_FALSE(unset.options.json().contains("rate"));
}

TEST_CASE("a configuration file gives any option, and arguments win") {
  const TempDir dir;
  lethe::write_file(dir / "c.toml",
                    "command = \"update\"\nmodel = \"m\"\nrate = 1\nmax_steps = 5\nshuffle = false\n"
                    "lora-target = [\"a\", \"b\"]\nids = [3, 4]\n");
  const Parsed p({"--config", (dir / "c.toml").string(), "--max-steps", "6"});
  CHECK(p.config.model == "m");
  CHECK(p.config.rate == 1.0);
  CHECK(p.config.steps == 6);
  CHECK_FALSE(p.config.shuffle);
  CHECK(p.config.targets == Arguments{"a", "b"});
  CHECK(p.config.ids == std::vector<int64_t>{3, 4});
  CHECK(p.options.was_set("rate"));
}

TEST_CASE("a file that gives the default robs nothing of effect, but gives it") {
  const TempDir dir;
  lethe::write_file(dir / "c.toml", "rate = 0.3\nmethod = \"f-ft\"\n");
  Parsed p({"m", "--config", (dir / "c.toml").string(), "--max-steps", "5"});
  CHECK_FALSE(p.options.was_set("rate"));
  CHECK(p.options.was_given("rate"));
  CHECK(p.options.was_given("max-steps"));
  CHECK_FALSE(p.options.was_given("shuffle"));
  p.options.no_effect("method", "nothing is updated");
  p.options.drop_from_file("rate");
  CHECK_FALSE(p.options.was_given("rate"));
}

TEST_CASE("what a file gives may lose its effect by an argument, and has its default then") {
  const TempDir dir;
  lethe::write_file(dir / "c.toml", "rate = 1\nnum-train-epochs = 5\nlora-target = [\"a\"]\n");
  const std::string path = (dir / "c.toml").string();
  Parsed p({"m", "--config", path, "--method", "ft"});
  CHECK(p.options.was_set("rate"));
  CHECK_FALSE(p.options.was_typed("rate"));
  CHECK(p.options.was_typed("method"));
  for (const char* name : {"rate", "num-train-epochs", "lora-target"})
    p.options.no_effect(name, "ft has none", "method");
  CHECK(p.config.rate == 0.3);
  CHECK_FALSE(p.config.epochs.has_value());
  CHECK(p.config.targets == Arguments{"q_proj", "v_proj"});
  CHECK_FALSE(p.options.was_set("rate"));
  CHECK_FALSE(p.options.json().contains("rate"));

  const auto refused = [&](const Arguments& arguments, const char* because) {
    Parsed wrong(arguments);
    CHECK_THROWS_WITH_AS(wrong.options.no_effect("rate", "ft has none", because), "--rate has no effect: ft has none",
                         UsageError);
  };
  refused({"m", "--config", path, "--method", "ft", "--rate", "2"}, "method");  // typed itself
  refused({"m", "--config", path}, "method");                                   // the file contradicts itself
  refused({"m", "--config", path, "--method", "ft"}, "");
}

TEST_CASE("of two options that exclude each other an argument wins over the file") {
  const TempDir dir;
  const auto overrides = [&](const std::string& toml, Arguments arguments) {
    lethe::write_file(dir / "c.toml", toml);
    arguments.insert(arguments.end(), {"m", "--config", (dir / "c.toml").string()});
    Parsed p(arguments);
    p.options.overrides("max-steps", "num-train-epochs", "--max-steps ends it");
    return p.options.json();
  };
  CHECK_FALSE(overrides("num-train-epochs = 5\n", {"--max-steps", "6"}).contains("num-train-epochs"));
  CHECK(overrides("", {"--num-train-epochs", "6"})["num-train-epochs"] == 6);
  const auto epochs = overrides("max-steps = 5\n", {"--num-train-epochs", "6"});
  CHECK(epochs["num-train-epochs"] == 6);
  CHECK_FALSE(epochs.contains("max-steps"));
  CHECK_THROWS_AS(overrides("", {"--max-steps", "5", "--num-train-epochs", "6"}), UsageError);
  CHECK_THROWS_AS(overrides("max-steps = 5\nnum-train-epochs = 5\n", {}), UsageError);
}

TEST_CASE("a configuration file may write any value as a text") {
  const TempDir dir;
  lethe::write_file(dir / "c.toml", "rate = \"0.5\"\nmax-steps = \"2\"\nshuffle = \"off\"\nids = \"3,4\"\n");
  const Parsed p({"m", "--config", (dir / "c.toml").string()});
  CHECK(p.config.rate == 0.5);
  CHECK(p.config.steps == 2);
  CHECK_FALSE(p.config.shuffle);
  CHECK(p.config.ids == std::vector<int64_t>{3, 4});
}

TEST_CASE("a wrong configuration file is an error with file, line and key") {
  const TempDir dir;
  const std::string path = (dir / "c.toml").string();
  const auto error = [&](const std::string& text) {
    lethe::write_file(path, text);
    const std::string message = usage_error({"m", "--config", path});
    CHECK(message.starts_with(path + ":"));
    return message.substr(path.size() + 1);
  };
  CHECK(error("\nrat = 1\n").starts_with("2: rat: no such option (did you mean rate?)"));
  CHECK(error("rate = \"much\"\n") == "1: rate: 'much' is not a number of at least 0 and below 10");
  CHECK(error("rate = nan\n").starts_with("1: rate: 'nan' is not a number"));
  CHECK(error("max-steps = 1.5\n").starts_with("1: max-steps: '1.5' is not a whole number"));
  CHECK(error("[training]\nrate = 1\n").starts_with("1: training: no such option"));
  CHECK(error("[rate]\nx = 1\n").starts_with("1: rate: 'a table' is not a number"));
  CHECK(error("rate = \n").starts_with("1: this is not TOML"));
  CHECK(error("command = \"finetune\"\n").starts_with("1: command is 'finetune'"));
  CHECK(error("max-steps = \"two\"\n").starts_with("1: max-steps: 'two' is not a whole number"));
  CHECK(error("help = true\n").starts_with("1: help: no such option"));
  CHECK(error("config = \"other.toml\"\n").starts_with("1: config: no such option"));
}

TEST_CASE("the resolved configuration repeats the run") {
  const TempDir dir;
  Parsed first({"m \"quoted\" \\ and\nmore", "--rate", "1e-5", "--shuffle", "off", "--quiet"});
  first.config.steps = 77;  // a default that was chosen later
  lethe::write_file(dir / "c.toml", first.options.toml());
  const Parsed again({"--config", (dir / "c.toml").string()});
  CHECK(again.options.json() == first.options.json());
  CHECK(again.config.model == first.config.model);
  CHECK(again.config.rate == 1e-5);
  CHECK(again.config.steps == 77);
  CHECK_FALSE(again.config.quiet);
  CHECK_FALSE(again.options.json().contains("num-train-epochs"));
  CHECK_FALSE(again.options.json().contains("log"));
}

TEST_CASE("help shows usage, examples, groups and defaults") {
  Config config;
  Options options("update", "forgets, then learns");
  config.add_to(options);
  CHECK_FALSE(options.parse(Arguments{"--rate", "nonsense", "--help"}));
  const std::string help = options.help();
  for (const char* part :
       {"lethe update MODEL [TEXT] [OPTIONS]", "forgets, then learns", "  lethe update model facts.json", "--rate X",
        "(default 0.3)", "--method f-ft|ft", "--lora-target A,B", "(default q_proj,v_proj)", "--shuffle on|off",
        "--num-train-epochs N", "--config FILE.toml", "--help  ", "--version  "}) {
    CAPTURE(part);
    CHECK(help.find(part) != std::string::npos);
  }
  CHECK(help.find("Arguments:") < help.find("Training:"));
  CHECK(help.find("Training:") < help.find("Everywhere:"));
}

TEST_CASE("a positional of several takes all plain arguments, commas and all") {
  std::vector<std::string> runs;
  lethe::fs::path out;
  Options options("report", "");
  options.add("run", runs, "").several().required();
  options.add("out", out, "").required();
  const std::vector<std::string> arguments = {"a", "--out", "page.html", "b,c", "d"};
  REQUIRE(options.parse(arguments));
  CHECK(runs == std::vector<std::string>{"a", "b,c", "d"});
  CHECK(options.usage() == "lethe report RUN [RUN ...] --out PATH [OPTIONS]");
}

TEST_CASE("a list that is required is not empty") {
  const TempDir dir;
  lethe::write_file(dir / "c.toml", "data = []\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{""}, {"--data="}, {"--data", ""}, {"--config", (dir / "c.toml").string()}}) {
    std::vector<std::string> data, targets;
    Options options("pretrain", "");
    options.add("data", data, "").positional().required();
    options.add("targets", targets, "");
    CHECK_THROWS_WITH_AS(options.parse(arguments), doctest::Contains("is empty, expected words with commas between"),
                         UsageError);
    Options optional("pretrain", "");
    optional.add("targets", targets, "");
    CHECK(optional.parse(std::vector<std::string>{"--targets="}));
  }
}

TEST_CASE("words as a shell reads them") {
  CHECK(shell_text(std::vector<std::string>{}).empty());
  CHECK(shell_text(std::vector<std::string>{"--out=a/b", "my facts", "it's", "", "$HOME"}) ==
        "--out=a/b 'my facts' 'it'\\''s' '' '$HOME'");
}

}  // namespace
