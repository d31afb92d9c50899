// delta diff, apply and show: what tuning moved, taken apart and put together again.
#include <doctest/doctest.h>

#include <cmath>

#include "lethe/base/file.h"
#include "tests/e2e/run.h"
#include "tests/temp_dir.h"

namespace {

using lethe::Json;

const char* const kBase = "tests/golden/models/llama";

TEST_CASE("delta: base + (tuned - base) is tuned, and minus it is base again") {
  const TempDir dir;
  const auto in_dir = [&](const char* name) { return (dir / name).string(); };
  const std::string adapter = golden("models/llama/lora-qv");
  REQUIRE(run_lethe({"convert", adapter, "--base-model", kBase, "--out", in_dir("tuned")}).status == 0);

  const Run diff = run_lethe({"delta", "diff", kBase, in_dir("tuned"), "--out", in_dir("moved.safetensors"), "--json"});
  CAPTURE(diff.err);
  REQUIRE(diff.status == 0);
  CHECK(diff.json()["out"] == in_dir("moved.safetensors"));
  CHECK(run_lethe({"delta", "diff", kBase, in_dir("tuned"), "--out", in_dir("moved.safetensors")}).status == 1);

  const Run show = run_lethe({"delta", "show", in_dir("moved.safetensors"), "--json"});
  REQUIRE(show.status == 0);
  const Json norms = show.json();
  CHECK(norms["tensors"].size() == 4);  // q and v of two layers, and nothing else moved
  double squares = 0;
  for (const Json& tensor : norms["tensors"]) {
    CHECK((tensor["matrix"] == "q_proj" || tensor["matrix"] == "v_proj"));
    CHECK(tensor["norm"] > 0.0);
    squares += tensor["norm"].get<double>() * tensor["norm"].get<double>();
  }
  CHECK(norms["norm"].get<double>() == doctest::Approx(std::sqrt(squares)));
  const Run table = run_lethe({"delta", "show", in_dir("moved.safetensors")});
  CHECK(contains(table.out, "q_proj"));
  CHECK(contains(table.out, "v_proj"));

  // The adapter itself is a delta too.
  for (const std::string& delta : {in_dir("moved.safetensors"), adapter}) {
    const Run apply =
        run_lethe({"delta", "apply", kBase, delta, "--scale", "1", "--out", in_dir("again"), "--overwrite"});
    CAPTURE(apply.err);
    REQUIRE(apply.status == 0);
    const Run same = run_lethe(
        {"delta", "diff", in_dir("tuned"), in_dir("again"), "--out", in_dir("rest.safetensors"), "--overwrite"});
    REQUIRE(same.status == 0);
    CHECK(run_lethe({"delta", "show", in_dir("rest.safetensors"), "--json"}).json()["norm"] < 1e-6);
  }
  REQUIRE(run_lethe({"delta", "apply", in_dir("tuned"), in_dir("moved.safetensors"), "--scale", "-1", "--out",
                     in_dir("back")})
              .status == 0);
  REQUIRE(
      run_lethe({"delta", "diff", kBase, in_dir("back"), "--out", in_dir("rest.safetensors"), "--overwrite"}).status ==
      0);
  CHECK(run_lethe({"delta", "show", in_dir("rest.safetensors"), "--json"}).json()["norm"] < 1e-6);
}

TEST_CASE("delta: wrong arguments and files that do not fit") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  CHECK(run_lethe({"delta"}).status == 2);
  CHECK(run_lethe({"delta", "--help"}).status == 0);
  const Run unknown = run_lethe({"delta", "dif", kBase, kBase, "--out", out});
  CHECK(unknown.status == 2);
  CHECK(contains(unknown.err, "did you mean diff?"));
  const Run scale = run_lethe({"delta", "apply", kBase, kBase, "--scale", "nan", "--out", out});
  CHECK(scale.status == 2);
  CHECK(contains(scale.err, "--scale: 'nan' is not a number"));
  const Run other = run_lethe({"delta", "diff", kBase, golden("models/gpt2"), "--out", out});
  CHECK(other.status == 1);
  CHECK(other.err.starts_with("lethe: "));
  CHECK_FALSE(lethe::fs::exists(out));
  // What is read is never replaced.
  lethe::fs::copy(kBase, dir / "base");
  lethe::fs::copy(golden("models/gpt2-gelu/lora-head"), dir / "adapter");
  const std::string weights = (dir / "base" / "model.safetensors").string(), adapter = (dir / "adapter").string();
  const std::string before = lethe::read_file(weights);
  const std::string base = (dir / "base").string();
  for (const auto& [from, to] : {std::pair<std::string, std::string>(base, kBase), {kBase, base}}) {
    const Run run = run_lethe({"delta", "diff", from, to, "--out", weights, "--overwrite"});
    CHECK(run.status == 1);
    CHECK(contains(run.err, "which is read"));
  }
  CHECK(lethe::read_file(weights) == before);
  const Run onto = run_lethe({"delta", "apply", kBase, adapter, "--out", adapter, "--overwrite"});
  CHECK(onto.status == 1);
  CHECK(contains(onto.err, "which is read"));
  CHECK(lethe::fs::exists(dir / "adapter" / "adapter_config.json"));
  const Run show = run_lethe({"delta", "show", adapter});
  CHECK(show.status == 1);
  CHECK(contains(show.err, "is an adapter"));

  lethe::write_file(dir / "junk.safetensors", "not a header");
  const Run junk = run_lethe({"delta", "show", (dir / "junk.safetensors").string()});
  CHECK(junk.status == 1);
  CHECK(contains(junk.err, "junk.safetensors"));
}

}  // namespace
